#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "net/connection/client_socket.h"
#include "net/connection/connection.h"
#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http/head.h"
#include "net/http/http.h"
#include "net/http1/writer.h"

namespace cachey::net::http1 {

/// One client's HTTP/1.1 connection: reads requests, passes them to the handler one after another,
/// and enforces the time limits.
///
/// The connection ends if the client asks for it or goes away, after a request that is refused or
/// has a body (bodies are not read), when a time limit is over, when a response breaks off, and by
/// drain() or break_off().
class Connection final : public net::Connection {
 public:
  /// After an answer that did not suspend, the next request of a busy client comes soon: the wait
  /// for an edge costs no system call, but does not see an end of the client that came together
  /// with the last request. So a wait of this length ends with a look, and the usual wait follows.
  static constexpr std::chrono::milliseconds kLook{200};

  Connection(WorkerState& state, ClientSocket& socket)
      : net::Connection(state, socket), writer_(state, socket) {}
  ~Connection() override { give_back_memory(); }

  /// Serves the connection to its end. True: its first bytes are the preface of HTTP/2. Nothing was
  /// sent then, and take_received() returns the received bytes.
  [[nodiscard]] rt::Task<bool> run();
  [[nodiscard]] Buffer take_received() { return std::exchange(in_, Buffer()); }
  /// Answers any request with `status`, and closes. Linger::kYes: waits until the client has read
  /// the answer; kNo: closes at once.
  [[nodiscard]] rt::Task<void> refuse(unsigned status, std::string_view text, Linger linger);

  void drain() override;

 private:
  enum class Wait : uint8_t { kNone, kForEdge, kForBytes };
  enum class Step : uint8_t { kRead, kAnswer, kRefuse, kHttp2 };

  [[nodiscard]] rt::Task<void> send_taken();
  [[nodiscard]] Step next_step();
  [[nodiscard]] Wait prepare_to_read(bool suspended);
  void make_room();
  void charge(size_t bytes);
  [[nodiscard]] bool take_bytes(bool was_idle);
  [[nodiscard]] bool after_wait(Wait wait);
  void end_request();
  void give_back_memory();
  void set_refusal(HeadFault fault);
  void log_failure(std::string_view what) const;
  void send_refusal();

  Writer writer_;
  Buffer in_;  // received bytes from the current request on; empty between requests
  HeadScanner scanner_;
  RequestHead head_;
  std::optional<Request> request_;
  size_t charged_ = 0;           // of in_
  unsigned refusal_status_ = 0;  // 0: no refusal
  std::string_view refusal_text_;
  bool idle_ = false;        // waits for the first byte of a request
  bool head_begun_ = false;  // the time limit of the head runs
  bool answered_one_ = false;
  Linger linger_ = Linger::kNo;
};

}  // namespace cachey::net::http1
