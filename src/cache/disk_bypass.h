#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/units.h"
#include "store/disk/region_health.h"

namespace cachey::cache {

/// Durations of one window of time, thinned to kKept of them that are spread evenly. Not
/// synchronized.
class ThinnedTimes {
 public:
  void add(std::chrono::nanoseconds took);
  void clear();
  [[nodiscard]] size_t size() const { return size_; }
  /// REQUIRES: size() > 0.
  [[nodiscard]] std::chrono::nanoseconds median() const;

 private:
  static constexpr size_t kKept = 32;
  std::array<std::chrono::nanoseconds, kKept> times_{};
  size_t size_ = 0;
  uint64_t seen_ = 0;
  uint64_t every_ = 1;  // of the durations seen, the one that is kept
};

/// Decides which reads of pages on disk are answered by the store, because the disk takes longer
/// than the store.
///
/// The disk's reads are timed in windows of kWindow with at least kTimesMin reads. As long as their
/// median is below kSuspect, nothing else happens. Above it, single reads go to the store, at least
/// kExploreEvery apart, to learn how long the store takes for the same bytes, waits included. If
/// the disk's median is more than kSlower times the store's, a share of the reads goes to the
/// store: a sixteenth, and in each window twice as much. If the disk's median is below the store's
/// or below kFine, the share is halved in each window. So a disk that is slow because of its load
/// keeps the load that it can bear. Each bucket has its own times of the store, and its own share.
/// If only a region of the disk is slow, the store gets the reads of that region at once.
///
/// The store never gets more than kAtOnceMax such reads at a time. If the store refuses or fails a
/// read, or takes too long, the disk is read. After kFailuresMin in a row the share is halved, and
/// the bucket gets no such read for a while, longer after each further failure. So a slow disk is
/// better than a store that fails or sheds.
///
/// While reads go to the store, some reads of the disk are made beside them for their times alone:
/// one at a time, kProbeEvery apart. Any thread.
class DiskBypass {
 public:
  using Duration = std::chrono::nanoseconds;
  /// A disk below this is never compared: it is as good as most stores, and costs nothing.
  static constexpr std::chrono::milliseconds kSuspect{20};
  static constexpr std::chrono::milliseconds kFine{10};
  static constexpr int kSlower = 2;
  static constexpr std::chrono::milliseconds kWindow{500};
  /// A window with fewer reads goes on; after kWindowMax until there are kFewTimesMin.
  static constexpr size_t kTimesMin = 4;
  static constexpr size_t kFewTimesMin = 2;
  static constexpr std::chrono::seconds kWindowMax{10};
  /// A region is slow after as many slow windows.
  static constexpr uint32_t kSlowWindows = 3;
  static constexpr size_t kStoreTimesMin = 3;
  static constexpr std::chrono::milliseconds kExploreEvery{50};
  static constexpr std::chrono::milliseconds kProbeEvery{100};
  static constexpr int kFailuresMin = 3;  ///< in a row, before anything follows
  static constexpr std::chrono::milliseconds kOutMin{250};
  static constexpr std::chrono::seconds kOutMax{30};
  static constexpr uint32_t kShareAll = 16;  ///< sixteenths of the reads
  static constexpr uint32_t kAtOnceMax = 64;
  /// The time limit of a read from the store: kTriesStore times the usual time, or the disk's time
  /// if the usual time is not known; between these bounds.
  static constexpr int kTriesStore = 4;
  static constexpr std::chrono::milliseconds kLimitMin{100};
  static constexpr std::chrono::milliseconds kLimitMax{2000};
  /// The disk counts as slow once half of a bucket's reads, or a region, go to the store, until
  /// none has for this time.
  static constexpr std::chrono::seconds kOverAfter{10};
  /// If there were so few reads that the store got none of them for this time, all is forgotten.
  static constexpr std::chrono::seconds kForgotten{60};
  /// Older times of the store do not count.
  static constexpr std::chrono::seconds kStoreTimesValid{5};
  static constexpr AgedMapLimits kBuckets{.entries = 64, .key_bytes = 8 * kKiB};

  /// `is_on`: false: all reads go to the disk. `disk_name`: for the log.
  DiskBypass(bool is_on, const Clock& clock, std::function<std::string()> disk_name);
  DiskBypass(const DiskBypass&) = delete;
  DiskBypass& operator=(const DiskBypass&) = delete;

  struct Choice {
    bool store = false;  ///< read from the store first; end by store_ended()
    bool probe = false;  ///< read the disk beside, for its time; end by probe_ended()
    std::chrono::milliseconds limit{0};  ///< of the read from the store
  };
  /// False: choose() chooses the disk. Lock-free.
  [[nodiscard]] bool is_suspect_now() const { return suspect_.load(std::memory_order_relaxed); }
  /// For a read of a page from `bucket`. `region`: of the disk; nothing: it has none.
  [[nodiscard]] Choice choose(std::string_view bucket, std::optional<uint32_t> region);

  /// A read of the disk took so long.
  void disk_answered(std::optional<uint32_t> region, Duration took) EXCLUDES(mutex_);
  /// A read from the store, as choose() said, took so long; nothing: it failed.
  void store_ended(std::string_view bucket, std::optional<Duration> took) EXCLUDES(mutex_);
  void probe_ended() { probing_.store(false, std::memory_order_relaxed); }

  struct View {
    bool slow = false;
    double disk_p50_seconds = 0;   ///< of the last window; 0: not known
    double store_p50_seconds = 0;  ///< of the bucket with the largest share; 0: not known
    std::string bucket;            ///< that bucket; empty: none
    uint32_t share = 0;            ///< its share, in sixteenths
    uint32_t regions = 0;          ///< regions that are left alone
    uint64_t bypassed = 0;         ///< reads that the store answered, since the start
    uint64_t failed = 0;           ///< that it was asked for and did not answer in time
  };
  [[nodiscard]] View view() EXCLUDES(mutex_);

 private:
  static constexpr size_t kRegions = store::DiskRegions::kRegionsMax;

  struct Window {
    ThinnedTimes times;
    MonoTime began{};
    std::optional<Duration> median;  // of the last window
    /// Takes a time. True: the window was over, and `median` is new.
    bool add(Duration took, MonoTime now);
  };
  struct Region {
    Window window;
    uint32_t slow_windows = 0;  // in a row, above kSuspect
    bool slow = false;
    MonoTime probed{};
  };
  struct Bucket {
    ThinnedTimes times;  // of the store, since the last median
    std::optional<Duration> median;
    MonoTime median_at{};
    uint64_t stepped = 0;  // the number of the disk's window
    uint32_t share = 0;
    uint32_t sum = 0;  // spreads the share over the reads
    MonoTime explored{};
    MonoTime out_until{};
    int failures = 0;  // in a row
  };

  [[nodiscard]] Choice choose_locked(std::string_view name, std::optional<uint32_t> region,
                                     MonoTime now) REQUIRES(mutex_);
  void step(Bucket& bucket, MonoTime now) REQUIRES(mutex_);
  void judge(Region& region, const Bucket& bucket) REQUIRES(mutex_);
  [[nodiscard]] bool is_worth_asking(const Region* region) const REQUIRES(mutex_);
  [[nodiscard]] std::chrono::milliseconds limit_of(const Bucket& bucket, const Region* region) const
      REQUIRES(mutex_);
  [[nodiscard]] static bool takes(Bucket& bucket, uint32_t share);
  /// True: slow_ has changed.
  [[nodiscard]] bool look(MonoTime now) REQUIRES(mutex_);
  [[nodiscard]] bool is_suspect() const REQUIRES(mutex_);
  [[nodiscard]] View view_now() const REQUIRES(mutex_);
  void tell(const View& seen) const;

  const bool is_on_;
  const Clock& clock_;
  const std::function<std::string()> disk_name_;
  std::atomic<uint64_t> bypassed_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<bool> suspect_{false};
  std::atomic<bool> probing_{false};

  mutable Mutex mutex_;
  Window disk_ GUARDED_BY(mutex_);
  uint64_t windows_ GUARDED_BY(mutex_) = 0;  // of the disk, that are over
  MonoTime probed_ GUARDED_BY(mutex_){};
  std::array<Region, kRegions> regions_ GUARDED_BY(mutex_);
  AgedMap<Bucket> buckets_ GUARDED_BY(mutex_){kBuckets};
  uint32_t at_once_ GUARDED_BY(mutex_) = 0;
  bool slow_ GUARDED_BY(mutex_) = false;
  MonoTime left_alone_ GUARDED_BY(mutex_){};  // when a read was last kept from the disk
};

/// Registers `cachey_disk_slow` and `cachey_disk_bypass*`. `bypass` outlives the last text.
void add_bypass_metrics(Metrics& metrics, DiskBypass& bypass);

}  // namespace cachey::cache
