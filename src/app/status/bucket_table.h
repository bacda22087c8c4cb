#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/status/facts.h"

namespace cachey::app {

/// A bucket's recent past.
struct BucketView {
  BucketFacts now;
  struct Counts {
    // Of BucketFacts, the same names.
    int64_t attempts = 0;
    int64_t failures = 0;
    int64_t failed_objects = 0;
    int64_t throttled = 0;
    int64_t good = 0;
    int64_t denied = 0;
    int64_t denied_objects = 0;
  };
  Counts newest;  ///< of the last kNewestSeconds
  Counts recent;  ///< of the last kRecentSeconds
  Counts minute;  ///< of the last minute
  /// Since the last attempt or failed read, or since the bucket is known. 0: attempts are not
  /// known.
  uint64_t idle_seconds = 0;
  /// The usual median time to the first byte, in milliseconds. Nothing: not yet known.
  std::optional<double> usual_ms;
};

/// Remembers what the buckets did in the last minute, and how quick they usually are. A bucket that
/// is no longer reported is forgotten, so the reader bounds the table. Not synchronized.
///
/// The usual time follows quicker answers within seconds and slower ones over kSlowerFold: a bucket
/// that has become slow counts as slow for half an hour or more, and then is as usual.
class BucketTable {
 public:
  static constexpr size_t kNewestSeconds = 5;
  static constexpr size_t kRecentSeconds = 10;
  static constexpr size_t kMinute = 60;
  /// The newest median is of one to two rounds, and of at least kAnswersMin answers.
  static constexpr size_t kRoundSeconds = 3;
  static constexpr uint64_t kAnswersMin = 3;
  /// The usual time is known after this many seconds with answers.
  static constexpr int kSecondsMin = 5;
  static constexpr double kQuickerPart = 0.2;      ///< of the difference, each second
  static constexpr double kSlowerFold = 1.001;     ///< each second
  static constexpr double kFirstSlowerPart = 0.5;  ///< of the difference, in the first kSecondsMin

  /// Once a second.
  void update(std::span<const BucketFacts> buckets);

  /// In the order of their names.
  [[nodiscard]] std::span<const BucketView> views() const { return views_; }

 private:
  struct Past {
    std::array<BucketView::Counts, kMinute> seconds{};  // ring of differences
    BucketView::Counts totals;
    uint64_t asked = 0;  // the newest update with an attempt, or with a read that failed
    uint64_t failed_reads = 0;
    // Times to the first byte up to the begin of this and of the last round of kRoundSeconds.
    FineHistogram::Snapshot this_round;
    FineHistogram::Snapshot last_round;
    bool has_totals = false;
    double usual_ms = 0;
    int usual_seconds = 0;
    uint64_t seen = 0;
  };
  /// Sets BucketFacts::now_ms.
  void take_median(Past& past, BucketFacts& now) const;
  void count(Past& past, const BucketFacts& now) const;
  static void learn(Past& past, const BucketFacts& now);
  [[nodiscard]] BucketView::Counts sum(const Past& past, size_t seconds) const;

  std::map<std::string, Past, std::less<>> pasts_;
  std::vector<BucketView> views_;
  uint64_t updates_ = 0;
};

}  // namespace cachey::app
