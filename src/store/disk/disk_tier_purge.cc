// How the tier removes the pages of a set of objects for good.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/log.h"
#include "store/disk/disk_tier.h"
#include "store/disk/io_parts.h"

namespace cachey::store {
namespace {

constexpr std::chrono::milliseconds kPurgePoll{10};
constexpr uint64_t kLogPieceBytes = 64 * kKiB;
constexpr int kLogReadTries = 3;
/// Of pending records, past which a walk waits until they are written.
constexpr size_t kRemovalBytesMax = 256 * kKiB;
constexpr uint64_t kAllBlocks = std::numeric_limits<uint64_t>::max();

std::unexpected<Error> not_durable(const char* why) { return fail(ErrorKind::kInternal, why); }

}  // namespace

/// A purge of the catalog, from its construction to end().
class DiskTier::Purging {
 public:
  Purging(DiskIndex& index, const KeyScope& scope) : index_(index) {
    const MutexLock lock(index_.mutex);
    index_.catalog->begin_purge(scope);
    index_.end_all_writes();
  }
  ~Purging() {
    if (!ended_) (void)end();
  }
  Purging(const Purging&) = delete;
  Purging& operator=(const Purging&) = delete;

  DiskPurged end() {
    ended_ = true;
    const MutexLock lock(index_.mutex);
    return index_.catalog->end_purge();
  }

 private:
  DiskIndex& index_;
  bool ended_ = false;
};

bool DiskTier::has(std::string_view kind, std::string_view object, PageAt at) {
  if (!recovered()) return false;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  return index_.catalog->find(id, at) != nullptr;
}

rt::Task<Result<DiskPurged>> DiskTier::purge(rt::Worker& worker, KeyScope scope, IsOver is_over) {
  DiskPurged purged;
  if (scope.is_object()) {
    if (recovered()) {
      const ObjectId id = object_id(scope.kind(), scope.text());
      const MutexLock lock(index_.mutex);
      purged = index_.catalog->count(id);
    }
    remove(worker, scope.kind(), scope.text());
  }
  const bool has_index = co_await wait_for_index(worker, is_over);
  if (is_over()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  if (!has_index) co_return not_durable("the disk's index is not read yet");
  if (!scope.is_object()) purged = co_await walk(worker, scope, is_over);
  Result<void> durable = co_await wait_durable(worker, is_over);
  index_.charge();
  if (!durable) co_return std::unexpected(std::move(durable.error()));
  co_return purged;
}

/// False: the index was not read in time.
rt::Task<bool> DiskTier::wait_for_index(rt::Worker& worker, const IsOver& is_over) {
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  while (!recovered()) {
    if (clock_.mono() >= deadline || is_over()) co_return false;
    co_await worker.timers().sleep(kPurgePoll);
  }
  co_return true;
}

/// Waits until that record is written. False: it was not in time, or nothing can be written.
rt::Task<bool> DiskTier::wait_written(rt::Worker& worker, uint64_t record, const IsOver& is_over) {
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  while (true) {
    {
      const MutexLock lock(index_.mutex);
      if (index_.journal->flushed() >= record) co_return true;
    }
    const bool hopeless = !io_->online() || !io_->writable() || is_over();
    if (hopeless || clock_.mono() >= deadline) co_return false;
    journal_->start(worker, JournalTask::Delay::kNone);
    co_await worker.timers().sleep(kPurgePoll);
  }
}

rt::Task<Result<void>> DiskTier::wait_durable(rt::Worker& worker, const IsOver& is_over) {
  uint64_t last = 0;
  {
    const MutexLock lock(index_.mutex);
    last = index_.journal->appended();
  }
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  bool written = co_await wait_written(worker, last, is_over);
  while (written) {  // what could not be read at the opening is cut off by now, or must be
    {
      const MutexLock lock(index_.mutex);
      if (!index_.journal->has_bad_segment()) break;
    }
    written = clock_.mono() < deadline && io_->online() && io_->writable() && !is_over();
    journal_->start(worker, JournalTask::Delay::kNone);
    if (written) co_await worker.timers().sleep(kPurgePoll);
  }
  if (is_over()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  if (!written) co_return not_durable("the disk cannot be written");
  const IoStatus synced = co_await log_io_->sync(worker);
  if (!synced.ok()) co_return not_durable("the disk cannot be synced");
  co_return Result<void>();
}

rt::Task<DiskPurged> DiskTier::walk(rt::Worker& worker, const KeyScope& scope,
                                    const IsOver& is_over) {
  Purging purging(index_, scope);
  UnknownBlocks unknown;
  if (scope.what() == KeyScope::What::kAll) {
    unknown.add(0, kAllBlocks);
  } else {
    co_await purge_by_records(worker, unknown, is_over);
    if (!unknown.empty())
      log::warn("purge: the disk's journal cannot be read; pages without a known name go, too");
    const uint64_t oldest = oldest_block();
    if (oldest > 0) unknown.add(0, oldest);
  }
  size_t bucket = 0;
  bool more = !is_over();
  while (more) {
    size_t pending = 0;
    uint64_t last = 0;
    {
      const MutexLock lock(index_.mutex);
      more = index_.catalog->purge_unnamed(bucket, unknown);
      pending = index_.journal->memory_bytes();
      last = index_.journal->appended();
    }
    if (pending > kRemovalBytesMax) (void)co_await wait_written(worker, last, is_over);
    co_await rt::asio::post(worker.executor(), rt::kAwait);
    more = more && !is_over();
  }
  co_return purging.end();
}

/// The first block of the log.
uint64_t DiskTier::oldest_block() const {
  const MutexLock lock(index_.mutex);
  const std::deque<JournalSegment>& segments = index_.journal->segments();
  return segments.empty() ? index_.journal->written_end() : segments.front().first_block;
}

/// Reads the log as it is now. Later records are of later pages, or are copies that the catalog has
/// looked at.
rt::Task<void> DiskTier::purge_by_records(rt::Worker& worker, UnknownBlocks& unknown,
                                          const IsOver& is_over) {
  uint64_t last = 0;
  {
    const MutexLock lock(index_.mutex);
    last = index_.journal->appended();
  }
  (void)co_await wait_written(worker, last, is_over);
  std::vector<JournalSegment> segments;
  uint64_t end = 0;
  {
    const MutexLock lock(index_.mutex);
    segments.assign(index_.journal->segments().begin(), index_.journal->segments().end());
    end = index_.journal->written_end();
  }
  for (const JournalSegment& segment : segments) {
    if (is_over()) co_return;
    const bool answers = co_await purge_segment(worker, segment, end, unknown, is_over);
    if (answers) continue;
    unknown.add(segment.first_block, kAllBlocks);
    co_return;
  }
}

/// False: the device does not answer.
rt::Task<bool> DiskTier::purge_segment(rt::Worker& worker, JournalSegment segment, uint64_t end,
                                       UnknownBlocks& unknown, const IsOver& is_over) {
  const uint64_t last = std::min(end, segment.first_block + segment.blocks);
  constexpr uint64_t kBlocks = kLogPieceBytes / kJournalBlockBytes;
  for (uint64_t first = segment.first_block; first < last; first += kBlocks) {
    if (oldest_block() > segment.first_block || is_over()) co_return true;  // it was cleaned
    if (!io_->online() || log_io_->unanswered() > 0) co_return false;
    const uint64_t blocks = std::min(kBlocks, last - first);
    auto piece = std::make_shared<AlignedBuffer>(blocks * kJournalBlockBytes);
    const uint64_t offset =
        segment.first_unit * kUnitBytes + (first - segment.first_block) * kJournalBlockBytes;
    const IoStatus status = co_await read_log(worker, offset, piece);
    if (status.error == ETIMEDOUT) co_return false;
    if (status.ok()) {
      purge_blocks(piece->bytes(), first, segment.life, unknown);
    } else {
      unknown.add(first, first + blocks);
    }
    size_t pending = 0;
    uint64_t record = 0;
    {
      const MutexLock lock(index_.mutex);
      pending = index_.journal->memory_bytes();
      record = index_.journal->appended();
    }
    if (pending > kRemovalBytesMax) (void)co_await wait_written(worker, record, is_over);
  }
  co_return true;
}

rt::Task<IoStatus> DiskTier::read_log(rt::Worker& worker, uint64_t offset,
                                      std::shared_ptr<AlignedBuffer> into) {
  IoStatus status;
  for (int i = 0; i < kLogReadTries; ++i) {
    status = co_await log_io_->read(worker, offset, into->part(), into);
    if (status.ok()) co_return status;
    DiskStats::add(stats_.read_errors, 1);
    if (status.error == ETIMEDOUT) break;
  }
  io_->failed({offset, DiskDirection::kRead, status});
  co_return status;
}

void DiskTier::purge_blocks(std::span<const std::byte> blocks, uint64_t first_block, uint64_t life,
                            UnknownBlocks& unknown) {
  for (size_t at = 0; at < blocks.size(); at += kJournalBlockBytes) {
    const uint64_t number = first_block + at / kJournalBlockBytes;
    const auto records = open_journal_block(blocks.subspan(at, kJournalBlockBytes),
                                            StoreLife{store_id_, life}, number);
    if (!records) {
      unknown.add(number, number + 1);
      continue;
    }
    RecordReader reader(*records);
    const MutexLock lock(index_.mutex);
    while (const std::optional<JournalRecord> record = reader.next()) {
      if (const auto* page = std::get_if<PageRecord>(&*record)) index_.catalog->purge(*page);
    }
  }
}

}  // namespace cachey::store
