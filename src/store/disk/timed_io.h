#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "rt/worker.h"
#include "store/disk/device.h"

namespace cachey::store {

/// Operations of a device that end by a deadline for the caller. An operation that is late goes on:
/// what `keep` owns, the memory of the part among it, lives until the device is done. Any thread;
/// the worker is the calling thread's own. Outlives its operations.
class TimedIo {
 public:
  using Keep = std::shared_ptr<void>;

  TimedIo(BlockDevice& device, const Clock& clock, std::chrono::milliseconds limit)
      : device_(device), clock_(clock), limit_(limit) {}

  // ETIMEDOUT: the device has not answered by the deadline.
  [[nodiscard]] rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset, iovec into, Keep keep);
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset, iovec from,
                                         Keep keep);
  [[nodiscard]] rt::Task<IoStatus> sync(rt::Worker& worker);

  /// The operations that are late and that the device has not answered yet.
  [[nodiscard]] size_t unanswered() const { return unanswered_.load(std::memory_order_relaxed); }

 private:
  enum class Kind : uint8_t { kRead, kWrite, kSync };
  struct Operation;

  [[nodiscard]] rt::Task<IoStatus> in_time(rt::Worker& worker,
                                           std::shared_ptr<Operation> operation);
  [[nodiscard]] rt::Task<IoStatus> perform(rt::Worker& worker, const Operation& operation);
  [[nodiscard]] rt::Task<void> run(rt::Worker& worker, std::shared_ptr<Operation> operation);

  BlockDevice& device_;
  const Clock& clock_;
  const std::chrono::milliseconds limit_;
  std::atomic<size_t> unanswered_{0};
};

}  // namespace cachey::store
