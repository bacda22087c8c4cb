#pragma once

#include <chrono>

#include "origin/read/audience.h"
#include "origin/read/hedge_race.h"

namespace cachey::origin {

/// Sees to it that GETs without an answer do not outlive their use. The owner of `race` calls
/// look() at next_look(), while the GETs wait for a head:
/// - nobody waits, or somebody with other terms does: a GET that fails does not back off;
/// - the Attendance is over: the GETs are cancelled;
/// - a GET hangs: see PendingGet::watch().
/// Pure but for `race`; on the stack of the coroutine that owns `race`.
class HeadWatch {
 public:
  /// `audience`: null: somebody waits.
  HeadWatch(const Audience* audience, HedgeRace& race, std::chrono::nanoseconds hang_limit,
            MonoTime now)
      : audience_(audience),
        race_(race),
        hang_limit_(hang_limit),
        attendance_(audience, now),
        next_look_(now + PendingGet::kLookEvery) {}
  HeadWatch(const HeadWatch&) = delete;
  HeadWatch& operator=(const HeadWatch&) = delete;

  [[nodiscard]] MonoTime next_look() const { return next_look_; }
  /// Does nothing before next_look().
  void look(MonoTime now);

 private:
  const Audience* const audience_;
  HedgeRace& race_;
  const std::chrono::nanoseconds hang_limit_;
  Attendance attendance_;
  MonoTime next_look_;
};

}  // namespace cachey::origin
