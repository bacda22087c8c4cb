#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/endpoint.h"
#include "api/s3/testing/fake_forwarder.h"
#include "api/testing/recording_writer.h"
#include "base/random.h"
#include "cache/range_reader.h"
#include "origin/testing/fake_origin.h"
#include "rt/testing/virtual_worker.h"
#include "store/s3_fifo.h"

namespace cachey::api::s3 {

/// All parts of a server below the network, on one worker and in virtual time. The store has the
/// object `o` in the bucket `bkt`, of kObjectBytes.
class EndpointWorld {
 public:
  static constexpr uint64_t kObjectBytes = 1000;

  /// `policy`: of every object, see RevalidateRule. `forwarder`: null: none; nothing: forwarder().
  explicit EndpointWorld(const std::string& policy = "5", bool plain = false,
                         std::chrono::milliseconds negative_ttl = {},
                         const std::vector<DeclaredKind>& aliases = {},
                         std::optional<origin::Forwarder*> forwarder = std::nullopt)
      : negative_ttl_(negative_ttl),
        access_(metrics_, {}, BucketRules({}, aliases, OtherKinds::kAny)),
        endpoint_({.hosts = {},
                   .aliases = Aliases(aliases),
                   .rules = rules(policy),
                   .region = "eu-west-7",
                   .plain = plain},
                  cache_, forwarder.value_or(&forwarder_), egress_, metrics_, random_) {
    virtual_.clock().set_unix_seconds(1'800'000'000);
    put({.size = kObjectBytes});
  }

  void put(origin::FakeOrigin::Object object) { origin_.put("bkt", "o", std::move(object)); }

  RecordingWriter ask(std::vector<net::Field> fields = {}, net::Method method = net::Method::kGet,
                      std::string_view target = "/bkt/o") {
    RecordingWriter writer;
    const net::Request request(method, target, std::move(fields));
    (void)virtual_.run(handle(request, writer));
    return writer;
  }

  /// Begins a request, which ends in a later pass(). `request` and `writer` outlive it.
  std::shared_ptr<std::optional<bool>> begin(const net::Request& request, RecordingWriter& writer) {
    return virtual_.start(handle(request, writer));
  }

  /// Reads a byte of `o` as /fetch does from one bucket of the kind; the failure, or "".
  std::string fetch(const std::string& bucket, bool exact, uint64_t offset = 0) {
    const auto spec = spec_of("bkt", bucket);
    spec->wishes.exact = exact;
    Result<void> done = virtual_.run(read(spec, offset));
    virtual_.pass(std::chrono::milliseconds(100));
    return done ? "" : done.error().message();
  }

  /// Begins what fetch() does, of another kind.
  std::shared_ptr<std::optional<Result<void>>> begin_fetch(const std::string& kind,
                                                           const std::string& bucket) {
    return virtual_.start(read(spec_of(kind, bucket), 0));
  }

  /// The client of a GET leaves after a second.
  void leave(RecordingWriter& writer) {
    const net::Request request(net::Method::kGet, "/bkt/o", {});
    const auto ended = virtual_.start(handle(request, writer));
    virtual_.pass(std::chrono::seconds(1));
    EXPECT_FALSE(ended->has_value());
    writer.leave();
    virtual_.pass(rt::TimerWheel::kTick);
    EXPECT_TRUE(ended->has_value());
    virtual_.pass(std::chrono::seconds(10));  // the fill ends
  }

  /// The requests to the store since the last call: H HeadObject, G a range, T a tail.
  std::string asked() {
    std::string letters;
    const std::vector<origin::FakeOrigin::Asked> all = origin_.asked();
    for (; seen_ < all.size(); ++seen_) {
      const origin::Ask ask = all[seen_].ask;
      letters += ask == origin::Ask::kHead ? 'H' : ask == origin::Ask::kTail ? 'T' : 'G';
    }
    return letters;
  }

  void pass(std::chrono::nanoseconds time) { virtual_.pass(time); }
  [[nodiscard]] MonoTime now() { return virtual_.clock().mono(); }
  [[nodiscard]] std::string metrics() { return metrics_.text(); }
  [[nodiscard]] Metrics& all_metrics() { return metrics_; }
  [[nodiscard]] origin::FakeOrigin& origin() { return origin_; }
  /// Answers what passes the cache by.
  [[nodiscard]] FakeForwarder& forwarder() { return forwarder_; }

 private:
  static RevalidateRules rules(const std::string& policy) {
    return RevalidateRules({*RevalidateRule::parse("*=" + policy)});
  }
  static store::MemoryTierConfig memory_config() {
    store::MemoryTierConfig config;
    config.limit_bytes = 8 * kPageBytes;
    return config;
  }
  [[nodiscard]] cache::FillConfig fill_config() const {
    cache::FillConfig config;
    config.heads_bytes_max = kMiB;
    config.negative_ttl = negative_ttl_;
    return config;
  }

  std::shared_ptr<cache::FetchSpec> spec_of(const std::string& kind, const std::string& bucket) {
    auto spec = std::make_shared<cache::FetchSpec>();
    spec->key = cache::ObjectKey{kind, "o"};
    spec->buckets = {bucket};
    spec->metrics = &cache_metrics_.of(kind);
    return spec;
  }
  rt::Task<Result<void>> read(cache::FetchSpecPtr spec, uint64_t offset) {
    cache::RangeReader reader(cache_, virtual_.worker(), std::move(spec), {offset, offset + 1},
                              cache::RangeReader::Use::kBody);
    std::optional<Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    co_return std::move(*opened);
  }
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kAnyone, request);
    rt::Task<void> rest = endpoint_.handle(virtual_.worker(), request, permit, writer);
    if (rest.valid()) co_await std::move(rest);
    co_return true;
  }

  const std::chrono::milliseconds negative_ttl_;
  rt::VirtualWorker virtual_;
  SystemRandom random_;
  Metrics metrics_;
  origin::FakeOrigin origin_;
  FakeForwarder forwarder_;
  origin::Buckets buckets_{0.99, virtual_.clock(), metrics_};
  origin::Gate gate_{{}, virtual_.clock(), metrics_};
  origin::ReadMetrics read_metrics_{metrics_};
  cache::CacheMetrics cache_metrics_{metrics_, 10};
  store::MemoryTier memory_{memory_config(), std::make_unique<store::S3Fifo>(), virtual_.clock()};
  cache::Cache cache_{fill_config(),
                      {origin_, buckets_, gate_, read_metrics_},
                      memory_,
                      cache_metrics_,
                      virtual_.clock()};
  Throughput egress_{metrics_.counter("egress", "")};
  Access access_;
  Endpoint endpoint_;
  size_t seen_ = 0;
};

}  // namespace cachey::api::s3
