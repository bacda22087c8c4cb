#include "api/access_log.h"

#include <unistd.h>

#include <chrono>
#include <exception>
#include <stop_token>

#include "api/request_id.h"
#include "base/log.h"
#include "base/shard.h"
#include "net/http/masked_target.h"

namespace cachey::api {
namespace {

constexpr std::string_view kNone = "-";
constexpr unsigned kClientLeft = 499;  // as nginx writes it; never sent

std::string_view protocol_of(const net::Request& request) {
  return request.protocol() == net::Protocol::kHttp2 ? "h2" : "http/1.1";
}

/// `-` if the client is not known.
std::string text_of(const net::IpAddress& client) {
  return client.is_unspecified() ? std::string(kNone) : client.to_string();
}

std::string_view hit_text(net::CacheStatus status) {
  switch (status) {
    case net::CacheStatus::kHit:
      return "1";
    case net::CacheStatus::kMiss:
      return "0";
    case net::CacheStatus::kNone:
      return kNone;
  }
  return kNone;
}

double milliseconds(std::chrono::nanoseconds duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return static_cast<double>(micros) / 1000;
}

}  // namespace

/// Passes all calls on to the real writer, adds `X-Request-Id` to the head and notes what the log
/// line needs. Lives in the frame of handle_observed().
class AccessLog::ObservedWriter final : public net::ResponseWriter {
 public:
  ObservedWriter(net::ResponseWriter& writer, const net::Request& request, const Clock& clock)
      : writer_(writer),
        id_(request.id()),
        clock_(clock),
        head_only_(request.method() == net::Method::kHead) {}

  void start(const net::ResponseHead& head) override {
    net::ResponseHead named = head;
    named.add("X-Request-Id", id_);
    status_ = head.status();
    cache_status_ = head.cache_status();
    writer_.start(named);
  }
  [[nodiscard]] size_t offer(std::span<const iovec> body) override {
    const size_t taken = writer_.offer(body);
    if (taken > 0 && bytes_ == 0 && !head_only_) first_byte_ = clock_.mono();
    if (!head_only_) bytes_ += taken;
    return taken;
  }
  [[nodiscard]] rt::Task<bool> writable() override { return writer_.writable(); }
  [[nodiscard]] rt::Task<bool> flush() override { return writer_.flush(); }
  [[nodiscard]] rt::Task<bool> finish(std::span<const net::Field> trailers) override {
    finished_ = true;
    return writer_.finish(trailers);
  }
  void abort() override {
    finished_ = false;
    writer_.abort();
  }
  [[nodiscard]] std::stop_token client_left() override { return left_ = writer_.client_left(); }

  /// kClientLeft if the client left before there was a status.
  [[nodiscard]] unsigned status() const {
    return status_ == 0 && left_.stop_requested() ? kClientLeft : status_;
  }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] MonoTime first_byte() const { return first_byte_; }
  [[nodiscard]] net::CacheStatus cache_status() const { return cache_status_; }
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  net::ResponseWriter& writer_;
  const std::string_view id_;
  const Clock& clock_;
  const bool head_only_;  // offered bytes are not sent
  unsigned status_ = 0;   // 0: no head yet
  std::stop_token left_;
  bool finished_ = false;
  net::CacheStatus cache_status_ = net::CacheStatus::kNone;
  uint64_t bytes_ = 0;
  MonoTime first_byte_;  // valid if bytes_ is not 0
};

Result<void> AccessLog::start(const std::string& path) {
  LineSinkConfig config;
  config.queue_bytes_max = kQueueBytesMax;
  config.queues = kShards;
  config.gather = kGatherTime;
  config.tells_failures = true;
  if (path == "-") {
    sink_ = std::make_shared<LineSink>(STDOUT_FILENO, config);
    return {};
  }
  Result<std::unique_ptr<LineSink>> opened = LineSink::open(path, config);
  if (!opened) {
    return fail(ErrorKind::kBadRequest,
                "--access-log: " + log::quoted(path) + ": " + opened.error().message());
  }
  sink_ = std::move(*opened);
  return {};
}

Result<void> AccessLog::reopen() {
  if (sink_ == nullptr) return {};
  return sink_->reopen();
}

void AccessLog::flush() {
  if (sink_ != nullptr) (void)sink_->flush();
}

rt::Task<void> AccessLog::handle(rt::Worker& worker, const net::Request& request,
                                 net::ResponseWriter& writer) {
  const std::string_view id = RequestId::of_client(request);
  if (id.empty() && sink_ == nullptr) return next_.handle(worker, request, writer);
  return handle_with_id(worker, request, writer, id);
}

rt::Task<void> AccessLog::handle_with_id(rt::Worker& worker, const net::Request& request,
                                         net::ResponseWriter& writer, std::string_view id) {
  const RequestId ours(random_);
  net::Request named = request.with_id(id.empty() ? ours.text() : id);
  net::RequestNotes notes;
  named.set_notes(notes);
  co_await handle_observed(worker, named, writer);
}

rt::Task<void> AccessLog::handle_observed(rt::Worker& worker, const net::Request& request,
                                          net::ResponseWriter& writer) {
  const MonoTime began = clock_.mono();
  ObservedWriter observed(writer, request, clock_);
  std::exception_ptr failure;
  try {
    co_await next_.handle(worker, request, observed);
  } catch (...) {
    failure = std::current_exception();
  }
  if (sink_ != nullptr) write_line(request, observed, began);
  if (failure) std::rethrow_exception(failure);
}

void AccessLog::write_line(const net::Request& request, const ObservedWriter& response,
                           MonoTime began) const {
  const std::string client = text_of(request.client_address());
  LogLine line(format_);
  line.add_word("time", format_log_time(clock_.wall()));
  line.add({"client", client});
  line.add({"method", request.method_name()});
  const std::string target = net::masked_target(request.target());
  line.add({"target", target}, kTargetBytesMax);
  line.add({"status", response.status()});
  line.add({"bytes", response.bytes()});
  line.add({"duration_ms", milliseconds(clock_.mono() - began)});
  if (response.bytes() > 0) {
    line.add({"first_byte_ms", milliseconds(response.first_byte() - began)});
  } else {
    line.add({"first_byte_ms", kNone});
  }
  line.add({"hit", hit_text(response.cache_status())});
  line.add({"request_id", request.id()});
  line.add({"protocol", protocol_of(request)});
  line.add({"complete", response.finished()});
  line.add({"user_agent", request.field("user-agent").value_or(kNone)});
  const net::RequestNotes* const notes = request.notes();
  if (notes != nullptr && !notes->operation.empty()) {
    line.add({"operation", notes->operation});
    line.add({"bucket", notes->bucket.empty() ? kNone : notes->bucket});
    line.add({"range", request.field("range").value_or(kNone)});
    line.add({"cache", notes->cache.empty() ? kNone : notes->cache});
    line.add({"key", notes->access_key.empty() ? kNone : notes->access_key});
  }
  sink_->write(line.finish());
}

}  // namespace cachey::api
