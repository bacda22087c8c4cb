#include "store/disk/region_health.h"

#include <algorithm>

namespace cachey::store {
namespace {

constexpr uint64_t kChunkUnits = kPageBytes / kUnitBytes;

}  // namespace

DiskRegions::DiskRegions(uint32_t first_unit, uint32_t end_unit)
    : first_unit_(first_unit), end_unit_(end_unit) {
  const uint64_t chunks = (end_unit_ - first_unit_ + kChunkUnits - 1) / kChunkUnits;
  const uint64_t of_a_region = (chunks + kRegionsMax - 1) / kRegionsMax;
  region_units_ = of_a_region * kChunkUnits;
  count_ = static_cast<uint32_t>((chunks + of_a_region - 1) / of_a_region);
  if (count_ < kRegionsMin) count_ = 0;
}

std::optional<uint32_t> DiskRegions::region_of(uint64_t unit) const {
  if (count_ == 0 || unit < first_unit_ || unit >= end_unit_) return std::nullopt;
  return static_cast<uint32_t>((unit - first_unit_) / region_units_);
}

uint64_t DiskRegions::bit_of(uint64_t unit) const {
  const std::optional<uint32_t> region = region_of(unit);
  return region ? uint64_t{1} << *region : 0;
}

RegionHealth::Failure RegionHealth::failed(uint64_t unit, DiskDirection direction, MonoTime now) {
  const std::optional<uint32_t> number = regions_.region_of(unit);
  if (!number) return Failure::kNoRegion;
  const uint64_t bit = uint64_t{1} << *number;
  const auto way = static_cast<size_t>(direction);
  const MutexLock lock(mutex_);
  if ((out() & bit) != 0) return Failure::kWasOut;
  Region& region = all_[*number];
  region.failed_unit = unit;
  suspects_[way].fetch_or(bit, std::memory_order_relaxed);
  const int failures = ++region.failures[way];
  if (failures == 1) return Failure::kFirst;
  if (failures < kFailuresMax) return Failure::kCounted;
  go_out(*number, now);
  check_others(*number, now);
  find_next_probe();
  return Failure::kWentOut;
}

void RegionHealth::succeeded(uint64_t unit, DiskDirection direction) {
  const auto way = static_cast<size_t>(direction);
  const uint64_t suspects = suspects_[way].load(std::memory_order_relaxed);
  if (suspects == 0) return;
  const std::optional<uint32_t> number = regions_.region_of(unit);
  if (!number || (suspects >> *number & 1) == 0) return;
  const MutexLock lock(mutex_);
  all_[*number].failures[way] = 0;
  suspects_[way].fetch_and(~(uint64_t{1} << *number), std::memory_order_relaxed);
}

void RegionHealth::go_out(uint32_t number, MonoTime now) {
  all_[number].probes.went_out(now);
  out_.fetch_or(uint64_t{1} << number, std::memory_order_relaxed);
}

void RegionHealth::check_others(uint32_t number, MonoTime now) {
  if (checked_ && now - *checked_ < kCheckEvery) return;
  checked_ = now;
  for (uint32_t other = 0; other < regions_.count(); ++other) {
    if (other == number || (out() >> other & 1) != 0) continue;
    all_[other].to_check = true;
  }
}

bool RegionHealth::is_due(uint32_t number, MonoTime now) const {
  const Region& region = all_[number];
  if (region.probing) return false;
  return (out() >> number & 1) != 0 ? now >= region.probes.next() : region.to_check;
}

std::optional<RegionHealth::Probe> RegionHealth::take_probe(MonoTime now) {
  if (now < next_probe_.load(std::memory_order_relaxed)) return std::nullopt;
  const MutexLock lock(mutex_);
  std::optional<Probe> due;
  for (uint32_t number = 0; number < regions_.count() && !due; ++number) {
    if (!is_due(number, now)) continue;
    Region& region = all_[number];
    region.probing = true;
    region.to_check = false;
    const bool check = (out() >> number & 1) == 0;
    due = Probe{number, check ? regions_.first_unit(number) : region.failed_unit, check};
  }
  find_next_probe();
  return due;
}

bool RegionHealth::probed(const Probe& probe, bool well, MonoTime now) {
  const uint64_t bit = uint64_t{1} << probe.region;
  const MutexLock lock(mutex_);
  Region& region = all_[probe.region];
  region.probing = false;
  const bool was_out = (out() & bit) != 0;
  if (was_out && probe.check) {  // went out meanwhile
    find_next_probe();
    return false;
  }
  if (was_out && well) {
    region.failures = {};
    region.probes.returned(now);
    for (std::atomic<uint64_t>& suspects : suspects_) {
      suspects.fetch_and(~bit, std::memory_order_relaxed);
    }
    out_.fetch_and(~bit, std::memory_order_relaxed);
  } else if (was_out) {
    region.probes.probe_failed(now);
  } else if (!well) {
    region.failed_unit = probe.unit;
    go_out(probe.region, now);
  }
  find_next_probe();
  return was_out == well;
}

void RegionHealth::find_next_probe() {
  MonoTime next = MonoTime::max();
  for (uint32_t number = 0; number < regions_.count(); ++number) {
    const Region& region = all_[number];
    if (region.probing) continue;
    if ((out() >> number & 1) != 0) {
      next = std::min(next, region.probes.next());
    } else if (region.to_check) {
      next = MonoTime::min();
    }
  }
  next_probe_.store(next, std::memory_order_relaxed);
}

}  // namespace cachey::store
