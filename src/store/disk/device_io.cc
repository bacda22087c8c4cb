#include "store/disk/device_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
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
      : direction(d), runs(std::move(r)), keep(std::move(k)), left(runs.size()) {
    for (const Run& run : runs) bytes += total_bytes(run.parts);
  }

  const DiskDirection direction;
  const std::vector<Run> runs;
  const Keep keep;
  uint64_t bytes = 0;
  size_t left;
  bool late = false;
  int error = 0;
  rt::Waiter* waiter = nullptr;
};

rt::Task<void> DeviceIo::move_run(rt::Worker& worker, std::shared_ptr<Move> move, size_t run) {
  const Run& part = move->runs[run];
  IoStatus status;
  if (move->direction == DiskDirection::kWrite) {
    status = co_await device_.write(worker, part.offset, part.parts);
  } else {
    status = co_await device_.read(worker, part.offset, part.parts);
  }
  if (!status.ok()) move->error = status.error;
  if (--move->left > 0) co_return;
  if (move->late) late_bytes_.fetch_sub(move->bytes, std::memory_order_relaxed);
  if (move->waiter != nullptr) move->waiter->notify();
}

rt::Task<IoStatus> DeviceIo::move(rt::Worker& worker, DiskDirection direction,
                                  std::vector<Run> runs, std::chrono::milliseconds limit,
                                  Keep keep) {
  auto move = std::make_shared<Move>(direction, std::move(runs), std::move(keep));
  for (size_t run = 0; run < move->runs.size(); ++run) {
    worker.tasks().spawn(move_run(worker, move, run));
  }
  if (move->left > 0) {
    rt::Waiter waiter(worker.executor());
    move->waiter = &waiter;
    std::move_only_function<bool()> leave_list = [move] {
      if (move->left == 0) return false;
      move->waiter = nullptr;
      return true;
    };
    const MonoTime deadline = clock_.mono() + limit;
    const bool in_time =
        co_await waiter.wait_until(worker.timers(), deadline, std::move(leave_list));
    if (!in_time) {
      move->late = true;
      late_bytes_.fetch_add(move->bytes, std::memory_order_relaxed);
      co_return IoStatus{ETIMEDOUT};
    }
  }
  if (move->error == 0) health_.succeeded();
  co_return IoStatus{move->error};
}

void DeviceIo::failed() {
  if (health_.failed(clock_.mono())) went_offline();
}

void DeviceIo::take_offline() {
  if (health_.take_offline(clock_.mono())) went_offline();
}

void DeviceIo::went_offline() {
  DiskStats::add(stats_.times_offline, 1);
  log::error("disk offline after failures; its pages are misses until a probe succeeds");
}

bool DeviceIo::usable(rt::Worker& worker) {
  if (health_.online()) return true;
  if (health_.take_probe(clock_.mono())) worker.tasks().spawn(probe(worker));
  return false;
}

rt::Task<void> DeviceIo::probe(rt::Worker& worker) {
  AlignedBuffer out(kUnitBytes);
  AlignedBuffer in(kUnitBytes);
  const int64_t now = clock_.mono().time_since_epoch().count();
  std::memcpy(out.bytes().data(), &now, sizeof now);
  const iovec from = out.part();
  const iovec into = in.part();
  IoStatus status = co_await device_.write(worker, kProbeOffset, std::span(&from, 1));
  if (status.ok()) status = co_await device_.read(worker, kProbeOffset, std::span(&into, 1));
  const bool well = status.ok() && std::ranges::equal(in.bytes(), out.bytes());
  if (!well) {
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
