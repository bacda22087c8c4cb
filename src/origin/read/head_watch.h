#pragma once

#include <chrono>

#include "origin/read/audience.h"
#include "origin/read/hedge_race.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Sees to it that GETs without an answer do not outlive their use. While the GETs of `race` wait
/// for a head, looks at the audience every kLookEvery:
/// - nobody waits, or somebody with other terms does: a GET that fails does not back off;
/// - the Attendance is over: the GETs are cancelled.
/// On the stack of the coroutine that owns `race`; its worker only.
class HeadWatch {
 public:
  static constexpr std::chrono::milliseconds kLookEvery{100};

  /// `audience`: null: somebody waits; nothing is watched.
  HeadWatch(rt::Worker& worker, const Audience* audience, HedgeRace& race);
  HeadWatch(const HeadWatch&) = delete;
  HeadWatch& operator=(const HeadWatch&) = delete;

 private:
  void look();

  rt::Worker& worker_;
  const Audience* const audience_;
  HedgeRace& race_;
  Attendance attendance_;
  rt::TimerWheel::Entry timer_;
};

}  // namespace cachey::origin
