#include "net/connection/connection.h"

#include <optional>

#include "net/connection/forwarded.h"

namespace cachey::net {

namespace {

/// The right of one connection to throw away kLingerBytesMax.
class LingerPlace {
 public:
  explicit LingerPlace(WorkerState& state)
      : state_(state), has_place_(state.lingers < Connection::kLingersMax) {
    if (has_place_) ++state_.lingers;
  }
  ~LingerPlace() {
    if (has_place_) --state_.lingers;
  }
  LingerPlace(const LingerPlace&) = delete;
  LingerPlace& operator=(const LingerPlace&) = delete;

  [[nodiscard]] size_t bytes_max() const {
    return has_place_ ? Connection::kLingerBytesMax : Connection::kLingerBytesMin;
  }

 private:
  WorkerState& state_;
  const bool has_place_;
};

}  // namespace

IpAddress Connection::client_behind_proxy(std::span<const Field> fields) const {
  const ForwardedClient client =
      forwarded_client(fields, state_.config.trusted_proxies, socket_.peer());
  if (!client.usable) state_.stats.forwarded_unusable.fetch_add(1, std::memory_order_relaxed);
  return client.address;
}

rt::Task<void> Connection::close_gently(Linger linger) {
  socket_.shut_down_sending();
  const std::optional<size_t> crossed = socket_.discard(kLingerBytesMin);
  size_t discarded = crossed.value_or(0);
  const bool ended = crossed.has_value() && *crossed == 0;
  if (!ended && (linger == Linger::kYes || discarded != 0)) {
    const LingerPlace place(state_);
    socket_.limit_reading(kLingerTime);
    while (discarded < place.bytes_max() && !socket_.expired()) {
      (void)co_await socket_.readable();
      socket_.stop_waiting();
      const std::optional<size_t> n = socket_.discard(place.bytes_max() - discarded);
      if (n.has_value() && *n == 0) break;
      discarded += n.value_or(0);
    }
  }
  socket_.close();
}

}  // namespace cachey::net
