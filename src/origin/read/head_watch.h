#pragma once

#include <chrono>

#include "base/clock.h"
#include "origin/read/hedge_race.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The requests that a read serves. Outlives the read. Called on the read's worker.
class Audience {
 public:
  virtual ~Audience() = default;
  /// Somebody waits for the bytes, or will soon.
  [[nodiscard]] virtual bool is_waiting() const = 0;
  /// Somebody waits with other terms than the read's, and the read's terms shape its attempts.
  [[nodiscard]] virtual bool has_others() const = 0;
};

/// Sees to it that GETs without an answer do not outlive their use. While the GETs of `race` wait
/// for a head, looks at the audience every kLookEvery:
/// - nobody waits, or somebody with other terms does: a GET that fails does not back off;
/// - nobody has waited for kGrace: the GETs are cancelled. A client with a short timeout that comes
///   again within kGrace still finds them.
/// On the stack of the coroutine that owns `race`; its worker only.
class HeadWatch {
 public:
  static constexpr std::chrono::milliseconds kLookEvery{100};
  static constexpr std::chrono::seconds kGrace{2};

  /// `audience`: null: somebody waits; nothing is watched.
  HeadWatch(rt::Worker& worker, const Audience* audience, HedgeRace& race);
  HeadWatch(const HeadWatch&) = delete;
  HeadWatch& operator=(const HeadWatch&) = delete;

  [[nodiscard]] static bool is_waited_for(const Audience* audience) {
    return audience == nullptr || audience->is_waiting();
  }

 private:
  void look();

  rt::Worker& worker_;
  const Audience* const audience_;
  HedgeRace& race_;
  MonoTime waited_for_at_;
  rt::TimerWheel::Entry timer_;
};

}  // namespace cachey::origin
