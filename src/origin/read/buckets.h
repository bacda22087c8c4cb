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

/// The most buckets that are asked for one page.
inline constexpr size_t kBucketsTriedMax = 2;

/// The buckets to ask, in order, as indices into the client's list.
struct BucketOrder {
  std::array<size_t, kBucketsTriedMax> index{};
  size_t count = 0;
};

/// The health of all buckets. Ranks a client's list, decides whether a bucket may be asked and when
/// a request to it is hedged. Owned by app::Process; `metrics` outlives it. Any thread.
class Buckets {
 public:
  /// `hedge_quantile`: see BucketHealth::hedge_delay; 0: no hedges.
  Buckets(double hedge_quantile, const Clock& clock, Metrics& metrics);

  /// The best kBucketsTriedMax by BucketHealth::score; ties go by the client's order. REQUIRES:
  /// `names` is not empty.
  [[nodiscard]] BucketOrder rank(std::span<const std::string> names) const;

  /// The bucket has given a good answer (the head of an object) and is still remembered. A name
  /// that a client made up never is.
  [[nodiscard]] bool is_proven(std::string_view name) const;

  /// See BucketHealth. An unknown bucket may be asked and is not hedged.
  [[nodiscard]] bool is_down(std::string_view name) const;
  [[nodiscard]] bool may_ask(std::string_view name) const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> hedge_delay(std::string_view name) const;
  [[nodiscard]] bool spend_hedge(std::string_view name) const;
  void hedge_ended(std::string_view name, HedgeResult result) const;

  /// A request was answered; its head came `to_head` after the request.
  void answered(const std::string& name, std::chrono::nanoseconds to_head);
  /// A request or a body failed. Failures that are not the store's own are ignored.
  void failed(const std::string& name, ErrorKind kind);

 private:
  /// Known buckets. A bucket is added at its first answer or failure as a store. If the list is
  /// full, a bucket that never answered is dropped, else one that was not observed for
  /// kForgottenAfter; so clients cannot fill the list with made-up names. An unlisted bucket is
  /// ranked by its position.
  static constexpr size_t kBucketsMax = 1000;
  static constexpr std::chrono::minutes kForgottenAfter{10};
  /// The first buckets get gauges and are never dropped.
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
