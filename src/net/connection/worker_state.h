#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "net/connection/answer_batch.h"
#include "net/connection/client_socket.h"
#include "net/connection/date_line.h"
#include "net/connection/deep_sockets.h"
#include "net/connection/request_memory.h"
#include "net/connection/server_config.h"
#include "net/connection/server_stats.h"
#include "net/connection/spares.h"
#include "net/http/buffer.h"
#include "net/http/http.h"
#include "net/tls/worker.h"
#include "rt/worker.h"

namespace cachey::net {

/// State that the connections of one worker share. Owned by the worker's Listener, which the
/// connections keep alive; the worker's thread only.
struct WorkerState {
  static constexpr size_t kHttp2BlockBytes = size_t{16} << 10;

  WorkerState(rt::Worker& w, Handler& h, const ServerConfig& c, const Clock& clock, ServerStats& s)
      : worker(w),
        handler(h),
        config(c),
        stats(s),
        tls(c.tls ? std::make_unique<tls::Worker>(c.tls, c.charge) : nullptr),
        date(clock),
        batch(std::make_shared<AnswerBatch>(w.executor())) {}

  rt::Worker& worker;
  Handler& handler;
  const ServerConfig config;
  ServerStats& stats;
  const std::unique_ptr<tls::Worker> tls;  ///< null: plain HTTP
  Spares spares;
  DateLine date;
  const std::shared_ptr<AnswerBatch> batch;  ///< of HTTP/1.1
  RequestMemory http2_requests;
  size_t http2_unsent = 0;  ///< bytes of HTTP/2 frames that the kernel has not taken
  /// Sockets that wait for a handshake or a request. The longest wait is the first.
  AwaitedSockets awaited;
  /// Of HTTP/1.1. Streams of HTTP/2 share a socket: what waits in the kernel delays the others.
  DeepSockets deep;
  size_t lingers = 0;  ///< connections that throw away more than Connection::kLingerBytesMin
  /// Answers ask clients to go elsewhere, but all requests are served. True while draining, too.
  bool leaving = false;
  bool draining = false;

  /// Scratch memory of the HTTP/2 connections, for received bytes and for frames. Each use ends
  /// within one turn of the event loop.
  std::array<char, kHttp2BlockBytes> http2_block;
  Buffer http2_frames;
};

}  // namespace cachey::net
