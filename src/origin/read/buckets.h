#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "origin/read/bucket_health.h"

namespace cachey::origin {

/// At most this many different buckets are asked for one page.
inline constexpr size_t kBucketsTriedMax = 2;

/// Which of a client's buckets to ask, in this order: indices into its list.
struct BucketOrder {
  std::array<size_t, kBucketsTriedMax> index{};
  size_t count = 0;
};

/// The origin's buckets by how they do: ranks a client's list, remembers how each answered, and
/// says when one is better not asked, or asked twice. Owned by main; the metrics outlive it. Any
/// thread.
class Buckets {
 public:
  /// `hedge_quantile`: of a bucket's latencies, after which a second request is sent; 0: never.
  Buckets(double hedge_quantile, const Clock& clock, Metrics& metrics);

  /// The best two by BucketHealth::score, ties by the client's order. REQUIRES: `names` not empty.
  [[nodiscard]] BucketOrder rank(std::span<const std::string> names) const;

  /// See BucketHealth. A bucket of which nothing is known may be asked, and is not hedged.
  [[nodiscard]] bool is_down(std::string_view name) const;
  [[nodiscard]] bool may_ask(std::string_view name) const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> hedge_delay(std::string_view name) const;
  [[nodiscard]] bool spend_hedge(std::string_view name) const;
  void hedge_ended(std::string_view name, HedgeResult result) const;

  /// A request was answered, its head having come after `to_head`.
  void answered(const std::string& name, std::chrono::nanoseconds to_head);
  /// A request failed, or a body broke off. Only the store's own failures count.
  void failed(const std::string& name, ErrorKind kind);

 private:
  /// Buckets beyond these are ranked by the client's order alone. Only buckets that answered or
  /// failed as stores do count; for a new one the one goes that is worth least: that never answered
  /// or else has not been heard of for kForgottenAfter. So no client can fill the list with names.
  static constexpr size_t kBucketsMax = 1000;
  static constexpr std::chrono::minutes kForgottenAfter{10};
  /// The first; they are never forgotten.
  static constexpr size_t kBucketsWithGauges = 100;

  using HealthPtr = std::shared_ptr<BucketHealth>;
  struct Known {
    HealthPtr health;
    bool has_gauges = false;
  };

  [[nodiscard]] HealthPtr find(std::string_view name) const EXCLUDES(mutex_);
  [[nodiscard]] HealthPtr find_or_add(const std::string& name) EXCLUDES(mutex_);
  [[nodiscard]] bool make_room() REQUIRES(mutex_);
  void add_gauges(const std::string& name, const BucketHealth& health);

  const double hedge_quantile_;
  const Clock& clock_;
  Metrics& metrics_;
  mutable SharedMutex mutex_;
  std::map<std::string, Known, std::less<>> known_ GUARDED_BY(mutex_);
  size_t with_gauges_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey::origin
