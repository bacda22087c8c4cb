#include "rt/timer_wheel.h"

#include <algorithm>

#include "rt/waiter.h"

namespace cachey::rt {

int64_t TimerWheel::tick_of(MonoTime time, Round round) const {
  const auto since =
      std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(time - origin_));
  const auto tick = std::chrono::nanoseconds(kTick);
  return (since.count() + (round == Round::kUp ? tick.count() - 1 : 0)) / tick.count();
}

void TimerWheel::arm(Entry& entry, MonoTime deadline) {
  entry.deadline_tick_ = tick_of(deadline, Round::kUp);
  if (entry.is_linked()) {
    if (entry.slot_tick_ <= entry.deadline_tick_) return;
    entry.unlink();
  }
  link(entry, tick_of(clock_.mono(), Round::kDown));
}

void TimerWheel::link(Entry& entry, int64_t now_tick) {
  const int64_t earliest = std::max(now_tick, done_tick_) + 1;
  entry.slot_tick_ = std::clamp(entry.deadline_tick_, earliest, earliest + kSlots - 2);
  slots_[entry.slot_tick_ % kSlots].push_back(entry);
  if (scheduled_tick_ == kNoTick || entry.slot_tick_ < scheduled_tick_) schedule(entry.slot_tick_);
}

void TimerWheel::schedule(int64_t tick) {
  scheduled_tick_ = tick;
  timer_.expires_at(origin_ + tick * kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // the timer was set again, or the wheel is destroyed
    scheduled_tick_ = kNoTick;
    advance();
  });
}

void TimerWheel::schedule_next(int64_t now_tick) {
  for (int64_t tick = now_tick + 1; tick < now_tick + kSlots; ++tick) {
    if (slots_[tick % kSlots].empty()) continue;
    if (scheduled_tick_ == kNoTick || tick < scheduled_tick_) schedule(tick);
    return;
  }
}

void TimerWheel::advance() {
  const int64_t now_tick = tick_of(clock_.mono(), Round::kDown);
  Slot due;
  const int64_t first = std::max(done_tick_ + 1, now_tick - kSlots + 1);
  for (int64_t tick = first; tick <= now_tick; ++tick) due.splice(due.end(), slots_[tick % kSlots]);
  done_tick_ = std::max(done_tick_, now_tick);
  while (!due.empty()) {
    Entry& entry = due.front();
    due.pop_front();
    if (entry.deadline_tick_ > now_tick) {
      link(entry, now_tick);
    } else {
      entry.on_fire_();  // may destroy this entry, and arm or disarm any other
    }
  }
  schedule_next(now_tick);
}

Task<void> TimerWheel::sleep(std::chrono::nanoseconds delay) {
  const Executor executor = co_await asio::this_coro::executor;
  Waiter waiter(executor);
  Entry timer([&waiter] { waiter.notify(); });
  arm_after(timer, delay);
  co_await waiter.wait();
}

}  // namespace cachey::rt
