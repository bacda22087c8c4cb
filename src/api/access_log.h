#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/line_sink.h"
#include "base/log_line.h"
#include "base/random.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// The handler in front of the router. Gives requests an id: the response has it in `X-Request-Id`,
/// log lines about the request in `request_id`. If the access log is on, every request has an id,
/// from the client or made here, and writes a line when it ends. If the log is off, only an id from
/// the client is used. Gives requests the trace of their `traceparent`, too. Owned by Process; all
/// that this refers to outlives it. Any worker.
class AccessLog final : public net::Handler {
 public:
  /// Lines that wait to be written, per worker. Lines that do not fit are dropped and counted.
  static constexpr size_t kQueueBytesMax = size_t{512} << 10;
  static constexpr std::chrono::milliseconds kGatherTime{20};
  static constexpr size_t kTargetBytesMax = 2048;  // an object key of 1,024 bytes, mostly escaped

  AccessLog(net::Handler& next, LogFormat format, const Clock& clock, Random& random)
      : next_(next), format_(format), clock_(clock), random_(random) {}

  /// Turns the log on: to the file at `path`, or to standard output (`-`). Called before the server
  /// starts. kBadRequest if the file cannot be opened.
  [[nodiscard]] Result<void> start(const std::string& path);

  /// Turns the log on, into the file of `other`, if that is on. Called before the server starts.
  void share_file(const AccessLog& other) {
    sink_ = other.sink_;
    leaves_probes_out_ = other.leaves_probes_out_;
  }

  /// Good answers to /healthz, /readyz, /metrics, /stats and /ui get no line. Called before the
  /// server starts.
  void leave_probes_out() { leaves_probes_out_ = true; }

  /// Opens the path again, after a rotation. If that fails (kBadRequest), the log stays in the old
  /// file. Any thread.
  [[nodiscard]] Result<void> reopen();
  /// Waits until all lines are written, at most 1 s.
  void flush();
  [[nodiscard]] uint64_t dropped() const { return sink_ == nullptr ? 0 : sink_->dropped(); }

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer) override;

 private:
  class ObservedWriter;

  struct Names;
  [[nodiscard]] static Names names_of(const net::Request& request);
  [[nodiscard]] rt::Task<void> handle_named(rt::Worker& worker, const net::Request& request,
                                            net::ResponseWriter& writer, Names names);
  [[nodiscard]] bool leaves_out(const net::Request& request, unsigned status) const;
  [[nodiscard]] rt::Task<void> handle_observed(rt::Worker& worker, const net::Request& request,
                                               net::ResponseWriter& writer);
  void write_line(const net::Request& request, const ObservedWriter& response,
                  MonoTime began) const;

  net::Handler& next_;
  const LogFormat format_;
  const Clock& clock_;
  Random& random_;
  std::shared_ptr<LineSink> sink_;  // null: the log is off
  bool leaves_probes_out_ = false;
};

}  // namespace cachey::api
