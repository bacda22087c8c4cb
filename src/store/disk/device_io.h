#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "rt/worker.h"
#include "store/disk/device.h"
#include "store/disk/disk_stats.h"
#include "store/disk/format.h"
#include "store/disk/health.h"

namespace cachey::store {

enum class DiskDirection : uint8_t { kRead, kWrite };

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
  /// Kept alive until the device is done, which may be after the call has returned.
  using Keep = std::shared_ptr<void>;

  /// `late_bytes_max`: of memory with the device whose operations have missed their deadline.
  DeviceIo(BlockDevice& device, uint64_t late_bytes_max, DiskStats& stats, const Clock& clock)
      : device_(device), clock_(clock), late_bytes_max_(late_bytes_max), stats_(stats) {}

  [[nodiscard]] BlockDevice& device() { return device_; }
  [[nodiscard]] const DiskHealth& health() const { return health_; }
  [[nodiscard]] bool online() const { return health_.online(); }

  /// Called when the device is online again, on the worker that noticed. To be set before the first
  /// use.
  void on_online(std::function<void(rt::Worker&)> call) { on_online_ = std::move(call); }

  /// Moves all runs, side by side. The memory of `runs` must stay valid as long as `keep` exists.
  /// ETIMEDOUT: the device took longer than `limit`, and has the memory until it answers.
  /// REQUIRES: has_room(); else the bound on late memory may be passed.
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
  /// Bytes of memory with the device whose operations have missed their deadline.
  [[nodiscard]] uint64_t late_bytes() const { return late_bytes_.load(std::memory_order_relaxed); }

  /// An operation failed or timed out: after some failures the device is offline.
  void failed();
  /// The device must not be used, however few operations failed.
  void take_offline();

  /// Whether the device is online. Starts a probe of a device that is offline, if one is due.
  [[nodiscard]] bool usable(rt::Worker& worker);

 private:
  struct Move;

  void went_offline();
  [[nodiscard]] rt::Task<void> move_run(rt::Worker& worker, std::shared_ptr<Move> move, size_t run);
  [[nodiscard]] rt::Task<void> probe(rt::Worker& worker);

  BlockDevice& device_;
  const Clock& clock_;
  const uint64_t late_bytes_max_;
  DiskStats& stats_;
  std::atomic<uint64_t> late_bytes_{0};
  DiskHealth health_;
  std::function<void(rt::Worker&)> on_online_;
};

/// The runs of a page's extents within `range`, whose memory is `parts`. REQUIRES: `range` has
/// whole units.
[[nodiscard]] std::vector<DeviceIo::Run> cut_into_runs(std::span<const DiskExtent> extents,
                                                       ByteRange range,
                                                       std::span<const iovec> parts);

}  // namespace cachey::store
