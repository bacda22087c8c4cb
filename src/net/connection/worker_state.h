#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/http_date.h"
#include "net/http/buffer.h"
#include "net/http/http.h"
#include "net/server.h"
#include "net/tls/worker.h"
#include "rt/worker.h"

namespace cachey::net {

/// `Date: ...` of this second, made once a second. One worker's thread.
class DateLine {
 public:
  /// The line of HTTP/1.1, with its CR LF.
  [[nodiscard]] std::string_view text() {
    const int64_t now = clock_.unix_seconds();
    if (now != second_) {
      second_ = now;
      line_ = "Date: " + format_http_date(now) + "\r\n";
    }
    return line_;
  }
  /// The field's value alone.
  [[nodiscard]] std::string_view value() {
    std::string_view line = text();
    line.remove_prefix(std::string_view("Date: ").size());
    line.remove_suffix(2);
    return line;
  }

 private:
  SystemClock clock_;
  int64_t second_ = -1;
  std::string line_;
};

/// What the connections of one worker share. Owned by the worker's Listener, which they keep alive;
/// the worker's thread only.
struct WorkerState {
  /// Of large_heads; past it: 503.
  static constexpr size_t kLargeHeadsMax = 128;
  static constexpr size_t kHttp2BlockBytes = size_t{16} << 10;

  /// `contexts`: null for a server without TLS.
  WorkerState(rt::Worker& w, Handler& h, const ServerConfig& c,
              const std::shared_ptr<TlsContexts>& contexts, ServerStats& s)
      : worker(w),
        handler(h),
        config(c),
        stats(s),
        tls(contexts ? std::make_unique<TlsWorker>(contexts, c.charge) : nullptr) {}

  rt::Worker& worker;
  Handler& handler;
  const ServerConfig config;
  ServerStats& stats;
  const std::unique_ptr<TlsWorker> tls;  ///< null: plain HTTP
  Spares spares;
  DateLine date;
  size_t large_heads = 0;    ///< requests whose head has outgrown Spares::kBufferBytes
  size_t http2_streams = 0;  ///< requests of all HTTP/2 connections, from their first field on
  bool draining = false;

  /// What HTTP/2 connections read into and make frames in, each within one turn of the event loop:
  /// between turns both are empty.
  std::array<char, kHttp2BlockBytes> http2_block;
  Buffer http2_frames;
};

}  // namespace cachey::net
