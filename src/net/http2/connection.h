#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "net/connection/connection.h"
#include "net/http/buffer.h"
#include "net/http2/sending.h"
#include "net/http2/session.h"
#include "net/http2/stream.h"
#include "rt/task_group.h"

namespace cachey::net::http2 {

/// One client's HTTP/2 connection: one loop reads, starts a coroutine for each request, gives
/// responses their turns to send, and enforces the time limits.
///
/// While the socket is full, the loop waits only for the socket, and reads between rounds of
/// frames: a client that does not read its responses gets no further requests in.
///
/// The connection ends if the client asks for it or goes away, after a protocol error or past a
/// limit (with GOAWAY), when a time limit is over, and by drain() or break_off(). Then the socket
/// is closed; the connection's coroutine lasts until the last handler has ended.
class Connection final : public net::Connection {
 public:
  Connection(WorkerState& state, ClientSocket& socket);
  ~Connection() override;

  /// Serves the connection to its end. `received`: the client's bytes so far.
  [[nodiscard]] rt::Task<void> run(Buffer received);

  void leave() override;
  void drain() override;

 private:
  [[nodiscard]] bool may_continue();
  [[nodiscard]] bool take_bytes();
  void start_requests();
  void start(std::unique_ptr<Stream> stream);
  [[nodiscard]] rt::Task<void> answer(std::unique_ptr<Stream> stream, rt::Task<void> rest);
  void end(std::unique_ptr<Stream> stream);
  static void log_failure(Stream& stream, std::string_view what);
  void limit_reading();
  void check_deadlines();
  void charge();
  [[nodiscard]] rt::Task<void> end();

  Session session_;
  Sending& sending_;  // session_.sending()
  rt::TaskGroup tasks_;
  std::optional<MonoTime> head_deadline_;  // for the end of the preface or a head
  std::optional<MonoTime> idle_deadline_;  // for the next request
  int64_t charged_ = 0;
};

}  // namespace cachey::net::http2
