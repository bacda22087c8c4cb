#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <thread>

#include "app/options.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "store/disk/device.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::app {

/// The disk tier of --disk-path, with all it stands on. Owned by main; made after the workers and
/// the memory tier, which outlive it.
class Disk {
 public:
  /// Fails with a line for the person who chose the path.
  [[nodiscard]] static Result<std::unique_ptr<Disk>> open(const Options& options,
                                                          store::MemoryTier& memory,
                                                          const Clock& clock, Random& random);
  ~Disk() = default;  // waits for the index
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  [[nodiscard]] store::DiskTier& tier() { return *tier_; }

  /// Reads the index, on a thread of its own; returns when that is done, or after `patience`. Once.
  void read_index(std::chrono::milliseconds patience);
  /// Until the index has been read. False: not within `limit`; it is still being read.
  [[nodiscard]] bool wait_for_index(std::chrono::nanoseconds limit);

 private:
  Disk() = default;

  static constexpr unsigned kThreads = 16;  // that read and write, where io_uring cannot

  rt::BlockingPool pool_{kThreads};
  std::unique_ptr<store::BlockDevice> device_;
  std::unique_ptr<store::DiskTier> tier_;
  std::future<void> index_read_;
  std::jthread reading_;
};

}  // namespace cachey::app
