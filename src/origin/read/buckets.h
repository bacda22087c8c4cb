#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/per_label.h"
#include "base/units.h"
#include "origin/finality.h"
#include "origin/read/bucket_health.h"

namespace cachey::origin {

/// How many of a client's buckets are asked for one page: the default, and the most that may be
/// set.
inline constexpr size_t kBucketsPerPage = 2;
inline constexpr size_t kBucketsPerPageMax = 8;

/// The buckets to ask, in order, as indices into the client's list.
struct BucketOrder {
  std::array<size_t, kBucketsPerPageMax> index{};
  size_t count = 0;

  void add(size_t bucket) { index[count++] = bucket; }
  [[nodiscard]] auto begin() const { return index.begin(); }
  [[nodiscard]] auto end() const { return index.begin() + static_cast<std::ptrdiff_t>(count); }
};

/// The health of all buckets. Ranks a client's list, decides whether a bucket may be asked and when
/// a request to it is hedged. Owned by app::Process; `metrics` outlives it. Any thread.
class Buckets {
 public:
  /// `hedge_quantile`: see BucketHealth::patience. `hedge_share`: see HedgeBudget. If one of the
  /// two is 0, there are no hedges. `per_page`: the most buckets of an order, from 1 to
  /// kBucketsPerPageMax.
  Buckets(double hedge_quantile, const Clock& clock, Metrics& metrics,
          double hedge_share = HedgeBudget::kShare, size_t per_page = kBucketsPerPage);

  [[nodiscard]] size_t per_page() const { return per_page_; }

  /// A bucket's slow bodies count if they are more than this times as slow as those of another of
  /// the client's buckets. So no bucket is left if all are slow because the server's link is full.
  static constexpr double kSlownessMin = 2;

  /// The best per_page() by BucketHealth::score and, for a read of at most `bytes`, by the pace of
  /// the bodies; ties go by the client's order. REQUIRES: `names` is not empty.
  [[nodiscard]] BucketOrder rank(std::span<const std::string> names, uint64_t bytes = 0) const;

  /// The bucket has given a good answer (the head of an object) and is still remembered. A name
  /// that a client made up never is.
  [[nodiscard]] bool is_proven(std::string_view name) const;
  /// What is known of the bucket. Nothing: neither an answer nor a failure.
  [[nodiscard]] std::optional<BucketHealth::View> view(std::string_view name) const;

  /// What is known of each bucket with gauges, in the order of their names.
  struct Overview {
    std::string name;
    BucketHealth::View health;
    std::optional<double> median_seconds;  ///< to the head of an answer, recently
    std::optional<double> p99_seconds;
    std::optional<std::chrono::nanoseconds> hedge_delay;
  };
  [[nodiscard]] std::vector<Overview> overview() const EXCLUDES(mutex_);

  /// See BucketHealth. An unknown bucket may be asked and is not hedged.
  [[nodiscard]] bool may_ask(std::string_view name, std::string_view key,
                             BucketHealth::Instead instead) const;
  /// The bucket's breaker is open.
  [[nodiscard]] bool is_down(std::string_view name) const;
  [[nodiscard]] BucketHealth::Patience patience(std::string_view name) const;
  [[nodiscard]] bool spend_hedge(std::string_view name) const;
  void hedge_ended(std::string_view name, HedgeResult result) const;
  /// Buckets without a good answer share one budget.
  [[nodiscard]] bool spend_rescue(std::string_view name);
  /// Call if another bucket answered the rescue.
  void give_back_rescue(std::string_view name);

  /// A request for the object `key` was answered; its head came `to_head` after the request.
  void answered(const std::string& name, std::string_view key, std::chrono::nanoseconds to_head);
  /// One request brought `bytes` whole: its head `to_head` after it was sent, its last byte `body`
  /// after the head. The sum is for metrics only.
  void read_whole(std::string_view name, uint64_t bytes, std::chrono::nanoseconds to_head,
                  std::chrono::nanoseconds body);
  /// A request for the object `key`, or a body of it, failed. False: the failure is ignored,
  /// because speaks_against_bucket() says no. `terms.proven_bucket` is known here.
  bool failed(const std::string& name, std::string_view key, const Error& error,
              FailureTerms terms = {});

 private:
  struct Ranked {
    double score;
    size_t index;
    std::shared_ptr<BucketHealth> health;  // null: unknown
    std::optional<BodyPace::View> bodies;
  };
  static void add_slow_bodies(std::span<Ranked> ranked, uint64_t bytes);

  /// Buckets with a good answer. Past the bound the one without news for the longest time is
  /// forgotten. A forgotten bucket is ranked by its position.
  static constexpr AgedMapLimits kProven{.entries = 1000, .key_bytes = 256 * kKiB};
  /// Buckets that have only failed. They are apart, so that made-up names do not drop real buckets.
  static constexpr AgedMapLimits kUnproven{.entries = 100, .key_bytes = 25 * kKiB};
  /// Proven buckets with gauges: those with the latest news. Buckets with counters: the first ones.
  static constexpr size_t kBucketsWithGauges = 100;
  /// Buckets with gauges that have only failed: those with the latest news. Few, because made-up
  /// names are among them while a store is down.
  static constexpr size_t kUnprovenWithGauges = 20;

  using HealthPtr = std::shared_ptr<BucketHealth>;

  [[nodiscard]] HealthPtr find(std::string_view name) const EXCLUDES(mutex_);
  [[nodiscard]] HealthPtr proven(const std::string& name) EXCLUDES(mutex_);
  [[nodiscard]] HealthPtr known(const std::string& name) EXCLUDES(mutex_);

  // Metrics: bucket_metrics.cc.
  /// How often whole reads took longer than ReadTimes::kQuantiles of those before.
  struct Predictions {
    Counter made;
    std::array<Counter, ReadTimes::kQuantiles.size()> exceeded;
  };
  void add_gauges();
  void add_gauge(const std::string& name, const std::string& help,
                 std::optional<double> (*value)(const BucketHealth& health));
  [[nodiscard]] std::vector<std::pair<std::string, HealthPtr>> shown() const EXCLUDES(mutex_);
  [[nodiscard]] std::vector<Metrics::Reading> latency_readings() const;
  [[nodiscard]] std::vector<Metrics::Reading> model_readings() const;
  [[nodiscard]] std::vector<Metrics::Reading> hedge_delay_readings() const;
  [[nodiscard]] std::unique_ptr<Predictions> make_predictions(const std::string& bucket) const;

  const double hedge_quantile_;
  const double hedge_share_;
  const size_t per_page_;
  const Clock& clock_;
  Metrics& metrics_;
  PerLabel<Predictions> predictions_;
  mutable SharedMutex mutex_;
  AgedMap<HealthPtr> proven_ GUARDED_BY(mutex_){kProven};
  AgedMap<HealthPtr> unproven_ GUARDED_BY(mutex_){kUnproven};
  Mutex rescues_mutex_;
  RescueBudget unproven_rescues_ GUARDED_BY(rescues_mutex_);
};

}  // namespace cachey::origin
