#include "api/access_log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>

#include "api/request_id.h"
#include "base/log.h"
#include "base/shard.h"
#include "net/http/masked_target.h"

namespace cachey::api {
namespace {

constexpr std::string_view kNone = "-";
constexpr std::array<std::string_view, 6> kProbes = {"/healthz",   "/readyz",   "/metrics",
                                                     "/-/healthz", "/-/readyz", "/stats"};
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

std::string_view or_none(std::string_view text) { return text.empty() ? kNone : text; }

/// What handlers tell. `error`: of the response's head.
void add_notes(LogLine& line, const net::Request& request, const net::RequestNotes& notes,
               std::string_view error) {
  line.add({"operation", notes.operation});
  const bool is_s3 = !notes.operation.empty();
  if (is_s3 || notes.reads_object) {
    line.add({"bucket", or_none(notes.bucket)});
    line.add({"range", request.field("range").value_or(kNone)});
    if (is_s3) line.add({"cache", or_none(notes.cache)});
    if (is_s3) line.add({"key", or_none(notes.access_key)});
    line.add({"tier", or_none(notes.tier)});
  }
  line.add({"token", notes.token});
  line.add({"error", notes.error.empty() ? error : notes.error});
  line.add({"trace_id", trace_id_of(request.trace())});
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
    if (!id_.empty()) named.add("X-Request-Id", id_);
    status_ = head.status();
    error_ = head.error();
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
  [[nodiscard]] std::optional<bool> try_finish(std::span<const net::Field> trailers) override {
    finished_ = true;
    return writer_.try_finish(trailers);
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
  /// Empty: none.
  [[nodiscard]] std::string_view error() const { return error_; }

 private:
  net::ResponseWriter& writer_;
  const std::string_view id_;
  const Clock& clock_;
  const bool head_only_;  // offered bytes are not sent
  unsigned status_ = 0;   // 0: no head yet
  std::string_view error_;
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

/// What a client calls its request.
struct AccessLog::Names {
  std::string_view id;    // empty: none that is taken
  TraceContextPtr trace;  // null: none
};

AccessLog::Names AccessLog::names_of(const net::Request& request) {
  const net::Field* id = nullptr;
  const net::Field* traceparent = nullptr;
  size_t traceparents = 0;
  for (const net::Field& field : request.fields()) {
    if (id == nullptr && field.name == "x-request-id") id = &field;
    if (field.name != "traceparent") continue;
    traceparent = &field;
    ++traceparents;
  }
  Names names;
  if (id != nullptr) names.id = RequestId::checked(id->value);
  if (traceparents != 1) return names;
  std::optional<TraceContext> trace = TraceContext::parse(traceparent->value);
  if (!trace) return names;
  for (const net::Field& field : request.fields()) {
    if (field.name == "tracestate") trace->add_state(field.value);
  }
  names.trace = std::make_shared<const TraceContext>(std::move(*trace));
  return names;
}

rt::Task<void> AccessLog::handle(rt::Worker& worker, const net::Request& request,
                                 net::ResponseWriter& writer) {
  Names names = names_of(request);
  const bool has_name = !names.id.empty() || names.trace != nullptr;
  if (!has_name && sink_ == nullptr) return next_.handle(worker, request, writer);
  return handle_named(worker, request, writer, std::move(names));
}

rt::Task<void> AccessLog::handle_named(rt::Worker& worker, const net::Request& request,
                                       net::ResponseWriter& writer, Names names) {
  const RequestId ours(random_);
  const bool needs_id = names.id.empty() && sink_ != nullptr;
  net::Request named = request.with_id(needs_id ? ours.text() : names.id);
  named.set_trace(std::move(names.trace));
  net::RequestNotes notes;
  if (sink_ != nullptr) named.set_notes(notes);
  co_await handle_observed(worker, named, writer);
}

rt::Task<void> AccessLog::handle_observed(rt::Worker& worker, const net::Request& request,
                                          net::ResponseWriter& writer) {
  const MonoTime began = clock_.mono();
  ObservedWriter observed(writer, request, clock_);
  std::exception_ptr failure;
  try {
    rt::Task<void> rest = next_.handle(worker, request, observed);
    if (rest.valid()) co_await std::move(rest);
  } catch (...) {
    failure = std::current_exception();
  }
  if (sink_ != nullptr && !leaves_out(request, observed.status()))
    write_line(request, observed, began);
  if (failure) std::rethrow_exception(failure);
}

bool AccessLog::leaves_out(const net::Request& request, unsigned status) const {
  if (!leaves_probes_out_ || status < 200 || status >= 400) return false;
  const std::string_view path = request.target().substr(0, request.target().find('?'));
  return path == "/ui" || path.starts_with("/ui/") ||
         (std::ranges::find(kProbes, path) != kProbes.end());
}

void AccessLog::write_line(const net::Request& request, const ObservedWriter& response,
                           MonoTime began) const {
  const std::string client = text_of(request.client_address());
  LogLine line(format_);
  line.add_word("time", format_log_time(clock_.wall()));
  line.add({"client", client});
  if (request.proxy() != nullptr) line.add({"peer", request.proxy()->to_string()});
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
  if (notes != nullptr) add_notes(line, request, *notes, response.error());
  sink_->write(line.finish());
}

}  // namespace cachey::api
