#include "origin/read/bucket_health.h"

#include <algorithm>
#include <cmath>

namespace cachey::origin {

BucketHealth::BucketHealth(const Clock& clock)
    : clock_(clock),
      latency_(clock.mono()),
      rate_time_(clock.mono()),
      last_failure_(clock.mono()) {}

double BucketHealth::decayed_rate(MonoTime now) const {
  const std::chrono::duration<double> since = now - rate_time_;
  return error_rate_ * std::exp(-kAlpha * std::max(0.0, since.count()));
}

bool BucketHealth::breaker_open(MonoTime now) const {
  return consecutive_failures_ >= kBreakerFailures && now - last_failure_ < kBreakerOpen;
}

void BucketHealth::succeeded(std::chrono::nanoseconds to_head) {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  error_rate_ = decayed_rate(now) * (1 - kAlpha);
  rate_time_ = now;
  consecutive_failures_ = 0;
  unproven_ = false;
  observed_ = true;
  ++answers_;
  hedges_.earn();
  latency_.add(to_head, now);
}

void BucketHealth::failed() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  error_rate_ = std::min(1.0, decayed_rate(now) * (1 - kAlpha) + kAlpha);
  rate_time_ = now;
  // A breaker that has closed by time takes kBreakerFailures new failures to open again.
  const bool closed_by_time = consecutive_failures_ >= kBreakerFailures && !breaker_open(now);
  consecutive_failures_ =
      closed_by_time ? 1 : std::min(consecutive_failures_ + 1, kFailuresCountedMax);
  if (consecutive_failures_ == kBreakerFailures) {
    next_probe_ = now + kProbeEvery;
    unproven_ = true;
  }
  last_failure_ = now;
  observed_ = true;
}

BucketHealth::Worth BucketHealth::worth() const {
  const MutexLock lock(mutex_);
  return Worth{answers_ > 0, rate_time_};
}

double BucketHealth::score(size_t position) const {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  const double by_position = score_of_position(position);
  if (!observed_) return by_position;
  const double latency = latency_.mean_seconds().value_or(0) * kScorePerSecond;
  const double penalty =
      breaker_open(now) ? kScoreOfOpenBreaker : std::round(kScoreOfErrorRate * decayed_rate(now));
  return by_position + latency + penalty;
}

bool BucketHealth::is_down() const {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return breaker_open(now) && now < next_probe_;
}

bool BucketHealth::may_ask() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return !breaker_open(now) || take_probe(now);
}

bool BucketHealth::may_rank_first() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return !unproven_ || breaker_open(now) || take_probe(now);
}

bool BucketHealth::take_probe(MonoTime now) {
  if (now < next_probe_) return false;
  next_probe_ = now + kProbeEvery;
  return true;
}

std::optional<std::chrono::nanoseconds> BucketHealth::hedge_delay(double quantile) const {
  const MutexLock lock(mutex_);
  if (quantile <= 0 || answers_ < kHedgeAnswersMin) return std::nullopt;
  const std::optional<double> slow = latency_.quantile_seconds(quantile);
  const std::optional<double> usual = latency_.quantile_seconds(1 - HedgeBudget::kShare);
  if (!slow || !usual) return std::nullopt;
  const std::chrono::duration<double> delay(std::min(*slow, kUsualDelaysMax * *usual));
  return std::max<std::chrono::nanoseconds>(
      kHedgeDelayMin, std::chrono::duration_cast<std::chrono::nanoseconds>(delay));
}

bool BucketHealth::spend_hedge() {
  const MutexLock lock(mutex_);
  return hedges_.spend();
}

void BucketHealth::hedge_ended(HedgeResult result) {
  const MutexLock lock(mutex_);
  hedges_.ended(result);
}

BucketHealth::View BucketHealth::view() const {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return View{decayed_rate(now), breaker_open(now), consecutive_failures_, latency_.mean_seconds()};
}

}  // namespace cachey::origin
