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
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/key_scope.h"
#include "base/object_info.h"
#include "base/random.h"
#include "rt/worker.h"
#include "store/disk/device.h"
#include "store/disk/device_io.h"
#include "store/disk/disk_index.h"
#include "store/disk/disk_stats.h"
#include "store/disk/disk_times.h"
#include "store/disk/journal_task.h"
#include "store/disk/opening_notes.h"
#include "store/disk/page_writer.h"
#include "store/disk/recovery.h"
#include "store/disk/timed_io.h"
#include "store/disk/unknown_blocks.h"

namespace cachey::store {

struct DiskTierConfig {
  WriteQueueLimits writes;
  /// Memory that late operations may hold, past their deadline; reads may hold half of it. Past the
  /// bound, pages are misses and are not written until the device answers. Operations that run
  /// already may pass the bound.
  uint64_t late_bytes_max = 512 * kMiB;
  std::chrono::milliseconds read_deadline{5'000};  ///< a slower read is a miss
  std::chrono::milliseconds write_deadline{30'000};
  std::chrono::milliseconds journal_delay{50};         ///< records are gathered for this time
  std::chrono::milliseconds journal_retry{1'000};      ///< until a failed write is repeated
  std::chrono::milliseconds journal_deadline{10'000};  ///< a slower operation of it has failed
  /// The waits of a purge for an index that is being read, and for its records to be durable.
  std::chrono::milliseconds purge_wait{10'000};
  size_t journal_pending_bytes = Journal::kPendingBytesMax;  ///< past it pages are dropped
  std::chrono::milliseconds answers_every{5'000};  ///< at most: a record of an object's answers
  size_t index_bytes_max = kGiB;   ///< memory for the index; past it pages are evicted
  std::optional<DiskTimes> times;  ///< nothing: not measured
  const PinRules* pins = nullptr;  ///< pages that are kept; outlive the tier; null: none
  /// Makes the attributes of a store that is opened shared ones.
  InternAttributes intern = unshared_attributes;
  /// Called with the change of the index's memory, on any thread.
  std::function<void(int64_t bytes)> charge = [](int64_t) {};
};

enum class DiskRead : uint8_t {
  kOk,       ///< the bytes were read and verified
  kFailed,   ///< the device failed; the page is gone from the tier
  kCorrupt,  ///< the device returned other bytes; the page is gone from the tier
  kLate,     ///< the device took too long; the page is gone from the tier
  kRefused,  ///< the device has too much memory of late operations, or the region is out
};

enum class DiskUse : uint8_t {
  kUse,   ///< counts a use of the page, for eviction
  kNone,  ///< part of a use that is counted already
};

/// The disk tier: pages on a device, found by an index in memory. A device fault never fails a
/// request: a read that fails, times out or returns other bytes is a miss. After some failures the
/// tier goes offline, and comes back by a probe. If the failures are in one region of the device,
/// only that region goes out: its pages are misses until its probe succeeds. find() never returns a
/// page of another version of its object than the last observed one.
///
/// The parts: DiskIndex knows the pages; DeviceIo moves bytes; PageWriter writes pages;
/// JournalTask makes the index durable; OpeningNotes keeps what is observed before the index is
/// read.
///
/// Owned by app::Process; outlives its users; the workers, and the device once attached, outlive
/// the tier. Any thread; a worker that is passed in is the calling thread's own.
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

  /// Opens the store on the device, or makes one if the device is blank. A store that was larger
  /// or smaller gets the device's size: see SuperblockWriter. If one copy of the superblock is
  /// damaged, it is written anew. Blocks as long as the device does. On any thread; not again after
  /// a success. Fails with one line for the operator: kBadRequest for foreign data or a device too
  /// small for the store, kDamaged for a superblock with both copies damaged or of another version
  /// of the format, kInternal for a device that fails. Without kWipe such a store is not written
  /// to.
  [[nodiscard]] Result<void> attach(BlockDevice& device, Start start, Random& random)
      EXCLUDES(index_.mutex);

  /// Reads the index. Blocks as long as the device does. To be called once, on any thread, after
  /// attach().
  void recover() EXCLUDES(index_.mutex);

  /// Writes the records that recover() left: removals of pages of superseded versions among them.
  /// After recover(), on the worker's thread. Without this call the next change writes these
  /// records.
  void begin_writing(rt::Worker& worker) { journal_->start(worker, JournalTask::Delay::kNone); }

  /// recover() has ended.
  [[nodiscard]] bool recovered() const { return recovered_.load(std::memory_order_acquire); }

  /// The page, if the tier has it. No I/O.
  [[nodiscard]] std::optional<DiskPageRef> find(rt::Worker& worker, std::string_view kind,
                                                std::string_view object, PageAt at,
                                                DiskUse use = DiskUse::kUse) EXCLUDES(index_.mutex);

  /// The tier has an entry at this place, of any version. No I/O, and no use.
  [[nodiscard]] bool has(std::string_view kind, std::string_view object, PageAt at)
      EXCLUDES(index_.mutex);

  /// The parts of pages of 2^exponent bytes that overlap `range` of the object, in the order of
  /// their begin; without those of fewer than `least` bytes, unless they have the range's first or
  /// last byte. No I/O. Parts may overlap: a caller takes from each part the bytes that earlier
  /// parts lack.
  [[nodiscard]] std::vector<DiskPageRef> find_parts(rt::Worker& worker, std::string_view kind,
                                                    std::string_view object, unsigned exponent,
                                                    ByteRange range, DiskUse use = DiskUse::kUse,
                                                    uint64_t least = 0) EXCLUDES(index_.mutex);

  /// The region of the device where `range` of the page begins; nothing: the device has none.
  [[nodiscard]] std::optional<uint32_t> region_of(const DiskPageRef& page, ByteRange range) const;
  /// For the log: the path.
  [[nodiscard]] std::string name() const { return recovered() ? io_->device().name() : "disk"; }

  /// False: read() would refuse as many bytes; counts as a read that was refused.
  [[nodiscard]] bool may_read(uint64_t bytes);
  /// Reads bytes [range.begin, range.end) of the page, or of the part, and verifies them. REQUIRES:
  /// the range begins at a block and ends at a block or at the page's end. `into` has range.size()
  /// bytes, rounded up to units; each part is whole units and aligned to a unit. The memory stays
  /// valid until the call returns, and as long as `keep` exists.
  [[nodiscard]] rt::Task<DiskRead> read(rt::Worker& worker, const DiskPageRef& page,
                                        ByteRange range, std::vector<iovec> into, Keep keep);

  /// Queues a whole page, or a part of a page, to be written, unless the tier has its bytes
  /// already. Never waits. The queue holds a reference: a page that has left memory when its turn
  /// comes is dropped. The tier must know the page's version by observe().
  void offer(rt::Worker& worker, WriteQueue::Source page);
  /// Whether offer() would drop no page for a page of this size.
  [[nodiscard]] bool has_room(uint64_t bytes) const;

  /// The index is read, and the device is online and writable. Lock-free.
  [[nodiscard]] bool takes_pages() const { return recovered() && io_->online() && io_->writable(); }

  /// As offer(), but writes now, beside the queue. When it returns, the page can be found; the page
  /// survives the end of the process a journal_delay later or after flush().
  [[nodiscard]] rt::Task<DiskWrite> write(rt::Worker& worker, DiskWriteSource& page);

  /// The object has this version now: removes its pages that cannot stand beside the version.
  /// Searches return the answer's attributes and last_modified from now on. These become durable,
  /// at once or answers_every after the answer before; flush() does not wait for them.
  void observe(rt::Worker& worker, std::string_view kind, std::string_view object,
               const ObjectSource& version);
  /// Removes the pages of the object that came from this bucket; all, if the name is empty.
  void remove(rt::Worker& worker, std::string_view kind, std::string_view object,
              std::string_view bucket = {});
  /// Removes all pages of the objects of `scope` that the tier had, or had begun to write, before
  /// the call. Returns once that is durable: whatever happens to process and power, these pages do
  /// not come back. kInternal: the removal is not durable, because the index is not read yet, or
  /// the device cannot be written. If the index is read, the pages have left the index even so, and
  /// the records are written when the device works again. After an error, repeat the call with the
  /// same scope.
  ///
  /// The index knows no names, so a set of objects is found by reading the journal. Pages with
  /// records that cannot be read go, too, and writes of any object that run end without a page.
  /// REQUIRES for a set: no other such call runs. `is_over`: true when the process ends; then the
  /// call ends soon, with kCancelled.
  [[nodiscard]] rt::Task<Result<DiskPurged>> purge(rt::Worker& worker, KeyScope scope,
                                                   std::function<bool()> is_over);
  /// What the tier has of the object; of many pages the bytes are an estimate. No I/O, and no use.
  [[nodiscard]] DiskPurged count(std::string_view kind, std::string_view object)
      EXCLUDES(index_.mutex);
  /// Compares the names of all pages with the rules of DiskTierConfig::pins, which have changed.
  /// Once the index is read; reads the journal. Pages with a record that cannot be read stay as
  /// they are. REQUIRES: no other such call runs. `is_over`: as for purge().
  [[nodiscard]] rt::Task<void> apply_pins(rt::Worker& worker, std::function<bool()> is_over);
  /// A page or a part in the index, with its name.
  struct Named {
    std::string_view kind;
    std::string_view object;
    const DiskEntry& entry;
  };
  /// Calls `visit` for the pages that have a record in the journal, in no order; a page that comes,
  /// goes or is copied meanwhile may be missing. `visit` is called with the index's mutex, must be
  /// quick, and must keep no reference. False: a part of the journal cannot be read, or the index
  /// is not read yet. REQUIRES: `visit` and `is_over` outlive the call.
  [[nodiscard]] rt::Task<bool> visit_names(rt::Worker& worker,
                                           std::function<void(const Named&)> visit,
                                           std::function<bool()> is_over);
  /// Of pages [first, first + count) of that size, those that the tier has: the bytes of each, or
  /// 0. No I/O, and no use.
  [[nodiscard]] std::vector<uint32_t> bytes_of_pages(std::string_view kind, std::string_view object,
                                                     uint32_t first, size_t count,
                                                     unsigned exponent) EXCLUDES(index_.mutex);
  /// A version of which the tier has pages; null: it has none. Any, if there are several: all have
  /// one size.
  [[nodiscard]] ObjectSourcePtr version_of(std::string_view kind, std::string_view object)
      EXCLUDES(index_.mutex);
  /// Those of all buckets that pages of the object are from, or pages that are being written.
  [[nodiscard]] std::vector<ObjectSourcePtr> versions_of(std::string_view kind,
                                                         std::string_view object)
      EXCLUDES(index_.mutex);
  /// Counts a use of the page, or of the part that begins there, by a hit in memory.
  void touch(std::string_view kind, std::string_view object, PageAt at) EXCLUDES(index_.mutex);

  /// Waits until the index is read and all writes are durable. Calls `progress` with the bytes left
  /// about every second. False: not by the deadline, or the disk is offline or fails to sync.
  [[nodiscard]] rt::Task<bool> flush(rt::Worker& worker, MonoTime deadline,
                                     std::function<void(uint64_t bytes_left)> progress);

  [[nodiscard]] const DiskStats& stats() const { return stats_; }
  [[nodiscard]] const std::optional<DiskTimes>& times() const { return config_.times; }
  [[nodiscard]] DiskUsage usage() const EXCLUDES(index_.mutex);
  /// How long the tier's mutex is held.
  [[nodiscard]] HoldTimes& hold_times() const { return index_.mutex.hold_times(); }

 private:
  static constexpr std::chrono::milliseconds kIndexPoll{10};
  /// The bytes of pending records, past which a walk waits until they are written.
  static constexpr size_t kPendingOfWalkMax = 256 * kKiB;

  // disk_tier_purge.cc
  class Purging;
  using IsOver = std::function<bool()>;
  [[nodiscard]] rt::Task<bool> wait_for_index(rt::Worker& worker, const IsOver& is_over);
  [[nodiscard]] rt::Task<bool> wait_written(rt::Worker& worker, uint64_t record,
                                            const IsOver& is_over);
  [[nodiscard]] rt::Task<Result<void>> wait_durable(rt::Worker& worker, const IsOver& is_over);
  [[nodiscard]] rt::Task<DiskPurged> walk(rt::Worker& worker, const KeyScope& scope,
                                          const IsOver& is_over);

  // disk_tier_log.cc
  /// Is called with the index's mutex, and the number of the record's block.
  using VisitRecord = std::function<void(const PageRecord&, uint64_t block)>;
  /// Calls `visit` for each record of a page. Adds what cannot be read to `unknown`.
  [[nodiscard]] rt::Task<void> read_records(rt::Worker& worker, const VisitRecord& visit,
                                            UnknownBlocks& unknown, const IsOver& is_over);
  [[nodiscard]] rt::Task<bool> read_segment(rt::Worker& worker, JournalSegment segment,
                                            uint64_t end, const VisitRecord& visit,
                                            UnknownBlocks& unknown, const IsOver& is_over);
  [[nodiscard]] rt::Task<IoStatus> read_log(rt::Worker& worker, uint64_t offset,
                                            std::shared_ptr<AlignedBuffer> into);
  void visit_blocks(std::span<const std::byte> blocks, uint64_t first_block, uint64_t life,
                    const VisitRecord& visit, UnknownBlocks& unknown) EXCLUDES(index_.mutex);
  [[nodiscard]] uint64_t oldest_block() const EXCLUDES(index_.mutex);

  void supersede(rt::Worker& worker, std::string_view kind, std::string_view object,
                 const VersionChange& change) EXCLUDES(index_.mutex);
  [[nodiscard]] rt::Task<void> record_answers(rt::Worker& worker) EXCLUDES(index_.mutex);
  bool record_answers_now() EXCLUDES(index_.mutex);
  [[nodiscard]] DeviceIo::RegionCalls region_calls();
  void lose(rt::Worker& worker, DiskEntry& entry);
  void begin_life(const ReplayReport& report) REQUIRES(index_.mutex);
  [[nodiscard]] uint64_t clean_before(const ReplayReport& report) const REQUIRES(index_.mutex);
  [[nodiscard]] bool usable(rt::Worker& worker) { return recovered() && io_->usable(worker); }

  const DiskTierConfig config_;
  const Clock& clock_;
  DiskStats stats_;
  std::atomic<bool> recovered_{false};
  OpeningNotes notes_;
  DiskIndex index_;
  bool recording_answers_ GUARDED_BY(index_.mutex) = false;  // by a task

  // Set by attach(). Used by others only if recovered_ is true.
  uint64_t store_id_ = 0;
  uint64_t life_ = 0;
  std::atomic<uint64_t> capacity_{0};
  std::optional<DeviceIo> io_;
  std::optional<JournalTask> journal_;
  std::optional<PageWriter> writer_;
  std::optional<TimedIo> log_io_;  // of purges
};

}  // namespace cachey::store
