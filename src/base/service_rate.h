#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace cachey {

/// How fast a queue was served lately, to forecast the wait of a request that would join it: two
/// sums that decay exponentially, of the work that was served after a wait, and of the seconds in
/// which something waited. The forecast is work * seconds / served. The idle time of the queue does
/// not count, so that a rate is that of a busy queue.
///
/// The owner of the queue says what unit the work has: turns or bytes. Not synchronized.
class ServiceRate {
 public:
  /// The time constant of the decay.
  static constexpr std::chrono::seconds kMemory{5};
  /// The fewest turns for a forecast, unless something waited for kWaitedEnough: the first of many
  /// turns that end together say little.
  static constexpr double kTurnsEnough = 8;
  static constexpr std::chrono::milliseconds kWaitedEnough{2'500};
  /// Longer forecasts are cut.
  static constexpr std::chrono::minutes kForecastMax{1};

  /// Call before the queue changes. `waits`: whether something has waited since the last call.
  void advance(MonoTime now, bool waits);
  /// A request with this work was served after a wait. REQUIRES: advance() to now.
  void served(double work);
  /// The time in which `work` is served. If too little is known, the least time, as if all that is
  /// `in_hand` were given back now; nothing if that is unknown, too. REQUIRES: advance() to now.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> forecast(double work,
                                                                 double in_hand = 0) const;

 private:
  MonoTime at_;
  double turns_ = 0;
  double served_ = 0;
  double waited_ = 0;  // seconds
};

/// The part of its limit for which a request may be forecast to wait. The rest is for errors of the
/// forecast: otherwise a queue under a standing overload is so long that every second request
/// waits in vain.
[[nodiscard]] constexpr std::chrono::nanoseconds forecast_allowed(std::chrono::nanoseconds limit) {
  return limit / 4 * 3;
}

}  // namespace cachey
