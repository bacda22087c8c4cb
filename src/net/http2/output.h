#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http2/limits.h"

namespace cachey::net::http2 {

/// Frames on their way to one client's socket: what we have made stands in the worker's buffer,
/// bodies stand where their handlers have them, and all of it leaves in one sendmsg. What the
/// kernel does not take is copied, so that send() leaves nothing behind in either. Owned by the
/// session; its worker's thread.
class Output {
 public:
  Output(WorkerState& state, ClientSocket& socket) : state_(state), socket_(socket) {}

  /// More frames may be made: the kernel has taken all of what was sent so far.
  [[nodiscard]] bool open() const { return rest_.empty() && !socket_.full() && !socket_.broken(); }
  /// No more frames are to be made before send().
  [[nodiscard]] bool round_full() const {
    return bytes_ >= kRoundBytes || count_ + kFramePartsMax > parts_.size();
  }

  /// One frame's body has no more parts than this.
  static constexpr size_t kFramePartsMax = 16;

  /// REQUIRES: open().
  void append(std::string_view bytes);
  /// As append(), of bytes that stay where they are until send().
  void append_in_place(std::string_view bytes);
  /// Hands all to the kernel; what it does not take is kept, for the next call.
  void send();

  /// Bytes of memory that wait for the kernel.
  [[nodiscard]] size_t held() const { return rest_.capacity(); }

 private:
  /// Bytes in place, or (without an address) the next of the worker's buffer.
  using Part = iovec;

  void send_rest();
  void keep(size_t sent);

  WorkerState& state_;
  ClientSocket& socket_;
  std::array<Part, ClientSocket::kSendPartsMax> parts_;
  size_t count_ = 0;
  size_t bytes_ = 0;  // of all parts
  Buffer rest_;
};

}  // namespace cachey::net::http2
