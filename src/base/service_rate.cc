#include "base/service_rate.h"

#include <algorithm>
#include <cmath>

namespace cachey {
namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

void ServiceRate::advance(MonoTime now, bool waits) {
  const double kept = std::exp(Seconds(at_ - now) / Seconds(kMemory));
  at_ = now;
  turns_ *= kept;
  served_ *= kept;
  waited_ *= kept;
  if (waits) waited_ += Seconds(kMemory).count() * (1 - kept);
}

void ServiceRate::served(double work) {
  turns_ += 1;
  served_ += work;
}

std::optional<std::chrono::nanoseconds> ServiceRate::forecast(double work, double in_hand) const {
  const bool known =
      turns_ >= kTurnsEnough || (turns_ >= 1 && waited_ >= Seconds(kWaitedEnough).count());
  if (!known && in_hand <= 0) return std::nullopt;
  const double left = known ? work : std::max(0.0, work - in_hand);
  const double served = known ? served_ : served_ + in_hand;
  const Seconds wait = std::min(Seconds(left * waited_ / served), Seconds(kForecastMax));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
}

}  // namespace cachey
