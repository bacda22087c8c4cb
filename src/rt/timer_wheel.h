#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/clock.h"
#include "rt/io.h"

namespace cachey::rt {

/// Many coarse time-outs for the price of one timer: a ring of slots of 10 ms each. Arming an armed
/// entry with a later deadline is one store, so that a connection can push its idle time-out on
/// with every request for nothing; the slot's turn finds the entry early and moves it on. A
/// deadline fires up to two ticks late, never early. One worker's thread; owned by the worker.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{10};

  /// Owned by whoever waits; fires once per arming, on the worker's thread. Destroying it disarms.
  class Entry : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    explicit Entry(std::move_only_function<void()> on_fire) : on_fire_(std::move(on_fire)) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void disarm() { unlink(); }
    [[nodiscard]] bool armed() const { return is_linked(); }

   private:
    friend class TimerWheel;
    std::move_only_function<void()> on_fire_;
    int64_t deadline_tick_ = 0;
    int64_t slot_tick_ = 0;  // when the slot it stands in has its turn
  };

  TimerWheel(const Executor& executor, const Clock& clock)
      : clock_(clock), timer_(executor), origin_(clock.mono()) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(Entry& entry, MonoTime deadline);
  void arm_after(Entry& entry, std::chrono::nanoseconds delay) {
    arm(entry, clock_.mono() + delay);
  }

  [[nodiscard]] MonoTime now() const { return clock_.mono(); }

  /// Suspends the calling coroutine for `delay`.
  [[nodiscard]] Task<void> sleep(std::chrono::nanoseconds delay);

  /// Fires what is due. Called by the wheel's own timer; tests with a manual clock call it
  /// themselves.
  void advance();

 private:
  static constexpr int64_t kSlots = 512;
  static constexpr int64_t kNoTick = -1;

  using Slot = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;

  enum class Round : uint8_t { kDown, kUp };
  [[nodiscard]] int64_t tick_of(MonoTime time, Round round) const;
  void link(Entry& entry, int64_t now_tick);
  void schedule(int64_t tick);
  void schedule_next(int64_t now_tick);

  const Clock& clock_;
  SteadyTimer timer_;
  const MonoTime origin_;
  int64_t done_tick_ = 0;             // slots up to here have had their turn
  int64_t scheduled_tick_ = kNoTick;  // when the timer goes off
  std::array<Slot, kSlots> slots_;
};

}  // namespace cachey::rt
