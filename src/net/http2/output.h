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

/// Frames on their way to one client's socket. Frame heads and other frames are in the worker's
/// buffer, bodies are in their handlers' memory, and all leave in one sendmsg. send() copies the
/// bytes that the kernel does not take, so that both memories are free afterwards. Owned by
/// Sending; the worker's thread.
class Output {
 public:
  Output(WorkerState& state, ClientSocket& socket) : state_(state), socket_(socket) {}
  ~Output() { hold(Buffer()); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Frames may be appended: the kernel has taken all bytes of earlier sends.
  [[nodiscard]] bool open() const { return rest_.empty() && !socket_.full() && !socket_.broken(); }
  /// send() must come before further frames.
  [[nodiscard]] bool round_full() const {
    const size_t most = state_.http2_unsent < kUnsentMax ? kRoundBytes : kSmallRoundBytes;
    return bytes_ >= most || count_ + kFramePartsMax > parts_.size();
  }

  /// One frame has at most this many parts.
  static constexpr size_t kFramePartsMax = 16;

  /// REQUIRES: open().
  void append(std::string_view bytes);
  /// As append(), without a copy: the bytes must stay valid until send().
  void append_in_place(std::string_view bytes);
  /// Sends all. Keeps the bytes that the kernel does not take, for the next call.
  void send();

  /// Memory of the bytes that the kernel has not taken.
  [[nodiscard]] size_t held() const { return rest_.capacity(); }

 private:
  /// Bytes in place, or, if the address is null, the next bytes of the worker's buffer.
  using Part = iovec;

  void send_rest();
  void keep(size_t sent);
  void hold(Buffer rest);

  WorkerState& state_;
  ClientSocket& socket_;
  std::array<Part, ClientSocket::kSendPartsMax> parts_;
  size_t count_ = 0;
  size_t bytes_ = 0;  // of all parts
  Buffer rest_;       // bytes that the kernel has not taken
};

}  // namespace cachey::net::http2
