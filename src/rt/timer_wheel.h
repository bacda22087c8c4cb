#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/clock.h"
#include "rt/io.h"

namespace cachey::rt {

/// Many coarse timeouts for the price of one timer: a ring of slots of 10 ms each. To arm an armed
/// entry with a later deadline is one store, so that a connection can postpone its idle timeout
/// with every request; when the entry's old slot is due, the entry moves to a later slot. A
/// deadline fires up to two ticks late, never early. One worker's thread; owned by the worker.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{10};

  /// A timeout, owned by its user. Fires once per arming, on the worker's thread. The destructor
  /// disarms it.
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
    int64_t slot_tick_ = 0;  // the tick of the slot that holds the entry
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

  /// Fires the entries that are due. Called by the wheel's own timer, and by tests with a manual
  /// clock.
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
  int64_t done_tick_ = 0;             // the last tick with a finished slot
  int64_t scheduled_tick_ = kNoTick;  // when the timer fires
  std::array<Slot, kSlots> slots_;
};

}  // namespace cachey::rt
