#include "store/disk/journal_task.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "store/disk/io_parts.h"

namespace cachey::store {
namespace {

// The piece of the oldest segment that is read at a time, and how often at most.
constexpr uint64_t kCleanBytes = 64 * kKiB;
constexpr int kCleanTries = 3;
// The memory of pending records past which no further piece is copied.
constexpr size_t kCopiedMax = 256 * kKiB;
// After this number of pieces that cannot be read, the rest of the segment counts as lost. Below
// the number of failures that takes the disk offline, so that cleaning gets past a bad segment.
constexpr int kLostPiecesMax = 4;

}  // namespace

/// The space of a segment that was written to. The space of an abandoned segment is freed only once
/// kBadPlacesMax more were abandoned, and no write to it can come any more.
struct JournalTask::Place {
  Place(JournalTask& owner, DiskExtent space) : task(owner), run(space) {}
  ~Place() {
    const MutexLock lock(task.mutex_);
    if (dropped) task.catalog_.release_segment(run);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  JournalTask& task;
  const DiskExtent run;
  bool dropped = false;  // left the log; guarded by the tier's mutex
};

JournalTask::JournalTask(JournalParts parts, JournalTimes times, SuperblockWriter::Opened opened)
    : clock_(parts.clock),
      stats_(parts.stats),
      health_(parts.health),
      room_(parts.room),
      failed_(std::move(parts.failed)),
      offline_(std::move(parts.offline)),
      charge_(std::move(parts.charge)),
      times_(times),
      io_(parts.device, parts.clock, times.deadline),
      superblock_(parts.device, parts.clock, times.deadline, parts.stats, std::move(opened)),
      mutex_(parts.mutex),
      journal_(parts.journal),
      catalog_(parts.catalog) {}

void JournalTask::start(rt::Worker& worker, Delay delay) {
  rt::Waiter* gathering = nullptr;
  bool begin = false;
  {
    const MutexLock lock(mutex_);
    if (delay == Delay::kNone) gathering = std::exchange(gathering_, nullptr);
    const bool needed = journal_.has_pending() || batch_ != nullptr || journal_.wants_cleaning();
    begin = needed && !running_ && may_write();
    if (begin) running_ = true;
  }
  if (gathering != nullptr) gathering->notify();
  if (begin) worker.tasks().spawn(run(worker));
}

bool JournalTask::all_written() const {
  const MutexLock lock(mutex_);
  return journal_.flushed() == journal_.appended() && !journal_.has_bad_segment();
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

/// The task. If an exception ends its work, the next start() begins another one.
rt::Task<void> JournalTask::run(rt::Worker& worker) {
  try {
    co_await write_all(worker);
  } catch (...) {
    {
      const MutexLock lock(mutex_);
      running_ = false;
    }
    throw;
  }
}

/// Repeats failed writes after times_.retry, or when the disk is online again.
rt::Task<void> JournalTask::write_all(rt::Worker& worker) {
  co_await gather(worker, times_.gather);
  while (true) {
    bool well = co_await write_batch(worker);
    co_await prepare(worker);
    if (well && wants_cleaning()) well = co_await clean_oldest(worker);
    charge_();
    {
      const MutexLock lock(mutex_);
      bool more = may_write();
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

size_t JournalTask::pending_bytes() const {
  const MutexLock lock(mutex_);
  return journal_.memory_bytes();
}

bool JournalTask::wants_cleaning() const {
  const MutexLock lock(mutex_);
  return journal_.wants_cleaning();
}

void JournalTask::report_failure(const IoStatus& status, uint64_t offset) {
  DiskStats::add(stats_.write_errors, 1);
  failed_(offset, DiskDirection::kWrite, status);
}

/// Makes the batch that is to be written. False: no segment could be added.
rt::Task<bool> JournalTask::prepare_batch(rt::Worker& worker) {
  bool grows = leaving_;
  if (batch_ == nullptr) {
    const MutexLock lock(mutex_);
    grows = journal_.needs_segment();
  }
  if (grows) {
    const bool grown = co_await grow(worker);
    if (!grown) co_return false;
  }
  // Its memory comes first: without the mutex, and so that no batch leaves the journal in vain.
  std::shared_ptr<std::optional<Journal::Batch>> made;
  if (batch_ == nullptr) made = std::make_shared<std::optional<Journal::Batch>>(Journal::Batch());
  const MutexLock lock(mutex_);
  if (made != nullptr) {
    *made = journal_.next_batch(catalog_.finder(), std::move(**made));
    if (*made) batch_ = {made, &**made};
  } else if (leaving_) {
    batch_ = std::make_shared<Journal::Batch>(journal_.moved(*batch_, catalog_.finder()));
    leaving_ = false;
  }
  co_return true;
}

/// Writes one batch of pending records. False: the device failed, or no segment could be added.
rt::Task<bool> JournalTask::write_batch(rt::Worker& worker) {
  if (io_.unanswered() >= kUnansweredMax) offline_("too many writes of the journal hang");
  if (!may_write()) co_return false;
  const bool prepared = co_await prepare_batch(worker);
  if (!prepared) co_return false;
  if (batch_ == nullptr) co_return true;
  const iovec part = batch_->blocks.part();
  if (part.iov_len > 0) {
    auto keep =
        std::make_shared<std::pair<std::shared_ptr<Journal::Batch>, std::shared_ptr<Place>>>(
            batch_, place_);
    const IoStatus status = co_await io_.write(worker, batch_->offset, part, std::move(keep));
    if (!status.ok()) {
      report_failure(status, batch_->offset);
      if (status.no_room()) co_return false;
      if (++failures_here_ >= kFailuresAtAPlace || status.error == ETIMEDOUT) leave_place();
      co_return false;
    }
  }
  failures_here_ = 0;
  DiskStats::add(stats_.journal_bytes, part.iov_len);
  const std::shared_ptr<Journal::Batch> written = batch_;  // destroyed without the mutex
  const MutexLock lock(mutex_);
  journal_.on_disk(*written);
  batch_.reset();
  co_return true;
}

void JournalTask::leave_place() {
  if (bad_places_.size() >= 2 * kBadPlacesMax) {  // most of them in the log: no place is good
    offline_("the journal cannot be written in any place");
    return;
  }
  log::error("disk journal: its place cannot be written; it goes on elsewhere",
             {{"offset", batch_->offset}});
  DiskStats::add(stats_.journal_moves, 1);
  failures_here_ = 0;
  leaving_ = true;
  bad_places_.push_back(std::exchange(place_, nullptr));
  const MutexLock lock(mutex_);
  journal_.abandon_segment(*batch_);
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
  const IoStatus status = co_await superblock_.write(worker, std::move(listed));
  if (status.ok()) {
    superblock_failures_ = 0;
    co_return true;
  }
  report_failure(status, 0);
  if (status.no_room()) co_return false;
  if (++superblock_failures_ >= kSuperblockTries || status.error == ETIMEDOUT) {
    superblock_failures_ = 0;
    offline_("the superblock cannot be written");
  }
  co_return false;
}

/// Reserves the space of the next segment, in steps. False: no space can be freed.
rt::Task<bool> JournalTask::place_segment(rt::Worker& worker) {
  SpaceSearch search;
  while (!reserved_) {
    {
      const MutexLock lock(mutex_);
      const std::expected<DiskExtent, NotPlaced> placed =
          catalog_.place_segment(journal_.segment_units(), search);
      if (!placed && placed.error() == NotPlaced::kNoSpace) co_return false;
      if (placed) reserved_ = *placed;
    }
    if (!reserved_) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  co_return true;
}

/// The space is kept if the superblock fails: one copy may list the segment, and at the next
/// opening a segment wins against pages.
rt::Task<bool> JournalTask::grow(rt::Worker& worker) {
  const bool placed = co_await place_segment(worker);
  if (!placed) co_return false;
  std::vector<JournalSegment> listed = segments();
  {
    const MutexLock lock(mutex_);
    listed.push_back(journal_.next_segment(reserved_->first));
  }
  const bool written = co_await write_superblock(worker, std::move(listed));
  if (!written) co_return false;
  const DiskExtent run = *std::exchange(reserved_, std::nullopt);
  place_ = std::make_shared<Place>(*this, run);
  failures_here_ = 0;
  const MutexLock lock(mutex_);
  journal_.begin_segment(run.first);
  co_return true;
}

/// Appends the valid records of the oldest segment again and frees the segment. Begins with no
/// record pending, so that a repetition does not copy a record that waits.
rt::Task<bool> JournalTask::clean_oldest(rt::Worker& worker) {
  const JournalSegment oldest = segments().front();
  const uint64_t bytes = oldest.blocks * kJournalBlockBytes;
  bool written = co_await write_pending(worker);
  if (!written) co_return false;
  int lost_pieces = 0;
  for (uint64_t at = 0; at < bytes; at += kCleanBytes) {
    if (pending_bytes() > kCopiedMax) written = co_await write_pending(worker);
    if (!written) co_return false;
    auto piece = std::make_shared<AlignedBuffer>(std::min(kCleanBytes, bytes - at));
    const IoStatus status = co_await read_piece(worker, oldest.first_unit * kUnitBytes + at, piece);
    if (status.ok()) {
      copy_records(piece->bytes(), oldest.first_block + at / kJournalBlockBytes, oldest.life);
      continue;
    }
    if (!health_.online()) co_return false;
    // Pages with records in this piece are found as before, but are lost at a restart.
    const bool give_up = status.error == ETIMEDOUT || ++lost_pieces >= kLostPiecesMax;
    const uint64_t lost = give_up ? bytes - at : piece->bytes().size();
    DiskStats::add(stats_.journal_lost_blocks, lost / kJournalBlockBytes);
    if (give_up) break;
  }
  written = co_await write_pending(worker);
  if (!written) co_return false;
  std::vector<JournalSegment> listed = segments();
  listed.erase(listed.begin());
  written = co_await write_superblock(worker, std::move(listed));
  if (!written) co_return false;
  free_segment(oldest);
  co_return true;
}

rt::Task<IoStatus> JournalTask::read_piece(rt::Worker& worker, uint64_t offset,
                                           std::shared_ptr<AlignedBuffer> into) {
  IoStatus status;
  for (int i = 0; i < kCleanTries; ++i) {
    status = co_await io_.read(worker, offset, into->part(), into);
    if (status.ok()) co_return status;
    DiskStats::add(stats_.read_errors, 1);
    if (status.error == ETIMEDOUT) break;
  }
  failed_(offset, DiskDirection::kRead, status);
  co_return status;
}

void JournalTask::copy_records(std::span<const std::byte> blocks, uint64_t first_block,
                               uint64_t life) {
  for (size_t at = 0; at < blocks.size(); at += kJournalBlockBytes) {
    const uint64_t number = first_block + at / kJournalBlockBytes;
    const auto records =
        open_journal_block(blocks.subspan(at, kJournalBlockBytes),
                           StoreLife{superblock_.current().store_id, life}, number);
    if (records) {
      copy_block(*records, number);
    } else {
      DiskStats::add(stats_.journal_lost_blocks, 1);
    }
  }
}

void JournalTask::copy_block(std::span<const std::byte> records, uint64_t number) {
  RecordReader reader(records);
  const MutexLock lock(mutex_);
  while (const std::optional<JournalRecord> record = reader.next()) {
    if (const auto* page = std::get_if<PageRecord>(&*record)) catalog_.copy(*page, number);
    if (const auto* text = std::get_if<AttributesRecord>(&*record)) catalog_.copy(*text, number);
  }
}

void JournalTask::free_segment(const JournalSegment& segment) {
  std::shared_ptr<Place> freed;  // destroyed without the mutex
  const auto bad = std::ranges::find_if(bad_places_, [&](const std::shared_ptr<Place>& place) {
    return place->run.first == segment.first_unit;
  });
  const MutexLock lock(mutex_);
  journal_.drop_oldest();
  if (bad == bad_places_.end()) {
    catalog_.release_segment(DiskExtent{segment.first_unit, journal_.segment_units()});
    return;
  }
  (*bad)->dropped = true;
  if (bad_places_.size() <= kBadPlacesMax) return;
  freed = std::move(bad_places_.front());
  bad_places_.pop_front();
}

}  // namespace cachey::store
