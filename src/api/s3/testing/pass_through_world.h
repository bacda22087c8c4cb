#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/pass_through.h"
#include "api/s3/testing/fake_forwarder.h"
#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api::s3 {

/// Passes requests on to a FakeForwarder, in virtual time. One thread.
class PassThroughWorld {
 public:
  explicit PassThroughWorld(PassThroughConfig config = {.region = "eu-west-7"},
                            bool has_store = true)
      : passing_(std::move(config), has_store ? &store : nullptr, endpoint_metrics_, egress_,
                 virtual_.clock(), metrics_) {}

  RecordingWriter ask(std::string_view target, std::vector<std::string> buckets = {"bkt"},
                      net::Method method = net::Method::kGet, std::vector<net::Field> fields = {}) {
    RecordingWriter writer;
    const net::Request request(method, target, std::move(fields));
    (void)virtual_.run(handle(request, writer, std::move(buckets)));
    return writer;
  }
  std::shared_ptr<std::optional<bool>> begin(const net::Request& request,
                                             net::ResponseWriter& writer) {
    return virtual_.start(handle(request, writer, {"bkt"}));
  }
  [[nodiscard]] rt::Worker& worker() { return virtual_.worker(); }
  [[nodiscard]] std::string metrics() { return metrics_.text(); }
  void pass(std::chrono::nanoseconds time) { virtual_.pass(time); }

  FakeForwarder store;

 private:
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer,
                        std::vector<std::string> buckets) {
    const Target target = *parse_target(request, VirtualHosts());
    PassQuestion question = *ask_store(target, request);
    if (target.operation != Operation::kListBuckets) question.buckets = std::move(buckets);
    question.request_id = "id-1";
    PassThrough::Sees sees = [](std::string_view bucket) { return bucket != "secret"; };
    co_await passing_.answer(virtual_.worker(), request, writer, std::move(question),
                             std::move(sees));
    co_return true;
  }

  rt::VirtualWorker virtual_;
  Metrics metrics_;
  EndpointMetrics endpoint_metrics_{metrics_};
  Throughput egress_{metrics_.counter("egress", "")};
  PassThrough passing_;
};

/// A list of `keys` entries of the bucket `name`.
inline std::string list_of(std::string_view name, size_t keys) {
  std::string text = "<?xml version=\"1.0\"?><ListBucketResult><Name>";
  text.append(name).append("</Name><Prefix></Prefix>");
  for (size_t i = 0; i < keys; ++i)
    text += "<Contents><Key>" + std::to_string(i) + "</Key></Contents>";
  return text + "</ListBucketResult>";
}

}  // namespace cachey::api::s3
