#include "cache/warm_pace.h"

#include <algorithm>
#include <utility>

namespace cachey::cache {

using std::chrono::nanoseconds;

void WarmRate::fired_late(nanoseconds by) {
  late_[samples_ % late_.size()] = std::max(by, nanoseconds(0));
  ++samples_;
}

void WarmRate::look(MonoTime now, uint64_t reads) {
  if (reads != reads_) read_at_ = now;
  reads_ = reads;
  const bool has_readers = read_at_ != MonoTime::min() && now - read_at_ < kAlone;
  if (has_readers && !limited_) {  // readers have come
    rate_ = kFirst;
    samples_ = 0;
    next_ = now;
    looked_at_ = now;
  }
  limited_ = has_readers;
  if (limited_ && now - looked_at_ >= kLook && samples_ >= kSamplesMin) adapt(now);
}

/// By the 97th percentile of the timers since the last look.
void WarmRate::adapt(MonoTime now) {
  const size_t count = std::min(samples_, late_.size());
  auto* const late = late_.begin() + count * 97 / 100;
  std::nth_element(late_.begin(), late, late_.begin() + count);
  if (now - least_since_ >= kLeastAge) {
    least_before_ = std::exchange(least_, *late);
    least_since_ = now;
  }
  least_ = std::min(least_, *late);
  const nanoseconds least = std::min(least_, least_before_);
  const bool notices = *late > least + std::max<nanoseconds>(least / 4, kNoise);
  rate_ = notices ? std::max(rate_ - rate_ / 4, kLeast) : std::min(rate_ + rate_ / 5, kMost);
  samples_ = 0;
  looked_at_ = now;
}

nanoseconds WarmRate::take(MonoTime now, uint64_t bytes) {
  if (!limited_) return nanoseconds(0);
  if (next_ > now) return next_ - now;
  const double seconds =
      static_cast<double>(std::max(bytes, kPageCost)) / static_cast<double>(rate_);
  next_ = now + std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
  return nanoseconds(0);
}

rt::Task<void> WarmPace::turn(rt::Worker& worker, uint64_t bytes, const bool& stopped) {
  nanoseconds wait{0};
  int touch_waits = 0;
  do {
    {
      const uint64_t reads = reads_();
      const bool may_begin = has_touched_(bytes) || touch_waits++ == kTouchWaitsMax;
      const MutexLock lock(mutex_);
      rate_.look(clock_.mono(), reads);
      wait = may_begin ? rate_.take(clock_.mono(), bytes) : kWaitMin;
      if (!rate_.is_limited()) co_return;
    }
    const nanoseconds slept = std::clamp<nanoseconds>(wait, kWaitMin, kWaitMax);
    const MonoTime due = clock_.mono() + slept;
    rt::SteadyTimer timer(worker.executor(), slept);
    const auto [waited] = co_await timer.async_wait(rt::kAwaitTuple);
    if (waited) co_return;
    const MutexLock lock(mutex_);
    rate_.fired_late(clock_.mono() - due);
  } while (wait > nanoseconds(0) && !stopped);
}

}  // namespace cachey::cache
