#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "net/connection/connection.h"
#include "net/http/buffer.h"
#include "net/http2/sending.h"
#include "net/http2/session.h"
#include "net/http2/stream.h"
#include "rt/task_group.h"

namespace cachey::net::http2 {

/// One client's HTTP/2 connection: one loop that reads, starts a coroutine for each request and
/// gives responses their turns to send; keeps the time limits.
///
/// While the socket is full the loop waits for it alone and reads only between rounds: a client
/// that does not take its answers is not asked for more requests.
///
/// It ends when the client says so or goes away, by an error of the protocol or past a limit (with
/// GOAWAY), when a time limit is over, and by drain() or break_off(). The socket is closed then;
/// the connection's coroutine lasts until the last handler has noticed.
class Connection final : public net::Connection {
 public:
  Connection(WorkerState& state, ClientSocket& socket);
  ~Connection() override;

  /// Serves the connection to its end. `received`: what the client has sent so far.
  [[nodiscard]] rt::Task<void> run(Buffer received);

  void drain() override;

 private:
  [[nodiscard]] bool may_continue();
  [[nodiscard]] bool take_bytes();
  void start_requests();
  [[nodiscard]] rt::Task<void> answer(std::unique_ptr<Stream> stream);
  void limit_reading();
  void check_deadlines();
  void charge();
  [[nodiscard]] rt::Task<void> end();

  Session session_;
  Sending& sending_;  // the session's
  rt::TaskGroup tasks_;
  std::optional<MonoTime> head_deadline_;  // for what the client owes
  std::optional<MonoTime> idle_deadline_;  // for its next request
  int64_t charged_ = 0;
};

}  // namespace cachey::net::http2
