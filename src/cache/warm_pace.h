#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/units.h"
#include "rt/worker.h"

namespace cachey::cache {

/// How many bytes a second may begin to come that no client waits for, beside readers. Timers on
/// the workers show what readers notice: how late these timers fire. While the lateness is near the
/// least one of the last minute, the rate grows by a fifth each kLook; else the rate falls by a
/// quarter. Without readers there is no limit. One thread at a time.
class WarmRate {
 public:
  static constexpr uint64_t kFirst = 256 * kMiB;  ///< bytes a second, when readers come
  static constexpr uint64_t kLeast = 64 * kMiB;
  static constexpr uint64_t kMost = uint64_t{64} * 1024 * kMiB;
  static constexpr uint64_t kPageCost = 512 * kKiB;  ///< what the smallest page counts as
  static constexpr std::chrono::milliseconds kLook{100};
  static constexpr std::chrono::seconds kAlone{1};  ///< without a reader for so long: no limit
  static constexpr std::chrono::seconds kLeastAge{30};
  static constexpr std::chrono::microseconds kNoise{50};

  /// A timer on a worker has fired so late.
  void fired_late(std::chrono::nanoseconds by);
  /// `reads`: pages that readers have asked for since the start.
  void look(MonoTime now, uint64_t reads);
  /// Zero: a page of `bytes` may begin. Else: ask again after this time.
  [[nodiscard]] std::chrono::nanoseconds take(MonoTime now, uint64_t bytes);

  [[nodiscard]] bool is_limited() const { return limited_; }
  [[nodiscard]] uint64_t bytes_per_second() const { return rate_; }

 private:
  static constexpr size_t kSamplesMin = 32;

  void adapt(MonoTime now);

  std::array<std::chrono::nanoseconds, 128> late_;
  size_t samples_ = 0;
  std::chrono::nanoseconds least_ = std::chrono::nanoseconds::max();         // of this half minute
  std::chrono::nanoseconds least_before_ = std::chrono::nanoseconds::max();  // of the one before
  MonoTime least_since_{};
  uint64_t rate_ = kFirst;
  bool limited_ = false;
  uint64_t reads_ = 0;
  MonoTime read_at_ = MonoTime::min();  // when readers were seen last
  MonoTime looked_at_ = MonoTime::min();
  MonoTime next_{};  // when the next page may begin
};

/// Lets pages of warm requests begin at the WarmRate. Owned by Warms. Any thread; a `worker` passed
/// in is the calling thread's own.
class WarmPace {
 public:
  /// `reads`: see WarmRate::look. `has_touched`: see MemoryTier::has_touched.
  WarmPace(const Clock& clock, std::function<uint64_t()> reads,
           std::function<bool(uint64_t)> has_touched)
      : clock_(clock), reads_(std::move(reads)), has_touched_(std::move(has_touched)) {}

  /// Waits until a page of `bytes` may begin, or `stopped`. Beside readers this takes a timer's
  /// wait at least, which shows how late timers fire; and waits for touched memory, for about
  /// kTouchWaitsMax times kWaitMin at most.
  [[nodiscard]] rt::Task<void> turn(rt::Worker& worker, uint64_t bytes, const bool& stopped);

 private:
  static constexpr std::chrono::milliseconds kWaitMin{1};
  static constexpr std::chrono::milliseconds kWaitMax{10};
  static constexpr int kTouchWaitsMax = 100;

  const Clock& clock_;
  const std::function<uint64_t()> reads_;
  const std::function<bool(uint64_t)> has_touched_;
  Mutex mutex_;
  WarmRate rate_ GUARDED_BY(mutex_);
};

}  // namespace cachey::cache
