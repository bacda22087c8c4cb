#pragma once

#include <utility>

#include "net/connection/client_socket.h"

namespace cachey::net::http2 {

/// Ends the wait of the connection's loop for bytes when there is something else to do. Owned by
/// Sending; the worker's thread.
class LoopWaker {
 public:
  explicit LoopWaker(ClientSocket& socket) : socket_(socket) {}

  /// The loop calls these around its wait for bytes.
  void begin_wait() { waits_ = true; }
  void end_wait() { waits_ = false; }

  /// No effect while the loop does not wait for bytes.
  void wake() {
    if (std::exchange(waits_, false)) socket_.interrupt();
  }

 private:
  ClientSocket& socket_;
  bool waits_ = false;
};

}  // namespace cachey::net::http2
