#include "origin/read/buckets.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "origin/finality.h"

namespace cachey::origin {

Buckets::Buckets(double hedge_quantile, const Clock& clock, Metrics& metrics)
    : hedge_quantile_(hedge_quantile), clock_(clock), metrics_(metrics) {}

Buckets::HealthPtr Buckets::find(std::string_view name) const {
  const ReaderLock lock(mutex_);
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second.health;
}

Buckets::HealthPtr Buckets::find_or_add(const std::string& name) {
  if (HealthPtr known = find(name)) return known;
  const WriterLock lock(mutex_);
  const auto found = known_.find(name);
  if (found != known_.end()) return found->second.health;
  if (known_.size() >= kBucketsMax && !make_room()) return nullptr;
  Known added;
  added.health = std::make_shared<BucketHealth>(clock_);
  if (with_gauges_ < kBucketsWithGauges) {
    added.has_gauges = true;
    ++with_gauges_;
    add_gauges(name, *added.health);
  }
  return known_.emplace(name, std::move(added)).first->second.health;
}

/// Drops a bucket if one may be dropped.
bool Buckets::make_room() {
  auto least = known_.end();
  BucketHealth::Worth least_worth;
  for (auto entry = known_.begin(); entry != known_.end(); ++entry) {
    if (entry->second.has_gauges) continue;
    const BucketHealth::Worth worth = entry->second.health->worth();
    if (least != known_.end() && worth >= least_worth) continue;
    least = entry;
    least_worth = worth;
  }
  if (least == known_.end()) return false;
  if (least_worth.answered && clock_.mono() - least_worth.observed < kForgottenAfter) return false;
  known_.erase(least);
  return true;
}

void Buckets::add_gauges(const std::string& name, const BucketHealth& health) {
  const Metrics::Labels labels = {{"bucket", name}};
  auto& error_rate =
      metrics_.gauge("cachey_bucket_error_rate", "Recent failures of the store, 0 to 1", labels);
  auto& latency = metrics_.gauge("cachey_bucket_latency_mean_seconds",
                                 "Recent mean time to an answer's head", labels);
  auto& breaker =
      metrics_.gauge("cachey_bucket_circuit_breaker_open", "1 while the breaker is open", labels);
  auto& failures = metrics_.gauge("cachey_bucket_consecutive_failures",
                                  "Failures since the last success", labels);
  auto& hedge = metrics_.gauge("cachey_bucket_latency_hedge_seconds",
                               "After how long a second request is sent; 0: never", labels);
  metrics_.before_collect([this, &health, &error_rate, &latency, &breaker, &failures, &hedge] {
    const BucketHealth::View view = health.view();
    error_rate.Set(view.error_rate);
    latency.Set(view.mean_seconds.value_or(0));
    breaker.Set(view.breaker_open ? 1 : 0);
    failures.Set(view.consecutive_failures);
    const std::chrono::duration<double> delay(
        health.hedge_delay(hedge_quantile_).value_or(std::chrono::nanoseconds(0)));
    hedge.Set(delay.count());
  });
}

BucketOrder Buckets::rank(std::span<const std::string> names) const {
  BucketOrder order;
  if (names.size() == 1) {
    order.count = 1;
    return order;
  }
  std::vector<std::pair<double, size_t>> scored;
  for (size_t i = 0; i < names.size(); ++i) {
    const HealthPtr health = find(names[i]);
    scored.emplace_back(health == nullptr ? BucketHealth::score_of_position(i) : health->score(i),
                        i);
  }
  order.count = std::min(scored.size(), kBucketsTriedMax);
  std::ranges::partial_sort(scored, scored.begin() + static_cast<std::ptrdiff_t>(order.count));
  for (size_t i = 0; i < order.count; ++i) order.index[i] = scored[i].second;
  const HealthPtr first = find(names[order.index[0]]);
  if (first != nullptr && !first->may_rank_first()) std::swap(order.index[0], order.index[1]);
  return order;
}

bool Buckets::is_proven(std::string_view name) const {
  const HealthPtr health = find(name);
  return health != nullptr && health->has_answered();
}

bool Buckets::is_down(std::string_view name) const {
  const HealthPtr health = find(name);
  return health != nullptr && health->is_down();
}

bool Buckets::may_ask(std::string_view name) const {
  const HealthPtr health = find(name);
  return health == nullptr || health->may_ask();
}

std::optional<std::chrono::nanoseconds> Buckets::hedge_delay(std::string_view name) const {
  const HealthPtr health = find(name);
  return health == nullptr ? std::nullopt : health->hedge_delay(hedge_quantile_);
}

bool Buckets::spend_hedge(std::string_view name) const {
  const HealthPtr health = find(name);
  return health != nullptr && health->spend_hedge();
}

void Buckets::hedge_ended(std::string_view name, HedgeResult result) const {
  if (const HealthPtr health = find(name)) health->hedge_ended(result);
}

void Buckets::answered(const std::string& name, std::chrono::nanoseconds to_head) {
  if (const HealthPtr health = find_or_add(name)) health->succeeded(to_head);
}

void Buckets::failed(const std::string& name, ErrorKind kind) {
  if (!is_store_failure(kind)) return;
  if (const HealthPtr health = find_or_add(name)) health->failed();
}

}  // namespace cachey::origin
