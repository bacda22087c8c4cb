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

/// Stands before all routes and gives requests their names: answers carry `X-Request-Id`, log lines
/// of what a request causes `request_id`. With the access log on, every request has one, the
/// client's or ours, and leaves a line when it has ended; without it, requests whose client named
/// them have one. Owned by main; all it refers to outlives it. Any worker.
class AccessLog final : public net::Handler {
 public:
  /// What waits to be written, a worker; what does not fit is dropped and counted.
  static constexpr size_t kQueueBytesMax = size_t{512} << 10;
  static constexpr std::chrono::milliseconds kGatherTime{20};
  static constexpr size_t kTargetBytesMax = 2048;  // an object's key of 1,024 bytes, mostly escaped

  AccessLog(net::Handler& next, LogFormat format, const Clock& clock, Random& random)
      : next_(next), format_(format), clock_(clock), random_(random) {}

  /// From now on there are lines: in the file at `path`, or on standard output (`-`). Before the
  /// server starts. kBadRequest where the file cannot be opened.
  [[nodiscard]] Result<void> start(const std::string& path);

  /// The file has been moved away: goes on in a new one, or where that cannot be opened in the old
  /// one (kBadRequest). Any thread.
  [[nodiscard]] Result<void> reopen();
  /// Waits, a second at most, until all lines are written.
  void flush();
  [[nodiscard]] uint64_t dropped() const { return sink_ == nullptr ? 0 : sink_->dropped(); }

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer) override;

 private:
  class ObservedWriter;

  [[nodiscard]] rt::Task<void> handle_with_id(rt::Worker& worker, const net::Request& request,
                                              net::ResponseWriter& writer, std::string_view id);
  [[nodiscard]] rt::Task<void> handle_observed(rt::Worker& worker, const net::Request& request,
                                               net::ResponseWriter& writer);
  void write_line(const net::Request& request, const ObservedWriter& response,
                  MonoTime began) const;

  net::Handler& next_;
  const LogFormat format_;
  const Clock& clock_;
  Random& random_;
  std::unique_ptr<LineSink> sink_;  // null: off
};

}  // namespace cachey::api
