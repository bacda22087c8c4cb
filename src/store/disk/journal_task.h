#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
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
#include "store/disk/region_health.h"
#include "store/disk/superblock.h"
#include "store/disk/timed_io.h"

namespace cachey::store {

struct JournalTimes {
  std::chrono::milliseconds gather{50};        ///< records are gathered for this time
  std::chrono::milliseconds retry{1'000};      ///< until a failed write is repeated
  std::chrono::milliseconds deadline{10'000};  ///< of one operation; a slower one has failed
};

/// What the journal task works on. The tier owns all of it.
struct JournalParts {
  BlockDevice& device;
  const Clock& clock;
  DiskStats& stats;
  const DiskHealth& health;
  const DiskHealth& room;  ///< offline: writes find no room, and are not tried
  WatchedMutex& mutex;     ///< the tier's: guards journal and catalog
  Journal& journal;
  Catalog& catalog;
  /// The device failed at this offset; called without the mutex.
  std::function<void(uint64_t offset, DiskDirection direction, IoStatus status)> failed;
  /// The disk must not be used; called without the mutex.
  std::function<void(std::string_view cause)> offline;
  std::function<void()> charge;  ///< the journal's memory changed; called without the mutex
};

/// Does the I/O of the journal: gathers records, writes them in batches, begins and frees segments,
/// and writes the superblock. At most one task runs, on the worker that started it; it ends when
/// nothing is left to write, or when the disk is offline. Owned by the tier.
///
/// Faults:
/// - A batch that fails kFailuresAtAPlace times, or hangs past the deadline, is written to a new
///   segment elsewhere; the old segment leaves the log by cleaning. Its space is not used again
///   until kBadPlacesMax more were left, or the store is opened again. With twice as many bad
///   places no new one is tried: the disk is taken offline.
/// - If a write finds no room (IoStatus::no_room()), no place is better: the task ends, and begins
///   again once the device is written again.
/// - Records that cleaning cannot read are lost and counted.
/// - A superblock that fails kSuperblockTries times, or hangs, takes the disk offline.
/// - An operation that hangs keeps its buffer and its place on the device until the device answers.
///   With kUnansweredMax such operations the disk is taken offline, so their memory is bounded.
class JournalTask {
 public:
  static constexpr int kFailuresAtAPlace = 3;
  static constexpr size_t kBadPlacesMax = 16;  ///< 1/64 of the capacity
  static constexpr int kSuperblockTries = 3;
  static constexpr size_t kUnansweredMax = 8;

  enum class Delay : uint8_t {
    kNone,    ///< writes the pending records now
    kGather,  ///< waits for more records first
  };

  JournalTask(JournalParts parts, JournalTimes times, SuperblockWriter::Opened opened);
  JournalTask(const JournalTask&) = delete;
  JournalTask& operator=(const JournalTask&) = delete;

  /// There may be records to write. Any thread; the worker is the calling thread's own.
  void start(rt::Worker& worker, Delay delay) EXCLUDES(mutex_);

  /// True: each record that was added is on disk or needless, and what could not be read of the log
  /// is out of it.
  [[nodiscard]] bool all_written() const EXCLUDES(mutex_);

  /// Before the first start() only.
  [[nodiscard]] SuperblockWriter& superblock() { return superblock_; }

 private:
  struct Place;

  [[nodiscard]] rt::Task<void> run(rt::Worker& worker);
  [[nodiscard]] rt::Task<void> write_all(rt::Worker& worker);
  [[nodiscard]] rt::Task<void> gather(rt::Worker& worker, std::chrono::milliseconds time);
  [[nodiscard]] rt::Task<void> prepare(rt::Worker& worker);
  [[nodiscard]] bool wants_cleaning() const EXCLUDES(mutex_);
  [[nodiscard]] size_t pending_bytes() const EXCLUDES(mutex_);
  [[nodiscard]] rt::Task<bool> write_batch(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> prepare_batch(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> write_pending(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> grow(rt::Worker& worker);
  [[nodiscard]] rt::Task<bool> place_segment(rt::Worker& worker);
  void leave_place() EXCLUDES(mutex_);
  [[nodiscard]] rt::Task<bool> clean_oldest(rt::Worker& worker);
  [[nodiscard]] rt::Task<IoStatus> read_piece(rt::Worker& worker, uint64_t offset,
                                              std::shared_ptr<AlignedBuffer> into);
  void copy_records(std::span<const std::byte> blocks, uint64_t first_block, uint64_t life)
      EXCLUDES(mutex_);
  void copy_block(std::span<const std::byte> records, uint64_t number) EXCLUDES(mutex_);
  void free_segment(const JournalSegment& segment) EXCLUDES(mutex_);
  [[nodiscard]] rt::Task<bool> write_superblock(rt::Worker& worker,
                                                std::vector<JournalSegment> segments);
  [[nodiscard]] std::vector<JournalSegment> segments() const EXCLUDES(mutex_);

  [[nodiscard]] bool may_write() const { return health_.online() && room_.online(); }
  void report_failure(const IoStatus& status, uint64_t offset);

  const Clock& clock_;
  DiskStats& stats_;
  const DiskHealth& health_;
  const DiskHealth& room_;
  const std::function<void(uint64_t offset, DiskDirection direction, IoStatus status)> failed_;
  const std::function<void(std::string_view cause)> offline_;
  const std::function<void()> charge_;
  const JournalTimes times_;
  TimedIo io_;

  // The task's, while one runs. A later task may run on another worker.
  SuperblockWriter superblock_;
  int superblock_failures_ = 0;            // since the last success
  std::shared_ptr<Journal::Batch> batch_;  // being written, or to be repeated
  int failures_here_ = 0;                  // of batches since the last success, in this segment
  bool leaving_ = false;                   // the batch goes to a new segment
  std::shared_ptr<Place> place_;           // of the last segment
  std::deque<std::shared_ptr<Place>> bad_places_;  // abandoned; the oldest first
  std::optional<DiskExtent> reserved_;  // for the next segment; a superblock may list it already

  WatchedMutex& mutex_;
  Journal& journal_ GUARDED_BY(mutex_);
  Catalog& catalog_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  rt::Waiter* gathering_ GUARDED_BY(mutex_) = nullptr;  // the task's waiter in gather()
};

}  // namespace cachey::store
