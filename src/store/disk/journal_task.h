#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/watched_mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"
#include "store/disk/catalog.h"
#include "store/disk/device.h"
#include "store/disk/disk_stats.h"
#include "store/disk/format.h"
#include "store/disk/health.h"
#include "store/disk/journal.h"

namespace cachey::store {

struct JournalTimes {
  std::chrono::milliseconds gather{50};    ///< records are gathered for this time
  std::chrono::milliseconds retry{1'000};  ///< until a failed write is repeated
};

/// What the journal task works on. The tier owns all of it.
struct JournalParts {
  BlockDevice& device;
  const Clock& clock;
  DiskStats& stats;
  const DiskHealth& health;
  WatchedMutex& mutex;  ///< the tier's: guards journal and catalog
  Journal& journal;
  Catalog& catalog;
  std::function<void()> failed;  ///< called without the mutex after each failure of the device
};

/// Does the I/O of the journal: gathers records, writes them in batches, begins and frees segments,
/// and writes the superblock. At most one task runs, on the worker that started it; it ends when
/// nothing is left to write, or when the disk is offline. Owned by the tier.
class JournalTask {
 public:
  enum class Delay : uint8_t {
    kNone,    ///< writes the pending records now
    kGather,  ///< waits for more records first
  };

  JournalTask(JournalParts parts, JournalTimes times, Superblock superblock);

  /// There may be records to write. Any thread; the worker is the calling thread's own.
  void start(rt::Worker& worker, Delay delay) EXCLUDES(mutex_);

  /// True: each record that was added is on disk or needless.
  [[nodiscard]] bool all_written() const EXCLUDES(mutex_);

  /// While no task runs only.
  [[nodiscard]] const Superblock& superblock() const { return superblock_; }

 private:
  [[nodiscard]] rt::Task<void> run(rt::Worker& worker);
  [[nodiscard]] rt::Task<void> gather(rt::Worker& worker, std::chrono::milliseconds time);
  [[nodiscard]] rt::Task<void> prepare(rt::Worker& worker);
  [[nodiscard]] bool wants_cleaning() const EXCLUDES(mutex_);
  [[nodiscard]] rt::Task<bool> write_batch(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> write_pending(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> grow(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> clean_oldest(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> write_superblock(rt::Worker& worker,
                                                std::vector<JournalSegment> segments);
  [[nodiscard]] std::vector<JournalSegment> segments() const EXCLUDES(mutex_);
  void copy_records(std::span<const std::byte> blocks, uint64_t first_block) EXCLUDES(mutex_);

  BlockDevice& device_;
  const Clock& clock_;
  DiskStats& stats_;
  const DiskHealth& health_;
  const std::function<void()> failed_;
  const JournalTimes times_;

  Superblock superblock_;                // the task's, while one runs
  std::optional<Journal::Batch> batch_;  // the task's: being written, or to be repeated

  WatchedMutex& mutex_;
  Journal& journal_ GUARDED_BY(mutex_);
  Catalog& catalog_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  rt::Waiter* gathering_ GUARDED_BY(mutex_) = nullptr;  // the task's waiter in gather()
};

}  // namespace cachey::store
