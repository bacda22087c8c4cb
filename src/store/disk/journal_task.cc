#include "store/disk/journal_task.h"

#include <algorithm>
#include <utility>

#include "store/disk/io_parts.h"
#include "store/disk/recovery.h"

namespace cachey::store {
namespace {

constexpr size_t kCleanBytes =
    256 * kKiB;  // the piece of the oldest segment that is read at a time

}  // namespace

JournalTask::JournalTask(JournalParts parts, JournalTimes times, Superblock superblock)
    : device_(parts.device),
      clock_(parts.clock),
      stats_(parts.stats),
      health_(parts.health),
      failed_(std::move(parts.failed)),
      times_(times),
      superblock_(std::move(superblock)),
      mutex_(parts.mutex),
      journal_(parts.journal),
      catalog_(parts.catalog) {}

void JournalTask::start(rt::Worker& worker, Delay delay) {
  rt::Waiter* gathering = nullptr;
  bool begin = false;
  {
    const MutexLock lock(mutex_);
    if (delay == Delay::kNone) gathering = std::exchange(gathering_, nullptr);
    const bool needed = journal_.has_pending() || batch_.has_value();
    begin = needed && !running_ && health_.online();
    if (begin) running_ = true;
  }
  if (gathering != nullptr) gathering->notify();
  if (begin) worker.tasks().spawn(run(worker));
}

bool JournalTask::all_written() const {
  const MutexLock lock(mutex_);
  return journal_.flushed() == journal_.appended();
}

/// Waits for more records, or before a retry. start() with kNone ends the wait.
rt::Task<void> JournalTask::gather(rt::Worker& worker, std::chrono::milliseconds time) {
  rt::Waiter waiter(worker.executor());
  {
    const MutexLock lock(mutex_);
    gathering_ = &waiter;
  }
  std::move_only_function<bool()> leave_list = [this] {
    const MutexLock lock(mutex_);
    return std::exchange(gathering_, nullptr) != nullptr;
  };
  const MonoTime deadline = clock_.mono() + time;
  (void)co_await waiter.wait_until(worker.timers(), deadline, std::move(leave_list));
}

/// Repeats failed writes after journal_retry, or when the disk is online again.
rt::Task<void> JournalTask::run(rt::Worker& worker) {
  co_await gather(worker, times_.gather);
  while (true) {
    bool well = co_await write_batch(worker);
    co_await prepare(worker);
    if (well && wants_cleaning()) well = co_await clean_oldest(worker);
    {
      const MutexLock lock(mutex_);
      bool more = health_.online();
      if (well) more = journal_.wants_cleaning() || journal_.has_pending();
      if (!more) running_ = false;
      if (!more) co_return;
    }
    if (!well) co_await gather(worker, times_.retry);
  }
}

/// Frees space ahead of placements.
rt::Task<void> JournalTask::prepare(rt::Worker& worker) {
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (!catalog_.prepare()) co_return;
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

bool JournalTask::wants_cleaning() const {
  const MutexLock lock(mutex_);
  return journal_.wants_cleaning();
}

/// Writes one batch of pending records. False: the device failed, or no segment could be added.
rt::Task<bool> JournalTask::write_batch(rt::Worker& worker) {
  if (!health_.online()) co_return false;
  if (!batch_) {
    bool full = false;
    {
      const MutexLock lock(mutex_);
      full = journal_.needs_segment();
    }
    if (full) {
      const bool grown = co_await grow(worker);
      if (!grown) co_return false;
    }
    const MutexLock lock(mutex_);
    batch_ = journal_.next_batch(catalog_.finder());
  }
  if (!batch_) co_return true;
  const iovec part = batch_->blocks.part();
  const IoStatus status = co_await device_.write(worker, batch_->offset, std::span(&part, 1));
  if (!status.ok()) {
    DiskStats::add(stats_.write_errors, 1);
    failed_();
    co_return false;
  }
  DiskStats::add(stats_.journal_bytes, part.iov_len);
  const MutexLock lock(mutex_);
  journal_.on_disk(*batch_);
  batch_.reset();
  co_return true;
}

/// Writes all records that are pending now. Later records are not awaited, because they may never
/// end.
rt::Task<bool> JournalTask::write_pending(rt::Worker& worker) {
  uint64_t last = 0;
  {
    const MutexLock lock(mutex_);
    last = journal_.appended();
  }
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (journal_.flushed() >= last) co_return true;
    }
    const bool well = co_await write_batch(worker);
    if (!well) co_return false;
  }
}

std::vector<JournalSegment> JournalTask::segments() const {
  const MutexLock lock(mutex_);
  return {journal_.segments().begin(), journal_.segments().end()};
}

rt::Task<bool> JournalTask::write_superblock(rt::Worker& worker,
                                             std::vector<JournalSegment> listed) {
  Superblock next = superblock_;
  ++next.sequence;
  next.segments = std::move(listed);
  const std::vector<std::byte> encoded = encode_superblock(next);
  AlignedBuffer buffer(encoded.size());
  std::ranges::copy(encoded, buffer.bytes().begin());
  const iovec part = buffer.part();
  for (const uint64_t offset : {uint64_t{0}, kSuperblockCopyOffset}) {
    IoStatus status;
    if (may_be_torn(encoded)) status = co_await device_.sync(worker);
    if (status.ok()) status = co_await device_.write(worker, offset, std::span(&part, 1));
    if (!status.ok()) {
      DiskStats::add(stats_.write_errors, 1);
      failed_();
      co_return false;
    }
    DiskStats::add(stats_.journal_bytes, part.iov_len);
  }
  superblock_ = std::move(next);
  co_return true;
}

rt::Task<bool> JournalTask::grow(rt::Worker& worker) {
  SpaceSearch search;
  std::optional<DiskExtent> run;
  JournalSegment segment;
  while (!run) {
    {
      const MutexLock lock(mutex_);
      const std::expected<DiskExtent, NotPlaced> placed =
          catalog_.place_segment(journal_.segment_units(), search);
      if (!placed && placed.error() == NotPlaced::kNoSpace) co_return false;
      if (placed) run = *placed;
      segment.first_block = journal_.next_block();
    }
    if (!run) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  segment.first_unit = run->first;
  std::vector<JournalSegment> listed = segments();
  listed.push_back(segment);
  const bool written = co_await write_superblock(worker, std::move(listed));
  const MutexLock lock(mutex_);
  if (written) {
    journal_.begin_segment(run->first);
  } else {
    // One copy on disk may list the segment already, which is harmless: no record can be written
    // before the next superblock, so recovery finds no page in this space; and a page's bytes never
    // pass as journal blocks, which have a number and a checksum.
    catalog_.release_segment(*run);
  }
  co_return written;
}

/// Appends the valid records of the oldest segment again and frees the segment.
rt::Task<bool> JournalTask::clean_oldest(rt::Worker& worker) {
  JournalSegment oldest;
  uint64_t bytes = 0;
  {
    const MutexLock lock(mutex_);
    oldest = journal_.segments().front();
    bytes = journal_.segment_units() * kUnitBytes;
  }
  AlignedBuffer buffer(kCleanBytes);
  const iovec part = buffer.part();
  for (uint64_t at = 0; at < bytes; at += kCleanBytes) {
    const uint64_t offset = oldest.first_unit * kUnitBytes + at;
    const IoStatus status = co_await device_.read(worker, offset, std::span(&part, 1));
    if (status.ok()) {
      copy_records(buffer.bytes(), oldest.first_block + at / kJournalBlockBytes);
      continue;
    }
    DiskStats::add(stats_.read_errors, 1);
    failed_();
    if (!health_.online()) co_return false;
    // Pages with records in this piece are found as before, but are lost at a restart.
    DiskStats::add(stats_.journal_lost_blocks, kCleanBytes / kJournalBlockBytes);
  }
  const bool copied = co_await write_pending(worker);
  if (!copied) co_return false;
  std::vector<JournalSegment> listed = segments();
  listed.erase(listed.begin());
  const bool written = co_await write_superblock(worker, std::move(listed));
  if (!written) co_return false;
  const MutexLock lock(mutex_);
  journal_.drop_oldest();
  catalog_.release_segment(DiskExtent{oldest.first_unit, journal_.segment_units()});
  co_return true;
}

void JournalTask::copy_records(std::span<const std::byte> blocks, uint64_t first_block) {
  const MutexLock lock(mutex_);
  for (size_t at = 0; at < blocks.size(); at += kJournalBlockBytes) {
    const uint64_t number = first_block + at / kJournalBlockBytes;
    const auto records =
        open_journal_block(blocks.subspan(at, kJournalBlockBytes), superblock_.store_id, number);
    if (!records) {
      DiskStats::add(stats_.journal_lost_blocks, 1);
      continue;
    }
    RecordReader reader(*records);
    while (const std::optional<JournalRecord> record = reader.next()) {
      const auto* page = std::get_if<PageRecord>(&*record);
      if (page == nullptr) continue;
      DiskEntry* entry = catalog_.find(page->object, page->page);
      if (entry != nullptr) journal_.copy(*entry, *page, number);
    }
  }
}

}  // namespace cachey::store
