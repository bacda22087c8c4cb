#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/object_info.h"
#include "base/random.h"
#include "base/watched_mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"
#include "store/disk/catalog.h"
#include "store/disk/device.h"
#include "store/disk/disk_stats.h"
#include "store/disk/health.h"
#include "store/disk/journal.h"
#include "store/disk/journal_task.h"
#include "store/disk/recovery.h"

namespace cachey::store {

struct DiskTierConfig {
  uint64_t write_queue_bytes = 256 * kMiB;  ///< of pages that are written or wait for it
  /// A page that finds the queue full waits this long, then the page is dropped.
  std::chrono::milliseconds write_patience{1'000};
  /// Many, because a busy worker notices the end of small writes only once a turn of its loop.
  unsigned writes_at_once = 128;
  uint64_t writes_at_once_bytes = 8 * kPageBytes;
  std::chrono::milliseconds read_deadline{5'000};  ///< a slower read is a miss
  std::chrono::milliseconds write_deadline{30'000};
  std::chrono::milliseconds journal_delay{50};         ///< records are gathered for this time
  std::chrono::milliseconds journal_retry{1'000};      ///< until a failed write is repeated
  std::chrono::milliseconds journal_deadline{10'000};  ///< a slower operation of it has failed
  size_t journal_pending_bytes = Journal::kPendingBytesMax;  ///< past it pages are dropped
  size_t index_bytes_max = kGiB;  ///< memory for the index; past it pages are evicted
  /// Called with the change of the index's memory, on any thread.
  std::function<void(int64_t bytes)> charge = [](int64_t) {};
};

/// A page to be written.
struct DiskPage {
  std::string kind;
  std::string object;
  uint32_t page = 0;
  uint64_t bytes = 0;
  ObjectInfo info;
  std::string bucket;
  int64_t cached_at = 0;
};

enum class DiskRead : uint8_t {
  kOk,       ///< the bytes were read and verified
  kFailed,   ///< the device failed; the page is gone from the tier
  kCorrupt,  ///< the device returned other bytes; the page is gone from the tier
  kLate,     ///< the device took too long
};

enum class DiskWrite : uint8_t { kStored, kAlreadyThere, kDropped };

enum class DiskUse : uint8_t {
  kUse,   ///< counts a use of the page, for eviction
  kNone,  ///< part of a use that is counted already
};

class DiskTier;

/// A page that was found: its properties, and the right to read it. The page's space is not given
/// to another page while the ref exists, even if the page leaves the tier. Any thread. The tier
/// outlives the ref.
class DiskPageRef {
 public:
  DiskPageRef(DiskPageRef&& other) noexcept
      : tier_(std::exchange(other.tier_, nullptr)), entry_(other.entry_) {}
  DiskPageRef& operator=(DiskPageRef&&) = delete;
  ~DiskPageRef();

  [[nodiscard]] const ObjectSourcePtr& source() const { return entry_->object->source; }
  [[nodiscard]] const ObjectInfo& info() const { return source()->info; }
  [[nodiscard]] const std::string& bucket() const { return source()->bucket; }
  [[nodiscard]] int64_t cached_at() const { return entry_->cached_at; }
  [[nodiscard]] uint64_t bytes() const { return entry_->bytes; }

 private:
  friend class DiskTier;
  DiskPageRef(DiskTier& tier, DiskEntry& entry) : tier_(&tier), entry_(&entry) {}
  DiskTier* tier_;
  DiskEntry* entry_;
};

/// The disk tier: pages on a device, found by an index in memory. A device fault never fails a
/// request: a read that fails, times out or returns other bytes is a miss. After some failures the
/// tier goes offline, and comes back by a probe. find() never returns a page of another version of
/// its object than the last observed one.
///
/// Lock order: the tier's mutex is the last. Only catalog and journal are called with the mutex
/// held. Owned by app::Process; outlives its users; the workers, and the device once attached,
/// outlive the tier. Any thread; a worker that is passed in is the calling thread's own.
class DiskTier {
 public:
  /// Keeps the memory of a read or write alive until the device is done with it, which may be after
  /// the call has returned.
  using Keep = std::shared_ptr<void>;
  enum class Start : uint8_t { kKeep, kWipe };

  /// A tier without a device: nothing is found and nothing is written before attach() and
  /// recover().
  DiskTier(DiskTierConfig config, const Clock& clock);
  /// A tier on which attach() has succeeded.
  [[nodiscard]] static Result<std::unique_ptr<DiskTier>> open(BlockDevice& device,
                                                              DiskTierConfig config, Start start,
                                                              const Clock& clock, Random& random);
  ~DiskTier();
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;

  /// Opens the store on the device, or makes one if the device is blank. Blocks as long as the
  /// device does. On any thread; not again after a success. Fails with one line for the operator:
  /// kBadRequest for foreign data or a capacity larger than the device, kDamaged for a damaged
  /// superblock or another version of the format, kInternal for a device that fails. Without kWipe
  /// such a store is not written to.
  [[nodiscard]] Result<void> attach(BlockDevice& device, Start start, Random& random)
      EXCLUDES(mutex_);

  /// Reads the index. Blocks as long as the device does. To be called once, on any thread, after
  /// attach().
  void recover() EXCLUDES(mutex_) EXCLUDES(opening_mutex_);

  /// True once recover() is done.
  [[nodiscard]] bool recovered() const { return recovered_.load(std::memory_order_acquire); }

  /// The page, if the tier has it. No I/O.
  [[nodiscard]] std::optional<DiskPageRef> find(rt::Worker& worker, std::string_view kind,
                                                std::string_view object, uint32_t page,
                                                DiskUse use = DiskUse::kUse) EXCLUDES(mutex_);

  /// Reads bytes [range.begin, range.end) of the page and verifies them. REQUIRES: the range begins
  /// at a block and ends at a block or at the page's end. `into` has range.size() bytes, rounded up
  /// to units; each part is whole units and aligned to a unit.
  [[nodiscard]] rt::Task<DiskRead> read(rt::Worker& worker, const DiskPageRef& page,
                                        ByteRange range, std::vector<iovec> into, Keep keep);

  /// Writes a whole page, after the writes queued before; `from` as for read(). When it returns,
  /// the page can be found; the page survives the end of the process a journal_delay later or after
  /// flush(). Observes the page's version. Does nothing if the tier has the page already.
  [[nodiscard]] rt::Task<DiskWrite> write(rt::Worker& worker, DiskPage page,
                                          std::vector<iovec> from, Keep keep);

  /// The object has this version now: removes its pages of other versions.
  void observe(rt::Worker& worker, std::string_view kind, std::string_view object,
               const ObjectInfo& info);
  /// Removes all pages of the object.
  void remove(rt::Worker& worker, std::string_view kind, std::string_view object);
  /// Counts a use of the page by a hit in memory.
  void touch(std::string_view kind, std::string_view object, uint32_t page) EXCLUDES(mutex_);

  /// Waits until the index is read and all writes are durable. Calls `progress` with the bytes left
  /// about every second. False: not by the deadline, or the disk is offline or fails to sync.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline,
                                     std::function<void(uint64_t bytes_left)> progress);

  [[nodiscard]] const DiskStats& stats() const { return stats_; }
  [[nodiscard]] DiskUsage usage() const EXCLUDES(mutex_);
  /// How long the tier's mutex is held.
  [[nodiscard]] HoldTimes& hold_times() const { return mutex_.hold_times(); }

 private:
  friend class DiskPageRef;
  struct Turn;
  struct Transfer;
  struct QueuedWrite;
  struct Writing;
  struct ObjectHash {
    size_t operator()(const ObjectId& object) const { return object.low; }
  };

  // disk_tier.cc
  void release(DiskEntry& entry) EXCLUDES(mutex_);
  void forget(DiskEntry& entry) EXCLUDES(mutex_);
  void supersede(const ObjectId& object, const ObjectInfo* keep) REQUIRES(mutex_);
  void supersede_writes(const ObjectId& object, const ObjectInfo* keep) REQUIRES(mutex_);
  void supersede_now(rt::Worker& worker, std::string_view kind, std::string_view object,
                     const ObjectInfo* keep) EXCLUDES(mutex_) EXCLUDES(opening_mutex_);
  void supersede_noted() REQUIRES(mutex_) REQUIRES(opening_mutex_);
  [[nodiscard]] bool note_while_opening(const ObjectId& object, const ObjectInfo* keep)
      EXCLUDES(opening_mutex_);
  void begin_life(const ReplayReport& report) REQUIRES(mutex_);
  void charge() EXCLUDES(mutex_);
  void failed() EXCLUDES(mutex_);
  void take_offline() EXCLUDES(mutex_);
  void went_offline() EXCLUDES(mutex_);
  [[nodiscard]] bool usable(rt::Worker& worker);
  [[nodiscard]] rt::Task<void> probe(rt::Worker& worker);

  // disk_tier_io.cc
  [[nodiscard]] rt::Task<IoStatus> transfer(rt::Worker& worker, std::shared_ptr<Transfer> transfer,
                                            std::chrono::milliseconds limit);
  [[nodiscard]] rt::Task<void> transfer_run(rt::Worker& worker, std::shared_ptr<Transfer> transfer,
                                            size_t run);
  [[nodiscard]] size_t verify(const DiskEntry& entry, ByteRange range,
                              std::span<const iovec> parts) const;
  /// True: the tier has the page, or another write of the page is placed.
  [[nodiscard]] bool needless(const ObjectId& object, const DiskPage& page) REQUIRES(mutex_);
  [[nodiscard]] rt::Task<bool> wait_for_turn(rt::Worker& worker, uint64_t bytes);
  [[nodiscard]] bool may_begin(uint64_t bytes) const REQUIRES(mutex_);
  /// False: the write begins at once.
  [[nodiscard]] bool enter_queue(QueuedWrite& queued) EXCLUDES(mutex_);
  [[nodiscard]] bool quit_queue(QueuedWrite& queued) EXCLUDES(mutex_);
  void leave_queue(uint64_t bytes) EXCLUDES(mutex_);
  void end_turn(uint64_t bytes) EXCLUDES(mutex_);
  void wake_queue() EXCLUDES(mutex_);
  /// Takes the first write off the queue and adds it to `begun`.
  void take_turn(QueuedWrite& first, rt::WaiterList& begun) REQUIRES(mutex_);
  [[nodiscard]] rt::Task<DiskWrite> write_in_turn(rt::Worker& worker, const DiskPage& page,
                                                  std::span<const iovec> from,
                                                  std::unique_ptr<Turn> turn, Keep keep,
                                                  Writing& writing);
  [[nodiscard]] DiskWrite dropped(DiskDrop cause) {
    stats_.drop(cause);
    return DiskWrite::kDropped;
  }

  const DiskTierConfig config_;
  const Clock& clock_;
  DiskStats stats_;
  DiskHealth health_;
  std::atomic<bool> recovered_{false};
  std::atomic<int64_t> charged_{0};

  // Set by attach(). Used by others only if recovered_ is true.
  BlockDevice* device_ = nullptr;
  uint64_t store_id_ = 0;
  uint64_t life_ = 0;
  std::atomic<uint64_t> capacity_{0};

  // Observed during recovery: the last version of each object; null: removed. Past kSupersededMax
  // objects only the object's share (a hash bucket) is marked: recovery removes all pages in it.
  static constexpr size_t kSupersededMax = 100'000;
  static constexpr size_t kObjectShares = size_t{1} << 20;
  Mutex opening_mutex_;
  std::unordered_map<ObjectId, std::optional<ObjectInfo>, ObjectHash> superseded_
      GUARDED_BY(opening_mutex_);
  std::vector<bool> superseded_shares_
      GUARDED_BY(opening_mutex_);  // kObjectShares entries, or empty

  mutable WatchedMutex mutex_;
  std::optional<Journal> journal_ GUARDED_BY(mutex_);  // this and the catalog: set by attach()
  std::optional<Catalog> catalog_ GUARDED_BY(mutex_);
  std::unordered_multimap<ObjectId, Writing*, ObjectHash> writing_ GUARDED_BY(mutex_);
  rt::WaiterList queue_ GUARDED_BY(mutex_);
  uint64_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  unsigned active_writes_ GUARDED_BY(mutex_) = 0;
  uint64_t active_bytes_ GUARDED_BY(mutex_) = 0;

  std::optional<JournalTask> journal_task_;  // set by attach(); uses the parts above
};

}  // namespace cachey::store
