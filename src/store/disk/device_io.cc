#include "store/disk/device_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/io_vector.h"
#include "base/log.h"
#include "rt/waiter.h"
#include "store/disk/io_parts.h"

namespace cachey::store {

/// The runs of one call. Shared by the waiting coroutine and by the tasks of the device operations:
/// if the wait times out, the memory stays until the device is done. One worker's thread.
struct DeviceIo::Move {
  Move(DiskDirection d, std::vector<Run> r, Keep k)
      : direction(d), runs(std::move(r)), keep(std::move(k)), left(runs.size()), done(left) {
    for (const Run& run : runs) bytes += total_bytes(run.parts);
  }

  const DiskDirection direction;
  const std::vector<Run> runs;
  const Keep keep;
  uint64_t bytes = 0;
  size_t left;
  std::vector<bool> done;  // by run: has succeeded
  bool late = false;
  int error = 0;
  rt::Waiter* waiter = nullptr;
};

rt::Task<void> DeviceIo::move_run(rt::Worker& worker, std::shared_ptr<Move> move, size_t run) {
  const Run& part = move->runs[run];
  IoStatus status;
  try {
    if (move->direction == DiskDirection::kWrite) {
      status = co_await device_.write(worker, part.offset, part.parts);
    } else {
      status = co_await device_.read(worker, part.offset, part.parts);
    }
  } catch (const std::bad_alloc&) {
    status.error = ENOMEM;
  }
  if (!status.ok()) move->error = status.error;
  move->done[run] = status.ok();
  if (--move->left > 0) co_return;
  if (move->late) late_bytes_.fetch_sub(move->bytes, std::memory_order_relaxed);
  if (move->waiter != nullptr) move->waiter->notify();
}

/// Ends when all runs are done, or when the time is over: then the move is late.
rt::Task<void> DeviceIo::wait(rt::Worker& worker, std::shared_ptr<Move> move,
                              std::chrono::milliseconds limit) {
  for (size_t run = 0; run < move->runs.size(); ++run) {
    worker.tasks().spawn(move_run(worker, move, run));
  }
  if (move->left == 0) co_return;
  rt::Waiter waiter(worker.executor());
  move->waiter = &waiter;
  std::move_only_function<bool()> leave_list = [move] {
    if (move->left == 0) return false;
    move->waiter = nullptr;
    return true;
  };
  const MonoTime deadline = clock_.mono() + limit;
  const bool in_time = co_await waiter.wait_until(worker.timers(), deadline, std::move(leave_list));
  if (in_time) co_return;
  move->late = true;
  late_bytes_.fetch_add(move->bytes, std::memory_order_relaxed);
}

rt::Task<IoStatus> DeviceIo::move(rt::Worker& worker, DiskDirection direction,
                                  std::vector<Run> runs, std::chrono::milliseconds limit,
                                  Keep keep) {
  auto move = std::make_shared<Move>(direction, std::move(runs), std::move(keep));
  co_await wait(worker, move, limit);
  for (size_t run = 0; run < move->runs.size(); ++run) {
    const uint64_t offset = move->runs[run].offset;
    if (!move->done[run]) {
      failed(offset, direction);
      co_return IoStatus{move->late ? ETIMEDOUT : move->error};
    }
    regions_.succeeded(offset / kUnitBytes, direction);
  }
  health_.succeeded();
  co_return IoStatus{};
}

bool DeviceIo::any_out(std::span<const Run> runs) const {
  return std::ranges::any_of(
      runs, [this](const Run& run) { return regions_.is_out(run.offset / kUnitBytes); });
}

/// A region counts as one failure of the device, however many operations fail there.
void DeviceIo::failed(uint64_t offset, DiskDirection direction) {
  const MonoTime now = clock_.mono();
  const uint64_t unit = offset / kUnitBytes;
  const RegionHealth::Failure failure = regions_.failed(unit, direction, now);
  if (failure == RegionHealth::Failure::kWentOut) region_went_out(offset);
  const bool counts =
      failure == RegionHealth::Failure::kFirst || failure == RegionHealth::Failure::kNoRegion;
  if (counts && health_.failed(now)) went_offline();
}

void DeviceIo::region_went_out(uint64_t offset) {
  DiskStats::add(stats_.regions_went_out, 1);
  region_calls_.changed();
  log::error("disk region out after failures; its pages are misses until a probe succeeds",
             {{"offset", offset}, {"regions_out", regions_.count_out()}});
  if (regions_.too_many_out()) take_offline();
}

void DeviceIo::take_offline() {
  if (health_.take_offline(clock_.mono())) went_offline();
}

void DeviceIo::went_offline() {
  DiskStats::add(stats_.times_offline, 1);
  log::error("disk offline after failures; its pages are misses until a probe succeeds");
}

bool DeviceIo::usable(rt::Worker& worker) {
  if (regions_.out() != 0) {
    const MonoTime now = clock_.mono();
    while (const std::optional<RegionHealth::Probe> due = regions_.take_probe(now)) {
      worker.tasks().spawn(due->check ? check_region(worker, *due) : probe_region(worker, *due));
    }
  }
  if (health_.online()) return true;
  if (health_.take_probe(clock_.mono())) worker.tasks().spawn(probe(worker));
  return false;
}

rt::Task<bool> DeviceIo::probe_unit(rt::Worker& worker, uint64_t offset) {
  try {
    co_return co_await write_and_read(worker, offset);
  } catch (const std::bad_alloc&) {
    co_return false;
  }
}

/// Writes a unit and reads it back.
rt::Task<bool> DeviceIo::write_and_read(rt::Worker& worker, uint64_t offset) {
  AlignedBuffer out(kUnitBytes);
  AlignedBuffer in(kUnitBytes);
  const int64_t now = clock_.mono().time_since_epoch().count();
  std::memcpy(out.bytes().data(), &now, sizeof now);
  const iovec from = out.part();
  const iovec into = in.part();
  IoStatus status = co_await device_.write(worker, offset, std::span(&from, 1));
  if (status.ok()) status = co_await device_.read(worker, offset, std::span(&into, 1));
  co_return status.ok() && std::ranges::equal(in.bytes(), out.bytes());
}

/// Reads a unit, however long the device takes.
rt::Task<bool> DeviceIo::probe_read(rt::Worker& worker, uint64_t offset) {
  try {
    AlignedBuffer in(kUnitBytes);
    const iovec into = in.part();
    const IoStatus status = co_await device_.read(worker, offset, std::span(&into, 1));
    co_return status.ok();
  } catch (const std::bad_alloc&) {
    co_return false;
  }
}

/// Reads a unit. False also if the read is late.
rt::Task<bool> DeviceIo::check_unit(rt::Worker& worker, uint64_t offset) {
  try {
    auto into = std::make_shared<AlignedBuffer>(kUnitBytes);
    std::vector<Run> runs;
    runs.push_back(Run{offset, {into->part()}});
    auto move = std::make_shared<Move>(DiskDirection::kRead, std::move(runs), std::move(into));
    co_await wait(worker, move, kCheckLimit);
    co_return move->done[0];
  } catch (const std::bad_alloc&) {
    co_return false;
  }
}

rt::Task<void> DeviceIo::check_region(rt::Worker& worker, RegionHealth::Probe probe) {
  const uint64_t offset = probe.unit * kUnitBytes;
  const bool well = co_await check_unit(worker, offset);
  const bool changed = regions_.probed(probe, well, clock_.mono());
  if (changed) region_went_out(offset);
}

/// Reads where the failure was, and writes a free unit near it if there is one.
rt::Task<void> DeviceIo::probe_region(rt::Worker& worker, RegionHealth::Probe probe) {
  bool well = co_await probe_read(worker, probe.unit * kUnitBytes);
  std::optional<DiskExtent> unit;
  if (well) unit = region_calls_.take_unit(static_cast<uint32_t>(probe.unit));
  if (unit) {
    well = co_await probe_unit(worker, unit->first * kUnitBytes);
    region_calls_.release_unit(*unit);
  }
  const bool changed = regions_.probed(probe, well, clock_.mono());
  if (!changed) co_return;
  region_calls_.changed();
  log::info("disk region in use again",
            {{"offset", probe.unit * kUnitBytes}, {"regions_out", regions_.count_out()}});
}

rt::Task<void> DeviceIo::probe(rt::Worker& worker) {
  const bool well = co_await probe_unit(worker, kProbeOffset);
  if (!well || regions_.too_many_out()) {
    health_.probe_failed(clock_.mono());
    co_return;
  }
  health_.probe_succeeded(clock_.mono());
  log::info("disk online again");
  on_online_(worker);
}

std::vector<DeviceIo::Run> cut_into_runs(std::span<const DiskExtent> extents, ByteRange range,
                                         std::span<const iovec> parts) {
  std::vector<DeviceIo::Run> runs;
  uint64_t begin = 0;  // of the extent in the page
  for (const DiskExtent& extent : extents) {
    const uint64_t end = begin + extent.units * kUnitBytes;
    const ByteRange common{std::max(begin, range.begin), std::min(end, range.end)};
    if (!common.empty()) {
      const ByteRange in_parts{common.begin - range.begin, common.end - range.begin};
      runs.push_back(DeviceIo::Run{extent.first * kUnitBytes + (common.begin - begin),
                                   slice(parts, in_parts)});
    }
    begin = end;
  }
  return runs;
}

}  // namespace cachey::store
