#include "net/http2/turns.h"

#include <utility>

#include "net/http2/limits.h"
#include "net/http2/session.h"
#include "rt/timer_wheel.h"

namespace cachey::net::http2 {

bool Turns::free_for(const Stream& stream) const {
  const uint64_t limit = waiting_.empty() ? kTurnBytes : kRoundBytes;
  if (session_.body_bytes_made() - begun_at_ >= limit) return false;
  return turn_ == &stream || (turn_ == nullptr && waiting_.empty());
}

void Turns::end_turn() {
  turn_ = nullptr;
  begun_at_ = session_.body_bytes_made();
}

rt::Task<bool> Turns::wait(Stream& stream, bool needs_window) {
  rt::Waiter waiter(state_.worker.executor());
  stream.waiter_ = &waiter;
  stream.needs_window_ = needs_window;
  bool stalled = false;
  uint64_t body_bytes = session_.body_bytes_made();
  rt::TimerWheel::Entry timer([&] {
    stalled = is_stalled(stream, body_bytes);
    body_bytes = session_.body_bytes_made();
    if (stalled) return leave(stream);
    state_.worker.timers().arm_after(timer, state_.config.write_timeout);
  });
  state_.worker.timers().arm_after(timer, state_.config.write_timeout);
  if (is_blocked(stream)) {
    blocked_.push_back(stream);
  } else {
    waiting_.push_back(stream);
    session_.wake_loop();
  }
  co_await waiter.wait();
  co_return !stalled;
}

bool Turns::is_blocked(const Stream& stream) const {
  return stream.needs_window_ && session_.window(stream) == 0;
}

/// Nothing has moved that could let it go on. The connection's window is shared: others may have
/// used what the client gave.
bool Turns::is_stalled(const Stream& stream, uint64_t body_bytes_before) const {
  return is_blocked(stream) &&
         (session_.stream_window(stream) == 0 || session_.body_bytes_made() == body_bytes_before);
}

bool Turns::give_turn() {
  const auto front = blocked_.begin();
  while (!waiting_.empty()) {
    Stream& stream = waiting_.front();
    waiting_.pop_front();
    if (is_blocked(stream)) {
      blocked_.insert(front, stream);  // before those that began to wait later
      continue;
    }
    end_turn();
    turn_ = &stream;
    resume(stream);
    return true;
  }
  return false;
}

void Turns::look_at_windows() {
  for (auto at = blocked_.begin(); at != blocked_.end();) {
    Stream& stream = *at;
    if (is_blocked(stream)) {
      ++at;
    } else {
      at = blocked_.erase(at);
      waiting_.push_back(stream);
    }
  }
}

void Turns::leave(Stream& stream) {
  if (turn_ == &stream) turn_ = nullptr;
  stream.TurnHook::unlink();
  resume(stream);
}

void Turns::resume(Stream& stream) {
  if (stream.waiter_ != nullptr) std::exchange(stream.waiter_, nullptr)->notify();
}

}  // namespace cachey::net::http2
