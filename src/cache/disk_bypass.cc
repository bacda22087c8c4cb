#include "cache/disk_bypass.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cachey::cache {
namespace {

double to_seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

int64_t to_milliseconds(double seconds) { return static_cast<int64_t>(seconds * 1000); }

}  // namespace

void ThinnedTimes::add(std::chrono::nanoseconds took) {
  if (seen_++ % every_ != 0) return;
  if (size_ == kKept) {
    for (size_t i = 0; i < kKept / 2; ++i) times_[i] = times_[2 * i];
    size_ = kKept / 2;
    every_ *= 2;
  }
  times_[size_++] = took;
}

void ThinnedTimes::clear() {
  size_ = 0;
  seen_ = 0;
  every_ = 1;
}

std::chrono::nanoseconds ThinnedTimes::median() const {
  auto sorted = times_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(size_ / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(size_));
  return *middle;
}

bool DiskBypass::Window::add(Duration took, MonoTime now) {
  if (now - began >= kForgotten) times.clear();
  if (times.size() == 0) began = now - std::min<Duration>(took, kWindowMax / 2);
  times.add(took);
  const size_t enough = now - began < kWindowMax ? kTimesMin : kFewTimesMin;
  if (now - began < kWindow || times.size() < enough) return false;
  median = times.median();
  times.clear();
  return true;
}

DiskBypass::DiskBypass(bool is_on, const Clock& clock, std::function<std::string()> disk_name)
    : is_on_(is_on), clock_(clock), disk_name_(std::move(disk_name)) {}

DiskBypass::Choice DiskBypass::choose(std::string_view bucket, std::optional<uint32_t> region) {
  if (!suspect_.load(std::memory_order_relaxed)) return {};
  const MonoTime now = clock_.mono();
  Choice choice;
  std::optional<View> changed;
  {
    const MutexLock lock(mutex_);
    choice = choose_locked(bucket, region, now);
    if (look(now)) changed = view_now();
  }
  if (changed) tell(*changed);
  return choice;
}

DiskBypass::Choice DiskBypass::choose_locked(std::string_view name, std::optional<uint32_t> region,
                                             MonoTime now) {
  Bucket* const bucket = buckets_.find_or_add(name);
  if (bucket == nullptr) return {};
  if (bucket->stepped != windows_) step(*bucket, now);
  Region* const part = region ? &regions_[*region] : nullptr;
  if (part != nullptr) judge(*part, *bucket);
  if (now < bucket->out_until || at_once_ >= kAtOnceMax) return {};
  const bool is_slow_part = part != nullptr && part->slow;
  bool store = takes(*bucket, is_slow_part ? kShareAll : bucket->share);
  if (store) {
    left_alone_ = now;
  } else if (!bucket->median && is_worth_asking(part) && now - bucket->explored >= kExploreEvery) {
    bucket->explored = now;
    store = true;
  }
  if (!store) return {};
  ++at_once_;
  Choice choice{.store = true};
  choice.limit = limit_of(*bucket, part);
  MonoTime& probed = is_slow_part ? part->probed : probed_;
  choice.probe = now - probed >= kProbeEvery && !probing_.exchange(true, std::memory_order_relaxed);
  if (choice.probe) probed = now;
  return choice;
}

/// A store whose time is not known is no better than the disk if the store takes as long.
std::chrono::milliseconds DiskBypass::limit_of(const Bucket& bucket, const Region* region) const {
  Duration most = disk_.median.value_or(Duration(0));
  if (region != nullptr) most = std::max(most, region->window.median.value_or(Duration(0)));
  if (bucket.median) most = *bucket.median * kTriesStore;
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(most), kLimitMin,
                    kLimitMax);
}

/// The disk, or this region of it, may be slower than the store.
bool DiskBypass::is_worth_asking(const Region* region) const {
  if (!disk_.median) return false;
  if (*disk_.median > kSuspect) return true;
  const std::optional<Duration> here = region == nullptr ? std::nullopt : region->window.median;
  return here && *here > kSuspect && *here > kSlower * *disk_.median;
}

bool DiskBypass::takes(Bucket& bucket, uint32_t share) {
  bucket.sum += share;
  if (bucket.sum < kShareAll) return false;
  bucket.sum -= kShareAll;
  return true;
}

/// A window of the disk is over since the bucket's last step.
void DiskBypass::step(Bucket& bucket, MonoTime now) {
  bucket.stepped = windows_;
  if (bucket.times.size() >= kStoreTimesMin) {
    bucket.median = bucket.times.median();
    bucket.median_at = now;
    bucket.times.clear();
  }
  if (!bucket.median || !disk_.median) return;
  if (*disk_.median > kSuspect && *disk_.median > kSlower * *bucket.median) {
    // A share that the store had a moment ago is no news for it.
    const uint32_t first = slow_ ? kShareAll / 2 : 1;
    bucket.share = std::min(kShareAll, std::max(first, 2 * bucket.share));
  } else if (*disk_.median < *bucket.median || *disk_.median < kFine) {
    bucket.share /= 2;
  }
  if (bucket.share == 0 && now - bucket.median_at >= kStoreTimesValid) bucket.median.reset();
}

void DiskBypass::judge(Region& region, const Bucket& bucket) {
  const std::optional<Duration>& here = region.window.median;
  if (!here || !bucket.median) return;
  if (region.slow) {
    if (*here < *bucket.median || *here < kFine) region.slow = false;
  } else {
    // The window of the whole disk may lag behind.
    region.slow = region.slow_windows >= kSlowWindows && *here > kSlower * *bucket.median &&
                  disk_.median && *here > kSlower * *disk_.median;
  }
}

void DiskBypass::disk_answered(std::optional<uint32_t> region, Duration took) {
  if (!is_on_) return;
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  bool news = false;
  if (region && regions_[*region].window.add(took, now)) {
    Region& part = regions_[*region];
    part.slow_windows = *part.window.median > kSuspect ? part.slow_windows + 1 : 0;
    news = true;
  }
  if (disk_.add(took, now)) {
    ++windows_;
    news = true;
  }
  if (news) suspect_.store(is_suspect(), std::memory_order_relaxed);
}

void DiskBypass::store_ended(std::string_view bucket, std::optional<Duration> took) {
  const MonoTime now = clock_.mono();
  (took ? bypassed_ : failed_).fetch_add(1, std::memory_order_relaxed);
  const MutexLock lock(mutex_);
  --at_once_;
  Bucket* const known = buckets_.find(bucket);
  if (known == nullptr) return;
  if (took) {
    known->failures = 0;
    known->times.add(*took);
    if (known->median || known->times.size() < kStoreTimesMin) return;
    known->median = known->times.median();
    known->median_at = now;
    return;
  }
  if (now < known->out_until) return;  // one of several that failed together
  if (++known->failures < kFailuresMin) return;
  known->share /= 2;
  constexpr int kDoublings = 7;  // kOutMin to kOutMax
  const Duration out = kOutMin * (1 << std::min(known->failures - kFailuresMin, kDoublings));
  known->out_until = now + std::min<Duration>(out, kOutMax);
}

bool DiskBypass::is_suspect() const {
  const auto is_slow = [](const Window& window) {
    return window.median && *window.median > kSuspect;
  };
  if (slow_ || is_slow(disk_)) return true;
  if (std::ranges::any_of(
          regions_, [&](const Region& region) { return region.slow || is_slow(region.window); })) {
    return true;
  }
  return view_now().share > 0;
}

bool DiskBypass::look(MonoTime now) {
  const View seen = view_now();
  const bool left_alone = seen.share >= kShareAll / 2 || seen.regions > 0;
  const auto idle = now - left_alone_;
  if (!slow_) {
    if (left_alone && idle < kOverAfter) return slow_ = true;
    return false;
  }
  if (idle >= kForgotten) {
    buckets_.clear();
    for (Region& region : regions_) region.slow = false;
  } else if (seen.share > 0 || seen.regions > 0 || idle < kOverAfter) {
    return false;
  }
  slow_ = false;
  return true;
}

DiskBypass::View DiskBypass::view_now() const {
  View seen;
  seen.slow = slow_;
  seen.bypassed = bypassed_.load(std::memory_order_relaxed);
  seen.failed = failed_.load(std::memory_order_relaxed);
  if (disk_.median) seen.disk_p50_seconds = to_seconds(*disk_.median);
  buckets_.visit_newest(kBuckets.entries, [&seen](const std::string& name, const Bucket& bucket) {
    if (!bucket.median || (bucket.share <= seen.share && !seen.bucket.empty())) return;
    seen.share = bucket.share;
    seen.bucket = name;
    seen.store_p50_seconds = to_seconds(*bucket.median);
  });
  Duration slowest{0};
  for (const Region& region : regions_) {
    if (!region.slow) continue;
    ++seen.regions;
    slowest = std::max(slowest, *region.window.median);
  }
  if (seen.share == 0 && seen.regions > 0) seen.disk_p50_seconds = to_seconds(slowest);
  return seen;
}

DiskBypass::View DiskBypass::view() {
  const MonoTime now = clock_.mono();
  View seen;
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    changed = look(now);
    seen = view_now();
  }
  if (changed) tell(seen);
  return seen;
}

void DiskBypass::tell(const View& seen) const {
  if (seen.slow) {
    log::warn("disk slower than the store; the store answers reads of its pages meanwhile",
              {{"path", disk_name_()},
               {"disk_p50_ms", to_milliseconds(seen.disk_p50_seconds)},
               {"store_p50_ms", to_milliseconds(seen.store_p50_seconds)},
               {"bucket", seen.bucket},
               {"regions", seen.regions}});
  } else {
    log::info("disk as fast as the store again; its pages are read",
              {{"path", disk_name_()},
               {"disk_p50_ms", to_milliseconds(seen.disk_p50_seconds)},
               {"bypassed_reads", seen.bypassed}});
  }
}

void add_bypass_metrics(Metrics& metrics, DiskBypass& bypass) {
  metrics.read_gauge("cachey_disk_slow",
                     "1 while the store answers reads of pages on disk, because the disk is slower",
                     [&bypass] { return bypass.view().slow ? 1.0 : 0.0; });
  metrics.read_counter("cachey_disk_bypassed_reads_total",
                       "Reads of pages on disk that the store answered",
                       [&bypass] { return static_cast<double>(bypass.view().bypassed); });
  metrics.read_counter("cachey_disk_bypass_failures_total",
                       "Such reads that the store did not answer in time, so that the disk did",
                       [&bypass] { return static_cast<double>(bypass.view().failed); });
}

}  // namespace cachey::cache
