// How the disk tier moves pages: transfers with a deadline, verification, the queue of writes.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/io_vector.h"
#include "base/log.h"
#include "store/disk/disk_tier.h"
#include "store/disk/io_parts.h"

namespace cachey::store {

/// The right to write `bytes` bytes. Lasts until the device is done with their memory.
struct DiskTier::Turn {
  Turn(DiskTier& owner, uint64_t size) : tier(owner), bytes(size) {}
  ~Turn() { tier.end_turn(bytes); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  DiskTier& tier;
  const uint64_t bytes;
};

/// The running reads or writes of one page. Shared by the waiting coroutine and by the tasks of the
/// device operations: if the wait times out, page and memory stay until the device is done. One
/// worker's thread.
struct DiskTier::Transfer {
  struct Run {
    uint64_t offset;
    std::vector<iovec> parts;
  };

  Transfer(DiskTier& owner, DiskEntry& held, std::unique_ptr<Turn> to_write, Keep kept)
      : tier(owner), entry(held), turn(std::move(to_write)), keep(std::move(kept)) {
    const MutexLock lock(tier.mutex_);
    tier.catalog_->hold(entry);
  }
  ~Transfer() { tier.release(entry); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Makes one run per extent within `range`. REQUIRES: `range` has whole units.
  void cut(ByteRange range, std::span<const iovec> parts) {
    uint64_t begin = 0;  // of the extent in the page
    for (const DiskExtent& extent : entry.extents()) {
      const uint64_t end = begin + extent.units * kUnitBytes;
      const ByteRange common{std::max(begin, range.begin), std::min(end, range.end)};
      if (!common.empty()) {
        const ByteRange in_parts{common.begin - range.begin, common.end - range.begin};
        runs.push_back(
            Run{extent.first * kUnitBytes + (common.begin - begin), slice(parts, in_parts)});
      }
      begin = end;
    }
    left = runs.size();
  }

  DiskTier& tier;
  DiskEntry& entry;
  const std::unique_ptr<Turn> turn;  // null: a read
  const Keep keep;
  std::vector<Run> runs;  // one per extent
  size_t left = 0;
  int error = 0;
  rt::Waiter* waiter = nullptr;
};

struct DiskTier::QueuedWrite : rt::Waiter {
  QueuedWrite(const rt::Executor& executor, uint64_t size) : rt::Waiter(executor), bytes(size) {}
  const uint64_t bytes;
  bool crowded = false;  // the queue was full on arrival
};

/// A page that is being written or queued. In the frame of write().
struct DiskTier::Writing {
  Writing(DiskTier& owner, const DiskPage& written)
      : tier(owner), object(object_id(written.kind, written.object)), page(written) {
    const MutexLock lock(tier.mutex_);
    tier.writing_.emplace(object, this);
  }
  ~Writing() {
    const MutexLock lock(tier.mutex_);
    const auto [begin, end] = tier.writing_.equal_range(object);
    tier.writing_.erase(
        std::find_if(begin, end, [this](const auto& entry) { return entry.second == this; }));
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  DiskTier& tier;
  const ObjectId object;
  const DiskPage& page;
  // Guarded by the tier's mutex.
  bool placed = false;  // has space; is being written
  bool stale = false;   // another version was observed meanwhile
};

void DiskTier::supersede_writes(const ObjectId& object, const ObjectInfo* keep) {
  const auto [begin, end] = writing_.equal_range(object);
  for (auto it = begin; it != end; ++it) {
    Writing& writing = *it->second;
    if (keep == nullptr || !writing.page.info.same_version(*keep)) writing.stale = true;
  }
}

rt::Task<void> DiskTier::transfer_run(rt::Worker& worker, std::shared_ptr<Transfer> transfer,
                                      size_t run) {
  const Transfer::Run& part = transfer->runs[run];
  IoStatus status;
  if (transfer->turn != nullptr) {
    status = co_await device_->write(worker, part.offset, part.parts);
  } else {
    status = co_await device_->read(worker, part.offset, part.parts);
  }
  if (!status.ok()) transfer->error = status.error;
  if (--transfer->left == 0 && transfer->waiter != nullptr) transfer->waiter->notify();
}

rt::Task<IoStatus> DiskTier::transfer(rt::Worker& worker, std::shared_ptr<Transfer> transfer,
                                      std::chrono::milliseconds limit) {
  for (size_t run = 0; run < transfer->runs.size(); ++run) {
    worker.tasks().spawn(transfer_run(worker, transfer, run));
  }
  if (transfer->left > 0) {
    rt::Waiter waiter(worker.executor());
    transfer->waiter = &waiter;
    std::move_only_function<bool()> leave_list = [transfer] {
      if (transfer->left == 0) return false;
      transfer->waiter = nullptr;
      return true;
    };
    const MonoTime deadline = clock_.mono() + limit;
    const bool in_time =
        co_await waiter.wait_until(worker.timers(), deadline, std::move(leave_list));
    if (!in_time) co_return IoStatus{ETIMEDOUT};
  }
  co_return IoStatus{transfer->error};
}

size_t DiskTier::verify(const DiskEntry& entry, ByteRange range,
                        std::span<const iovec> parts) const {
  size_t corrupt = 0;
  for (uint64_t begin = range.begin; begin < range.end; begin += kDiskBlockBytes) {
    const uint64_t end = std::min(begin + kDiskBlockBytes, range.end);
    const uint64_t block = begin / kDiskBlockBytes;
    const std::vector<iovec> bytes =
        slice(parts, ByteRange{begin - range.begin, end - range.begin});
    if (block_checksum(entry.identity(store_id_, block), bytes) != entry.sums()[block]) ++corrupt;
  }
  return corrupt;
}

rt::Task<DiskRead> DiskTier::read(rt::Worker& worker, const DiskPageRef& page, ByteRange range,
                                  std::vector<iovec> into, Keep keep) {
  DiskEntry& entry = *page.entry_;
  CHECK(!range.empty() && range.begin % kDiskBlockBytes == 0 && range.end <= entry.bytes);
  CHECK(range.end % kDiskBlockBytes == 0 || range.end == entry.bytes);
  const ByteRange units{range.begin, range.begin + units_for(range.size()) * kUnitBytes};
  auto reading = std::make_shared<Transfer>(*this, entry, nullptr, std::move(keep));
  reading->cut(units, into);
  const IoStatus status = co_await transfer(worker, std::move(reading), config_.read_deadline);
  if (status.error == ETIMEDOUT) {
    DiskStats::add(stats_.read_timeouts, 1);
    failed();
    co_return DiskRead::kLate;
  }
  if (!status.ok()) {
    DiskStats::add(stats_.read_errors, 1);
    failed();
    forget(entry);
    journal_task_->start(worker, JournalTask::Delay::kGather);
    co_return DiskRead::kFailed;
  }
  DiskStats::add(stats_.read_bytes, units.size());
  if (const size_t corrupt = verify(entry, range, into); corrupt > 0) {
    DiskStats::add(stats_.corrupt_reads, 1);
    DiskStats::add(stats_.corrupt_blocks, corrupt);
    log::warn("disk gave other bytes than were written",
              {{"page", entry.page}, {"blocks", corrupt}});
    forget(entry);
    journal_task_->start(worker, JournalTask::Delay::kGather);
    co_return DiskRead::kCorrupt;
  }
  DiskStats::add(stats_.reads, 1);
  co_return DiskRead::kOk;
}

/// False: the page waited too long.
rt::Task<bool> DiskTier::wait_for_turn(rt::Worker& worker, uint64_t bytes) {
  QueuedWrite queued(worker.executor(), bytes);
  if (!enter_queue(queued)) co_return true;
  const MonoTime deadline =
      clock_.mono() + (queued.crowded ? config_.write_patience : config_.write_deadline);
  std::move_only_function<bool()> quit = [this, &queued] { return quit_queue(queued); };
  co_return co_await queued.wait_until(worker.timers(), deadline, std::move(quit));
}

bool DiskTier::may_begin(uint64_t bytes) const {
  if (active_writes_ == 0) return true;
  return active_writes_ < config_.writes_at_once &&
         active_bytes_ + bytes <= std::min(config_.write_queue_bytes, config_.writes_at_once_bytes);
}

bool DiskTier::enter_queue(QueuedWrite& queued) {
  const MutexLock lock(mutex_);
  queued.crowded = queued_bytes_ + queued.bytes > config_.write_queue_bytes;
  queued_bytes_ += queued.bytes;
  if (!queue_.empty() || !may_begin(queued.bytes)) {
    queue_.push_back(queued);
    return true;
  }
  ++active_writes_;
  active_bytes_ += queued.bytes;
  return false;
}

bool DiskTier::quit_queue(QueuedWrite& queued) {
  const MutexLock lock(mutex_);
  if (!queued.is_linked()) return false;
  queue_.erase(queue_.iterator_to(queued));
  queued_bytes_ -= queued.bytes;
  return true;
}

void DiskTier::leave_queue(uint64_t bytes) {
  const MutexLock lock(mutex_);
  queued_bytes_ -= bytes;
}

void DiskTier::end_turn(uint64_t bytes) {
  rt::WaiterList begun;
  {
    const MutexLock lock(mutex_);
    active_bytes_ -= bytes;
    --active_writes_;
    while (!queue_.empty()) {
      auto& next = static_cast<QueuedWrite&>(queue_.front());
      if (!may_begin(next.bytes)) break;
      take_turn(next, begun);
    }
  }
  rt::notify_all(begun);
}

/// Ends the wait of all queued writes. Called when the disk goes offline: the writes are dropped.
void DiskTier::wake_queue() {
  rt::WaiterList begun;
  {
    const MutexLock lock(mutex_);
    while (!queue_.empty()) take_turn(static_cast<QueuedWrite&>(queue_.front()), begun);
  }
  rt::notify_all(begun);
}

void DiskTier::take_turn(QueuedWrite& first, rt::WaiterList& begun) {
  queue_.pop_front();
  ++active_writes_;
  active_bytes_ += first.bytes;
  begun.push_back(first);
}

bool DiskTier::needless(const ObjectId& object, const DiskPage& page) {
  const DiskEntry* there = catalog_->find(object, page.page);
  if (there != nullptr && there->object->source->info.same_version(page.info)) return true;
  const auto [begin, end] = writing_.equal_range(object);
  return std::any_of(begin, end, [&page](const auto& entry) {
    const Writing& other = *entry.second;
    return other.page.page == page.page && other.placed && !other.stale;
  });
}

rt::Task<DiskWrite> DiskTier::write(rt::Worker& worker, DiskPage page, std::vector<iovec> from,
                                    Keep keep) {
  CHECK(page.bytes > 0 && page.bytes <= kPageBytes &&
        total_bytes(from) >= units_for(page.bytes) * kUnitBytes);
  if (!recovered_.load(std::memory_order_acquire)) {
    observe(worker, page.kind, page.object, page.info);
    co_return dropped(DiskDrop::kOpening);
  }
  Writing writing(*this, page);  // from here on observe() can mark the write stale
  observe(worker, page.kind, page.object, page.info);
  if (!usable(worker)) co_return dropped(DiskDrop::kOffline);
  const bool in_turn = co_await wait_for_turn(worker, page.bytes);
  if (!in_turn) co_return dropped(DiskDrop::kQueueFull);
  auto turn = std::make_unique<Turn>(*this, page.bytes);
  const DiskWrite result =
      co_await write_in_turn(worker, page, from, std::move(turn), std::move(keep), writing);
  leave_queue(page.bytes);
  charge();
  co_return result;
}

rt::Task<DiskWrite> DiskTier::write_in_turn(rt::Worker& worker, const DiskPage& page,
                                            std::span<const iovec> from, std::unique_ptr<Turn> turn,
                                            Keep keep, Writing& writing) {
  if (!health_.online()) co_return dropped(DiskDrop::kOffline);
  PageRecord record;
  record.object = writing.object;
  record.page = page.page;
  record.object_size = page.info.size;
  record.last_modified = page.info.last_modified;
  record.cached_at = page.cached_at;
  record.bytes = static_cast<uint32_t>(page.bytes);
  record.kind = page.kind;
  record.key = page.object;
  record.bucket = page.bucket;
  record.etag = page.info.etag;
  if (!fits_journal(record)) co_return dropped(DiskDrop::kTooLong);
  const PlaceRequest request{record.object, page.page, record.bytes, page.info, page.bucket};
  SpaceSearch search;
  DiskEntry* entry = nullptr;
  while (entry == nullptr) {
    {
      const MutexLock lock(mutex_);
      if (writing.stale) co_return dropped(DiskDrop::kStale);
      if (needless(record.object, page)) co_return DiskWrite::kAlreadyThere;
      if (!journal_->accepts_pages()) co_return dropped(DiskDrop::kJournalFull);
      const std::expected<DiskEntry*, NotPlaced> placed = catalog_->place(request, search);
      if (placed) {
        entry = *placed;
        entry->cached_at = page.cached_at;
        writing.placed = true;
      } else if (placed.error() == NotPlaced::kNoSpace) {
        co_return dropped(DiskDrop::kNoSpace);
      }
    }
    if (entry == nullptr) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  for (uint32_t block = 0; block < entry->sums().size(); ++block) {
    const uint64_t begin = block * kDiskBlockBytes;
    const std::vector<iovec> bytes =
        slice(from, ByteRange{begin, std::min(begin + kDiskBlockBytes, page.bytes)});
    entry->sums()[block] = block_checksum(entry->identity(store_id_, block), bytes);
  }
  const uint64_t written = units_for(page.bytes) * kUnitBytes;
  auto moved = std::make_shared<Transfer>(*this, *entry, std::move(turn), std::move(keep));
  moved->cut(ByteRange{0, written}, from);
  const IoStatus status = co_await transfer(worker, std::move(moved), config_.write_deadline);
  record.generation = entry->generation;
  std::string encoded = encode_page_record(record, entry->extents(), entry->sums());
  bool stale = false;
  {
    const MutexLock lock(mutex_);
    writing.placed = false;
    stale = writing.stale;
    if (status.ok() && !stale) stale = !catalog_->list(*entry, std::move(encoded));
    catalog_->release(*entry);
  }
  journal_task_->start(worker, JournalTask::Delay::kGather);  // also for records of evicted pages
  if (!status.ok()) {
    DiskStats::add(stats_.write_errors, 1);
    failed();
    co_return dropped(DiskDrop::kWriteError);
  }
  DiskStats::add(stats_.written_bytes, written);
  if (stale) co_return dropped(DiskDrop::kStale);
  DiskStats::add(stats_.insertions, 1);
  co_return DiskWrite::kStored;
}

}  // namespace cachey::store
