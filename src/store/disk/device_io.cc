#include "store/disk/device_io.h"

#include <fmt/format.h>

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
  const MonoTime began = clock_.mono();
  co_await wait(worker, move, limit);
  if (times_) times_->of(direction).observe(static_cast<uint64_t>((clock_.mono() - began).count()));
  for (size_t run = 0; run < move->runs.size(); ++run) {
    const uint64_t offset = move->runs[run].offset;
    if (!move->done[run]) {
      const IoStatus status{move->late ? ETIMEDOUT : move->error};
      failed(Failure{offset, direction, status});
      co_return status;
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
void DeviceIo::failed(const Failure& failure) {
  const bool write = failure.direction == DiskDirection::kWrite;
  if (write && failure.status.no_room()) return no_room(failure.status);
  const MonoTime now = clock_.mono();
  const uint64_t unit = failure.offset / kUnitBytes;
  const std::string cause = fmt::format("{} at {} failed: {}", write ? "a write" : "a read",
                                        failure.offset, to_text(failure.status));
  log::warn("disk operation failed", {{"path", device_.name()},
                                      {"operation", write ? "write" : "read"},
                                      {"offset", failure.offset},
                                      {"error", to_text(failure.status)},
                                      {"errno", failure.status.error}});
  const RegionHealth::Failure in_region = regions_.failed(unit, failure.direction, now);
  if (in_region == RegionHealth::Failure::kWentOut) {
    region_went_out(failure.offset, cause, failure.status);
  }
  const bool counts =
      in_region == RegionHealth::Failure::kFirst || in_region == RegionHealth::Failure::kNoRegion;
  if (counts && health_.failed(now)) went_offline(cause, failure.status);
}

/// The lines of the log are as rare as probes that succeed.
void DeviceIo::no_room(IoStatus status) {
  if (!room_.take_offline(clock_.mono())) return;
  log::warn("disk has no room: it is read, but not written until a probe succeeds",
            {{"path", device_.name()}, {"error", to_text(status)}, {"errno", status.error}});
}

void DeviceIo::region_went_out(uint64_t offset, std::string_view cause, IoStatus status) {
  DiskStats::add(stats_.regions_went_out, 1);
  region_calls_.changed();
  log::error("disk region out after failures; its pages are misses until a probe succeeds",
             {{"path", device_.name()},
              {"cause", cause},
              {"errno", status.error},
              {"offset", offset},
              {"regions_out", regions_.count_out()}});
  if (regions_.too_many_out()) take_offline("too many regions are out", status);
}

void DeviceIo::take_offline(std::string_view cause, IoStatus status) {
  if (health_.take_offline(clock_.mono())) went_offline(cause, status);
}

void DeviceIo::went_offline(std::string_view cause, IoStatus status) {
  DiskStats::add(stats_.times_offline, 1);
  log::error("disk offline after failures; its pages are misses until a probe succeeds",
             {{"path", device_.name()},
              {"cause", cause},
              {"errno", status.error},
              {"failures", health_.failures()},
              {"regions_out", regions_.count_out()}});
}

bool DeviceIo::usable(rt::Worker& worker) {
  if (regions_.out() != 0) {
    const MonoTime now = clock_.mono();
    while (const std::optional<RegionHealth::Probe> due = regions_.take_probe(now)) {
      worker.tasks().spawn(due->check ? check_region(worker, *due) : probe_region(worker, *due));
    }
  }
  if (!room_.online() && room_.take_probe(clock_.mono())) worker.tasks().spawn(probe_room(worker));
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
  if (status.no_room()) {  // the device may work all the same
    no_room(status);
    co_return co_await probe_read(worker, offset);
  }
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
  if (changed) region_went_out(offset, "a check of the region failed", IoStatus{EIO});
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
  log::info("disk region in use again", {{"path", device_.name()},
                                         {"offset", probe.unit * kUnitBytes},
                                         {"regions_out", regions_.count_out()}});
}

/// Writes the probe unit, which a copy-on-write or full file system refuses, too.
rt::Task<void> DeviceIo::probe_room(rt::Worker& worker) {
  IoStatus status{ENOMEM};
  try {
    AlignedBuffer out(kUnitBytes);
    const iovec from = out.part();
    status = co_await device_.write(worker, kProbeOffset, std::span(&from, 1));
  } catch (const std::bad_alloc&) {
    status = IoStatus{ENOMEM};
  }
  if (!status.ok()) {
    room_.probe_failed(clock_.mono());
    co_return;
  }
  room_.probe_succeeded(clock_.mono());
  log::info("disk is written again", {{"path", device_.name()}});
  on_online_(worker);
}

rt::Task<void> DeviceIo::probe(rt::Worker& worker) {
  const bool well = co_await probe_unit(worker, kProbeOffset);
  if (!well || regions_.too_many_out()) {
    health_.probe_failed(clock_.mono());
    co_return;
  }
  health_.probe_succeeded(clock_.mono());
  log::info("disk online again", {{"path", device_.name()}});
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
