#include "origin/read/bucket_health.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cachey::origin {

BucketHealth::BucketHealth(const Clock& clock, double hedge_share)
    : clock_(clock),
      latency_(clock.mono()),
      bodies_(clock.mono()),
      hedges_(hedge_share),
      rescues_(clock.mono()),
      rate_time_(clock.mono()),
      last_failure_(clock.mono()) {}

double BucketHealth::decayed_rate(MonoTime now) const {
  const std::chrono::duration<double> since = now - rate_time_;
  return error_rate_ * std::exp(-kAlpha * std::max(0.0, since.count()));
}

bool BucketHealth::breaker_open(MonoTime now) const {
  return consecutive_failures_ >= kBreakerFailures && now - last_failure_ < kBreakerOpen;
}

double BucketHealth::share(MonoTime now) const {
  return now - last_failure_ < kBreakerOpen ? share_ : 1;
}

/// Decreases the share if the window is over and was one of failures only.
void BucketHealth::end_window(MonoTime now) {
  if (now < window_end_) return;
  if (breaker_open(now) && failed_in_window_ && !succeeded_in_window_)
    share_ = std::max(kShareMin, share_ * kShareDecrease);
  failed_in_window_ = false;
  succeeded_in_window_ = false;
  window_end_ = now + kShareWindow;
}

std::optional<std::chrono::nanoseconds> BucketHealth::succeeded(uint64_t key,
                                                                std::chrono::nanoseconds to_head) {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  end_window(now);
  error_rate_ = decayed_rate(now) * (1 - kAlpha);
  rate_time_ = now;
  consecutive_failures_ = 0;
  const bool was_suspect = std::exchange(suspect_, false);
  observed_ = true;
  ++answers_;
  succeeded_in_window_ = true;
  share_ = std::min(1.0, share(now) + kShareIncrease);
  failed_keys_.succeeded(key);
  hedges_.earn();
  latency_.add(to_head, now);
  if (!was_suspect) return std::nullopt;
  return now - suspect_since_;
}

bool BucketHealth::failed(uint64_t key) {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  end_window(now);
  const bool is_new = failed_keys_.add(key, now);
  const bool was_open = breaker_open(now);
  if (!is_new && !was_open) return false;
  ++failures_;
  failed_in_window_ = true;
  bool opens = false;
  if (is_new) {
    error_rate_ = std::min(1.0, decayed_rate(now) * (1 - kAlpha) + kAlpha);
    rate_time_ = now;
    // A breaker that has closed by time takes kBreakerFailures new failures to open again.
    const bool closed_by_time = consecutive_failures_ >= kBreakerFailures && !was_open;
    if (closed_by_time) share_ = 1;
    consecutive_failures_ =
        closed_by_time ? 1 : std::min(consecutive_failures_ + 1, kFailuresCountedMax);
    if (consecutive_failures_ == kBreakerFailures) {
      next_probe_ = now + kProbeEvery;
      opens = !std::exchange(suspect_, true);
      if (opens) suspect_since_ = now;
    }
  }
  last_failure_ = now;
  observed_ = true;
  return opens;
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

std::optional<BodyPace::View> BucketHealth::bodies() const {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return bodies_.view(now);
}

bool BucketHealth::may_try_others() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  if (now < try_others_at_) return false;
  try_others_at_ = now + kTryOthersEvery;
  return true;
}

void BucketHealth::body_came(uint64_t bytes, std::chrono::nanoseconds took) {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  bodies_.add(bytes, took, now);
}

bool BucketHealth::may_ask(uint64_t key, Instead instead) {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  end_window(now);
  const bool sheds = share(now) < 1;
  if (!failed_keys_.may_ask(key, sheds ? 1 : FailedKeys::kFailuresMax, now)) return false;
  if (instead == Instead::kOtherBucket) return !breaker_open(now) || take_probe(now);
  return !sheds || take_share(now);
}

/// Whether the next request is among the share that is asked.
bool BucketHealth::take_share(MonoTime now) {
  share_saved_ += share(now);
  if (share_saved_ < 1 && now < ask_anyway_at_) return false;
  share_saved_ = std::max(0.0, share_saved_ - 1);
  ask_anyway_at_ = now + kAskedAtLeastEvery;
  return true;
}

bool BucketHealth::may_rank_first() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return !suspect_ || breaker_open(now) || take_probe(now);
}

bool BucketHealth::take_probe(MonoTime now) {
  if (now < next_probe_) return false;
  next_probe_ = now + kProbeEvery;
  return true;
}

/// The hedge delay with this quantile. Nothing: too few answers.
std::optional<std::chrono::nanoseconds> BucketHealth::usual_delay(double quantile) const {
  if (quantile <= 0 || answers_ < kHedgeAnswersMin) return std::nullopt;
  const std::optional<double> slow = latency_.quantile_seconds(quantile);
  const std::optional<double> usual = latency_.quantile_seconds(1 - HedgeBudget::kShare);
  if (!slow || !usual) return std::nullopt;
  const std::chrono::duration<double> delay(std::min(*slow, kUsualDelaysMax * *usual));
  return std::max<std::chrono::nanoseconds>(
      kHedgeDelayMin, std::chrono::duration_cast<std::chrono::nanoseconds>(delay));
}

BucketHealth::Patience BucketHealth::patience(double quantile) const {
  const MutexLock lock(mutex_);
  Patience patience;
  patience.late = usual_delay(quantile);
  const auto delay = quantile == kHangQuantile ? patience.late : usual_delay(kHangQuantile);
  if (delay) patience.hung = std::max<std::chrono::nanoseconds>(kHangMin, kHangDelays * *delay);
  patience.is_known = delay.has_value();
  patience.is_probe = suspect_;
  return patience;
}

bool BucketHealth::spend_rescue() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  return rescues_.spend(now);
}

void BucketHealth::give_back_rescue() {
  const MutexLock lock(mutex_);
  rescues_.give_back();
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
  return View{decayed_rate(now), breaker_open(now),       consecutive_failures_,
              share(now),        latency_.mean_seconds(), failures_};
}

std::optional<double> BucketHealth::latency_quantile(double quantile) const {
  const MutexLock lock(mutex_);
  return latency_.quantile_seconds(quantile);
}

}  // namespace cachey::origin
