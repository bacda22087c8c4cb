#include "net/connection/connection.h"

#include <optional>

namespace cachey::net {

rt::Task<void> Connection::close_gently(Linger linger) {
  socket_.shut_down_sending();
  const std::optional<size_t> crossed = socket_.discard(kLingerBytesMax);
  size_t discarded = crossed.value_or(0);
  const bool ended = crossed.has_value() && *crossed == 0;
  if (!ended && (linger == Linger::kYes || discarded != 0)) {
    socket_.limit_reading(kLingerTime);
    while (discarded < kLingerBytesMax && !socket_.expired()) {
      (void)co_await socket_.readable();
      socket_.stop_waiting();
      const std::optional<size_t> n = socket_.discard(kLingerBytesMax - discarded);
      if (n.has_value() && *n == 0) break;
      discarded += n.value_or(0);
    }
  }
  socket_.close();
}

}  // namespace cachey::net
