#include "origin/read/buckets.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "base/log.h"

namespace cachey::origin {

namespace {

uint64_t hash_of(std::string_view key) { return std::hash<std::string_view>()(key); }

}  // namespace

Buckets::Buckets(double hedge_quantile, const Clock& clock, Metrics& metrics, double hedge_share,
                 size_t per_page)
    : hedge_quantile_(hedge_share > 0 ? hedge_quantile : 0),
      hedge_share_(hedge_share),
      per_page_(per_page),
      clock_(clock),
      metrics_(metrics),
      predictions_(kBucketsWithGauges,
                   [this](const std::string& bucket) { return make_predictions(bucket); }),
      unproven_rescues_(clock.mono()) {
  add_gauges();
}

Buckets::HealthPtr Buckets::find(std::string_view name) const {
  const ReaderLock lock(mutex_);
  const HealthPtr* found = proven_.peek(name);
  if (found == nullptr) found = unproven_.peek(name);
  return found == nullptr ? nullptr : *found;
}

/// The health of a bucket that gave a good answer. Null: the name is too long.
Buckets::HealthPtr Buckets::proven(const std::string& name) {
  const WriterLock lock(mutex_);
  HealthPtr* const health = proven_.find_or_add(name);
  if (health == nullptr) return nullptr;
  if (*health == nullptr) *health = unproven_.erase(name).value_or(nullptr);
  if (*health == nullptr) *health = std::make_shared<BucketHealth>(clock_, hedge_share_);
  return *health;
}

/// The health of a bucket that failed.
Buckets::HealthPtr Buckets::known(const std::string& name) {
  const WriterLock lock(mutex_);
  if (const HealthPtr* const found = proven_.find(name)) return *found;
  HealthPtr* const health = unproven_.find_or_add(name);
  if (health == nullptr) return nullptr;
  if (*health == nullptr) *health = std::make_shared<BucketHealth>(clock_, hedge_share_);
  return *health;
}

/// Adds to the scores what the buckets' slow bodies cost a read of `bytes`.
void Buckets::add_slow_bodies(std::span<Ranked> ranked, uint64_t bytes) {
  double best = std::numeric_limits<double>::infinity();
  for (const Ranked& one : ranked) {
    if (one.bodies) best = std::min(best, one.bodies->mean);
  }
  const bool all_known =
      std::ranges::all_of(ranked, [](const Ranked& one) { return one.bodies.has_value(); });
  for (Ranked& one : ranked) {
    if (!one.bodies) continue;
    const double slow = BucketHealth::score_of_slow_bodies(one.bodies->slowness, bytes);
    if (slow < BucketHealth::kScorePerPosition) continue;
    if (one.bodies->mean > kSlownessMin * best || (!all_known && one.health->may_try_others()))
      one.score += slow;
  }
}

BucketOrder Buckets::rank(std::span<const std::string> names, uint64_t bytes) const {
  BucketOrder order;
  if (names.size() == 1) {
    order.count = 1;
    return order;
  }
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < names.size(); ++i) {
    const HealthPtr health = find(names[i]);
    if (health == nullptr) {
      ranked.push_back({BucketHealth::score_of_position(i), i, nullptr, std::nullopt});
    } else {
      ranked.push_back({health->score(i), i, health, health->bodies()});
    }
  }
  add_slow_bodies(ranked, bytes);
  order.count = std::min(ranked.size(), per_page_);
  std::ranges::partial_sort(ranked, ranked.begin() + static_cast<std::ptrdiff_t>(order.count), {},
                            [](const Ranked& one) { return std::pair(one.score, one.index); });
  for (size_t i = 0; i < order.count; ++i) order.index[i] = ranked[i].index;
  if (order.count == 1) return order;
  const HealthPtr first = find(names[order.index[0]]);
  if (first != nullptr && !first->may_rank_first()) std::swap(order.index[0], order.index[1]);
  return order;
}

bool Buckets::is_proven(std::string_view name) const {
  const ReaderLock lock(mutex_);
  return proven_.contains(name);
}

std::optional<BucketHealth::View> Buckets::view(std::string_view name) const {
  const HealthPtr health = find(name);
  return health == nullptr ? std::nullopt : std::optional(health->view());
}

bool Buckets::may_ask(std::string_view name, std::string_view key,
                      BucketHealth::Instead instead) const {
  const HealthPtr health = find(name);
  return health == nullptr || health->may_ask(hash_of(key), instead);
}

bool Buckets::is_down(std::string_view name) const {
  const HealthPtr health = find(name);
  return health != nullptr && health->view().breaker_open;
}

BucketHealth::Patience Buckets::patience(std::string_view name) const {
  const HealthPtr health = find(name);
  return health == nullptr ? BucketHealth::Patience() : health->patience(hedge_quantile_);
}

bool Buckets::spend_hedge(std::string_view name) const {
  const HealthPtr health = find(name);
  return health != nullptr && health->spend_hedge();
}

void Buckets::hedge_ended(std::string_view name, HedgeResult result) const {
  if (const HealthPtr health = find(name)) health->hedge_ended(result);
}

bool Buckets::spend_rescue(std::string_view name) {
  if (is_proven(name)) {
    const HealthPtr health = find(name);
    if (health != nullptr) return health->spend_rescue();
  }
  const MonoTime now = clock_.mono();
  const MutexLock lock(rescues_mutex_);
  return unproven_rescues_.spend(now);
}

void Buckets::give_back_rescue(std::string_view name) {
  if (is_proven(name)) {
    if (const HealthPtr health = find(name)) return health->give_back_rescue();
  }
  const MutexLock lock(rescues_mutex_);
  unproven_rescues_.give_back();
}

void Buckets::answered(const std::string& name, std::string_view key,
                       std::chrono::nanoseconds to_head) {
  const HealthPtr health = proven(name);
  if (health == nullptr) return;
  if (const auto out = health->succeeded(hash_of(key), to_head)) {
    constexpr double kMillisecondsPerSecond = 1000;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*out).count();
    const double seconds = static_cast<double>(ms) / kMillisecondsPerSecond;
    log::info("bucket in use again", {{"bucket", name}, {"seconds", seconds}});
  }
}

void Buckets::read_whole(std::string_view name, uint64_t bytes, std::chrono::nanoseconds to_head,
                         std::chrono::nanoseconds body) {
  const HealthPtr health = find(name);
  if (health == nullptr) return;
  health->body_came(bytes, body);
  const auto exceeded = health->read_times().add(bytes, to_head + body, clock_.mono());
  if (!exceeded) return;
  const Predictions& predictions = predictions_.of(name);
  predictions.made.add();
  for (size_t i = 0; i < exceeded->size(); ++i) {
    if ((*exceeded)[i]) predictions.exceeded[i].add();
  }
}

bool Buckets::failed(const std::string& name, std::string_view key, const Error& error,
                     FailureTerms terms) {
  terms.proven_bucket = is_proven(name);
  if (!speaks_against_bucket(error, terms)) return false;
  const HealthPtr health = known(name);
  if (health != nullptr && health->failed(hash_of(key))) {
    log::warn("bucket deprioritized", {{"bucket", name},
                                       {"failures_in_a_row", BucketHealth::kBreakerFailures},
                                       {"error", to_string(error.kind())},
                                       {"reason", error.message()}});
  }
  return true;
}

}  // namespace cachey::origin
