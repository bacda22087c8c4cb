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

void Turns::count_body(Place& place, size_t bytes) {
  body_bytes_made_ += bytes;
  place.round_bytes_ += bytes;
  place.body_bytes_ += bytes;
  if (place.body_bytes_ >= kLeastBytes) begin_measure(place);
}

void Turns::begin_measure(Place& place) {
  place.blocked_ = {};
  place.body_bytes_ = 0;
  place.begun_at_ = body_bytes_made_;
}

rt::Task<bool> Turns::wait(Place& place, Need need) {
  rt::Waiter waiter(state_.worker.executor());
  place.waiter_ = &waiter;
  place.need_ = need;
  bool stalled = false;
  rt::TimerWheel::Entry timer([&] {
    stalled = is_stalled(place);
    if (stalled) return leave(place);
    const std::chrono::nanoseconds limit = state_.config.write_timeout;
    state_.worker.timers().arm_after(timer, place.blocked_since_ ? limit - place.blocked_ : limit);
  });
  state_.worker.timers().arm_after(timer, state_.config.write_timeout - place.blocked_);
  if (is_blocked(place)) {
    block(place, blocked_.end());
  } else {
    enqueue(place);
    loop_.wake();
  }
  co_await waiter.wait();
  end_block(place);
  co_return !stalled;
}

/// A full socket may cut a turn short: the response then goes on with the next turn.
void Turns::enqueue(Place& place) {
  if (turn_ == &place && place.round_bytes_ < kRoundBytes / 2) {
    waiting_.push_front(place);
  } else {
    place.round_bytes_ = 0;
    waiting_.push_back(place);
  }
}

bool Turns::is_blocked(const Place& place) const {
  return place.need_ == Need::kWindow && codec_.window(place.stream_id_) == 0;
}

void Turns::block(Place& place, Places::iterator before) {
  blocked_.insert(before, place);
  place.blocked_since_ = state_.worker.timers().now();
}

/// Adds the time of a block that is over, or goes on.
void Turns::end_block(Place& place) {
  if (!place.blocked_since_) return;
  const MonoTime now = state_.worker.timers().now();
  place.blocked_ += now - *std::exchange(place.blocked_since_, std::nullopt);
}

/// All streams share the connection's window: others may have used what the client gave.
bool Turns::is_stalled(Place& place) {
  if (!place.blocked_since_) return false;
  end_block(place);
  place.blocked_since_ = state_.worker.timers().now();
  if (place.blocked_ < state_.config.write_timeout) return false;
  if (codec_.stream_window(place.stream_id_) == 0) return true;
  if (body_bytes_made_ - place.begun_at_ < kLeastBytes) return true;
  begin_measure(place);
  return false;
}

bool Turns::give_turn() {
  const auto front = blocked_.begin();
  while (!waiting_.empty()) {
    Place& place = waiting_.front();
    waiting_.pop_front();
    if (is_blocked(place)) {
      block(place, front);  // before those that began to wait later
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
      end_block(place);
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
