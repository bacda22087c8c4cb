#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <thread>

#include "app/options/options.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "store/disk/device.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::app {

/// The disk tier of --disk-path, with its device and threads. Owned by Process. The workers and the
/// memory tier outlive it.
class Disk {
 public:
  /// The error is one line for the operator.
  [[nodiscard]] static Result<std::unique_ptr<Disk>> open(const Options& options,
                                                          store::MemoryTier& memory,
                                                          const Clock& clock, Random& random);
  ~Disk() = default;  // waits until the index is read
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  [[nodiscard]] store::DiskTier& tier() { return *tier_; }

  /// Reads the index on a thread of its own. Returns when the index is read, or after `patience`.
  /// Call once.
  void read_index(std::chrono::milliseconds patience);
  /// Waits until the index is read. False: the reading takes longer than `limit` and goes on.
  [[nodiscard]] bool wait_for_index(std::chrono::nanoseconds limit);

 private:
  Disk() = default;

  static constexpr unsigned kThreads = 16;  // they read and write if io_uring is not used

  rt::BlockingPool pool_{kThreads};
  std::unique_ptr<store::BlockDevice> device_;
  std::unique_ptr<store::DiskTier> tier_;
  std::future<void> index_read_;
  std::jthread reading_;
};

}  // namespace cachey::app
