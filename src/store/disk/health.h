#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/disk/probe_times.h"

namespace cachey::store {

/// Decides if the disk is used. kFailuresMax failures within kWindow take the disk offline, unless
/// more operations have succeeded meanwhile: a disk with a bad part stays in use. Then probes, one
/// at a time and at the ProbeTimes kProbes, find out when the disk works again. Any thread.
class DiskHealth {
 public:
  static constexpr int kFailuresMax = 8;
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr ProbeTimes::Limits kProbes{.first = std::chrono::seconds(1),
                                              .longest = std::chrono::seconds(60),
                                              .steady_after = std::chrono::seconds(120)};

  [[nodiscard]] bool online() const { return online_.load(std::memory_order_relaxed); }
  /// Failures since the window began.
  [[nodiscard]] int failures() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return failures_;
  }

  /// An operation failed or timed out. True: the disk is offline because of this call.
  [[nodiscard]] bool failed(MonoTime now);

  /// An operation succeeded.
  void succeeded() { successes_.fetch_add(1, std::memory_order_relaxed); }

  /// The disk must not be used, even if few operations failed. True as for failed().
  [[nodiscard]] bool take_offline(MonoTime now);

  /// True: the caller must probe now, and call probe_succeeded() or probe_failed().
  [[nodiscard]] bool take_probe(MonoTime now);
  void probe_succeeded(MonoTime now);
  void probe_failed(MonoTime now);

 private:
  [[nodiscard]] bool go_offline(MonoTime now) REQUIRES(mutex_);

  std::atomic<bool> online_{true};
  std::atomic<int64_t> successes_{0};  // since the window began

  Mutex mutex_;
  int failures_ GUARDED_BY(mutex_) = 0;
  MonoTime window_began_ GUARDED_BY(mutex_){};
  bool probing_ GUARDED_BY(mutex_) = false;
  ProbeTimes probes_ GUARDED_BY(mutex_){kProbes};
};

}  // namespace cachey::store
