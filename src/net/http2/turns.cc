#include "net/http2/turns.h"

#include <utility>

#include "net/http2/limits.h"
#include "rt/timer_wheel.h"

namespace cachey::net::http2 {

bool Turns::may_send(const Place& place) const {
  const uint64_t limit = waiting_.empty() ? kTurnBytes : kRoundBytes;
  if (body_bytes_made_ - begun_at_ >= limit) return false;
  return turn_ == &place || (turn_ == nullptr && waiting_.empty());
}

void Turns::end_turn() {
  turn_ = nullptr;
  begun_at_ = body_bytes_made_;
}

rt::Task<bool> Turns::wait(Place& place, Need need) {
  rt::Waiter waiter(state_.worker.executor());
  place.waiter_ = &waiter;
  place.need_ = need;
  bool stalled = false;
  uint64_t body_bytes = body_bytes_made_;
  rt::TimerWheel::Entry timer([&] {
    stalled = is_stalled(place, body_bytes);
    body_bytes = body_bytes_made_;
    if (stalled) return leave(place);
    state_.worker.timers().arm_after(timer, state_.config.write_timeout);
  });
  state_.worker.timers().arm_after(timer, state_.config.write_timeout);
  if (is_blocked(place)) {
    blocked_.push_back(place);
  } else {
    waiting_.push_back(place);
    loop_.wake();
  }
  co_await waiter.wait();
  co_return !stalled;
}

bool Turns::is_blocked(const Place& place) const {
  return place.need_ == Need::kWindow && codec_.window(place.stream_id_) == 0;
}

/// Nothing has moved that could let the response go on. All streams share the connection's window:
/// others may have used what the client gave.
bool Turns::is_stalled(const Place& place, uint64_t body_bytes_before) const {
  return is_blocked(place) &&
         (codec_.stream_window(place.stream_id_) == 0 || body_bytes_made_ == body_bytes_before);
}

bool Turns::give_turn() {
  const auto front = blocked_.begin();
  while (!waiting_.empty()) {
    Place& place = waiting_.front();
    waiting_.pop_front();
    if (is_blocked(place)) {
      blocked_.insert(front, place);  // before those that began to wait later
      continue;
    }
    end_turn();
    turn_ = &place;
    resume(place);
    return true;
  }
  return false;
}

void Turns::queue_unblocked() {
  for (auto at = blocked_.begin(); at != blocked_.end();) {
    Place& place = *at;
    if (is_blocked(place)) {
      ++at;
    } else {
      at = blocked_.erase(at);
      waiting_.push_back(place);
    }
  }
}

void Turns::leave(Place& place) {
  if (turn_ == &place) turn_ = nullptr;
  place.unlink();
  resume(place);
}

void Turns::resume(Place& place) {
  if (place.waiter_ != nullptr) std::exchange(place.waiter_, nullptr)->notify();
}

}  // namespace cachey::net::http2
