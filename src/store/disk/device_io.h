#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "rt/worker.h"
#include "store/disk/device.h"
#include "store/disk/disk_stats.h"
#include "store/disk/disk_times.h"
#include "store/disk/format.h"
#include "store/disk/health.h"
#include "store/disk/region_health.h"

namespace cachey::store {

/// Reads and writes of the tier's device with a deadline, and the device's health. Owned by the
/// tier; device and workers outlive it. Any thread; a worker that is passed in is the calling
/// thread's own.
class DeviceIo {
 public:
  /// A gap-free place on the device, and its memory.
  struct Run {
    uint64_t offset;
    std::vector<iovec> parts;
  };
  /// The time that a check of a region may take.
  static constexpr std::chrono::seconds kCheckLimit{5};
  /// Kept alive until the device is done, which may be after the call has returned.
  using Keep = std::shared_ptr<void>;

  /// What the owner of the space does for the regions. Called without a mutex, on any thread.
  struct RegionCalls {
    std::function<void()> changed;  ///< regions().out() has changed
    /// A free unit near this one in a region that is out, for a probe to write to; or null.
    std::function<std::optional<DiskExtent>(uint32_t near)> take_unit;
    std::function<void(DiskExtent unit)> release_unit;
  };

  /// `late_bytes_max`: of memory that late operations hold, past their deadline.
  DeviceIo(BlockDevice& device, DiskRegions regions, uint64_t late_bytes_max, DiskStats& stats,
           const Clock& clock, std::optional<DiskTimes> times = std::nullopt)
      : device_(device),
        clock_(clock),
        late_bytes_max_(late_bytes_max),
        stats_(stats),
        times_(times),
        regions_(regions) {}

  [[nodiscard]] BlockDevice& device() const { return device_; }
  [[nodiscard]] const DiskHealth& health() const { return health_; }
  [[nodiscard]] const DiskHealth& room() const { return room_; }
  [[nodiscard]] const RegionHealth& regions() const { return regions_; }
  [[nodiscard]] bool online() const { return health_.online(); }
  /// False: a write found no room, see IoStatus::no_room(). Reads go on; writes should not be tried
  /// before a probe has succeeded. Does not depend on online().
  [[nodiscard]] bool writable() const { return room_.online(); }
  /// One of the runs is in a region that is out.
  [[nodiscard]] bool any_out(std::span<const Run> runs) const;

  /// Called when the device is online again, on the worker that noticed. To be set before the first
  /// use.
  void on_online(std::function<void(rt::Worker&)> call) { on_online_ = std::move(call); }

  /// To be set before the first use.
  void on_regions(RegionCalls calls) { region_calls_ = std::move(calls); }

  /// Moves all runs, side by side. Counts a failure. The memory of `runs` must stay valid as long
  /// as `keep` exists. ETIMEDOUT: the device took longer than `limit`, and has the memory until it
  /// answers. REQUIRES: has_room(); else the bound on late memory may be passed.
  [[nodiscard]] rt::Task<IoStatus> move(rt::Worker& worker, DiskDirection direction,
                                        std::vector<Run> runs, std::chrono::milliseconds limit,
                                        Keep keep);

  /// False: the device has so much memory of late operations that it gets no more. Reads get half
  /// of what writes get, so that late reads never take all memory that is kept for reads.
  [[nodiscard]] bool has_room(DiskDirection direction, uint64_t bytes) const {
    const uint64_t late = late_bytes();
    const uint64_t most = direction == DiskDirection::kRead ? late_bytes_max_ / 2 : late_bytes_max_;
    return late == 0 || late + bytes <= most;
  }
  /// Bytes of memory that late operations hold, past their deadline.
  [[nodiscard]] uint64_t late_bytes() const { return late_bytes_.load(std::memory_order_relaxed); }

  /// What failed, for the log.
  struct Failure {
    uint64_t offset;
    DiskDirection direction;
    IoStatus status;
  };
  /// An operation failed or timed out: after some failures its region is out, or the device is
  /// offline. A write without room counts against nothing, but the device is not writable. move()
  /// calls it.
  void failed(const Failure& failure);
  /// The device must not be used, even if few operations failed. `cause`, `status`: for the log.
  void take_offline(std::string_view cause, IoStatus status = {});

  /// Whether the device is online. Starts a probe of a device that is offline, or of a region that
  /// is out, if one is due.
  [[nodiscard]] bool usable(rt::Worker& worker);

 private:
  struct Move;

  [[nodiscard]] rt::Task<void> wait(rt::Worker& worker, std::shared_ptr<Move> move,
                                    std::chrono::milliseconds limit);
  void went_offline(std::string_view cause, IoStatus status);
  void region_went_out(uint64_t offset, std::string_view cause, IoStatus status);
  void no_room(IoStatus status);
  [[nodiscard]] rt::Task<void> move_run(rt::Worker& worker, std::shared_ptr<Move> move, size_t run);
  [[nodiscard]] rt::Task<void> probe(rt::Worker& worker);
  [[nodiscard]] rt::Task<void> probe_room(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> probe_unit(rt::Worker& worker, uint64_t offset);
  [[nodiscard]] rt::Task<bool> write_and_read(rt::Worker& worker, uint64_t offset);
  [[nodiscard]] rt::Task<bool> probe_read(rt::Worker& worker, uint64_t offset);
  [[nodiscard]] rt::Task<bool> check_unit(rt::Worker& worker, uint64_t offset);
  [[nodiscard]] rt::Task<void> check_region(rt::Worker& worker, RegionHealth::Probe probe);
  [[nodiscard]] rt::Task<void> probe_region(rt::Worker& worker, RegionHealth::Probe probe);

  BlockDevice& device_;
  const Clock& clock_;
  const uint64_t late_bytes_max_;
  DiskStats& stats_;
  const std::optional<DiskTimes> times_;
  std::atomic<uint64_t> late_bytes_{0};
  DiskHealth health_;
  DiskHealth room_;  // offline: writes find no room
  RegionHealth regions_;
  RegionCalls region_calls_;
  std::function<void(rt::Worker&)> on_online_;
};

/// The runs of a page's extents within `range`, with `parts` as their memory. REQUIRES: `range` has
/// whole units.
[[nodiscard]] std::vector<DeviceIo::Run> cut_into_runs(std::span<const DiskExtent> extents,
                                                       ByteRange range,
                                                       std::span<const iovec> parts);

}  // namespace cachey::store
