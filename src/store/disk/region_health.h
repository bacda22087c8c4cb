#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/disk/format.h"
#include "store/disk/probe_times.h"

namespace cachey::store {

enum class DiskDirection : uint8_t { kRead, kWrite };

/// The device's space for pages and journal, cut into at most 64 regions of equal size. A region
/// has whole chunks of 16 MiB. A device of fewer than kRegionsMin chunks has no regions.
class DiskRegions {
 public:
  static constexpr uint32_t kRegionsMax = 64;
  static constexpr uint32_t kRegionsMin = 8;

  /// Of units [first_unit, end_unit).
  DiskRegions(uint32_t first_unit, uint32_t end_unit);

  [[nodiscard]] uint32_t count() const { return count_; }
  /// Null: the unit is in no region.
  [[nodiscard]] std::optional<uint32_t> region_of(uint64_t unit) const;
  [[nodiscard]] uint64_t first_unit(uint32_t region) const {
    return first_unit_ + region * region_units_;
  }
  /// The region's bit in a mask, or 0.
  [[nodiscard]] uint64_t bit_of(uint64_t unit) const;

 private:
  uint64_t first_unit_;
  uint64_t end_unit_;
  uint64_t region_units_;
  uint32_t count_;
};

/// Decides which regions of the device are used. kFailuresMax failures in a region, without a
/// success of the same direction between, take the region out. Then all other regions are checked,
/// at most every kCheckEvery: a region in which the check fails goes out, too, before pages are
/// lost there. Probes where the last failure was, at the ProbeTimes kProbes, find out when the
/// region works again.
///
/// Owned by DeviceIo. Any thread.
class RegionHealth {
 public:
  static constexpr int kFailuresMax = 3;
  static constexpr ProbeTimes::Limits kProbes{.first = std::chrono::seconds(1),
                                              .longest = std::chrono::seconds(300),
                                              .steady_after = std::chrono::seconds(600)};
  static constexpr std::chrono::seconds kCheckEvery{10};

  enum class Failure : uint8_t {
    kNoRegion,  ///< the unit is in no region
    kFirst,     ///< the first one in the region since a success
    kCounted,   ///< a later one; the region stays in use
    kWentOut,   ///< the region is out because of this call
    kWasOut,    ///< the region was out before
  };
  struct Probe {
    uint32_t region;
    uint64_t unit;  ///< where the last failure was
    bool check;     ///< the region is in use: a read that fails or hangs takes it out
  };

  explicit RegionHealth(DiskRegions regions) : regions_(regions) {}

  /// A bit a region that is out.
  [[nodiscard]] uint64_t out() const { return out_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_out(uint64_t unit) const {
    const uint64_t mask = out();
    return mask != 0 && (mask & regions_.bit_of(unit)) != 0;
  }
  [[nodiscard]] uint32_t count_out() const { return static_cast<uint32_t>(std::popcount(out())); }
  /// Half of the regions are out: the device is not worth using.
  [[nodiscard]] bool too_many_out() const {
    return regions_.count() > 0 && 2 * count_out() >= regions_.count();
  }

  /// See DiskRegions.
  [[nodiscard]] std::optional<uint32_t> region_of(uint64_t unit) const {
    return regions_.region_of(unit);
  }

  /// An operation at this unit failed or timed out.
  [[nodiscard]] Failure failed(uint64_t unit, DiskDirection direction, MonoTime now);
  /// An operation at this unit succeeded. No lock, unless one has failed in its region.
  void succeeded(uint64_t unit, DiskDirection direction);

  /// A probe that is due: the caller must make it, and call probed(). At most one a region.
  [[nodiscard]] std::optional<Probe> take_probe(MonoTime now);
  /// True: the region went out, or is in use again, because of this call.
  [[nodiscard]] bool probed(const Probe& probe, bool well, MonoTime now);

 private:
  static constexpr size_t kDirections = 2;
  struct Region {
    std::array<int, kDirections> failures{};  // since the last success
    uint64_t failed_unit = 0;
    bool probing = false;
    bool to_check = false;
    ProbeTimes probes{kProbes};
  };

  [[nodiscard]] bool is_due(uint32_t number, MonoTime now) const REQUIRES(mutex_);
  void go_out(uint32_t number, MonoTime now) REQUIRES(mutex_);
  void check_others(uint32_t number, MonoTime now) REQUIRES(mutex_);
  void find_next_probe() REQUIRES(mutex_);

  const DiskRegions regions_;
  std::atomic<uint64_t> out_{0};
  std::array<std::atomic<uint64_t>, kDirections> suspects_{};  // regions with failures
  std::atomic<MonoTime> next_probe_{MonoTime::max()};          // of all regions

  Mutex mutex_;
  std::array<Region, DiskRegions::kRegionsMax> all_ GUARDED_BY(mutex_);
  std::optional<MonoTime> checked_ GUARDED_BY(mutex_);
};

}  // namespace cachey::store
