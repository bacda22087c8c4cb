// How the tier finds names of pages, which its index does not have: it reads the journal.

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

constexpr uint64_t kLogPieceBytes = 64 * kKiB;
constexpr int kLogReadTries = 3;
constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();

}  // namespace

rt::Task<void> DiskTier::apply_pins(rt::Worker& worker, IsOver is_over) {
  if (config_.pins == nullptr) co_return;
  while (!recovered()) {
    if (is_over()) co_return;
    co_await worker.timers().sleep(kIndexPoll);
  }
  const std::shared_ptr<const PinRules::Matches> rules = config_.pins->current();
  const auto keeps = [rules](const PageRecord& record) {
    return rules != nullptr && (*rules)(record.kind, record.key);
  };
  {
    const MutexLock lock(index_.mutex);
    index_.catalog->keep_at_most(config_.pins->limit_of(capacity_));
    index_.catalog->begin_keeping(keeps);
  }
  UnknownBlocks unknown;
  const VisitRecord visit = [this, &keeps](const PageRecord& record, uint64_t /*block*/) REQUIRES(
                                index_.mutex) { index_.catalog->set_keep(record, keeps(record)); };
  co_await read_records(worker, visit, unknown, is_over);
  if (!unknown.empty()) log::warn("pin: a part of the disk's journal cannot be read");
  const MutexLock lock(index_.mutex);
  index_.catalog->end_keeping();
}

rt::Task<bool> DiskTier::visit_names(rt::Worker& worker, std::function<void(const Named&)> visit,
                                     IsOver is_over) {
  if (!recovered()) co_return false;
  UnknownBlocks unknown;
  uint64_t end = 0;
  {
    const MutexLock lock(index_.mutex);
    end = index_.journal->written_end();
  }
  const VisitRecord look = [&](const PageRecord& record, uint64_t block) REQUIRES(index_.mutex) {
    const DiskEntry* entry = index_.catalog->find(record.object, record.at);
    if (entry == nullptr || entry->generation != record.generation) return;
    // A record that was copied is met once: at its place, or if it left that meanwhile, before.
    if (entry->journal_block != block && entry->journal_block < end) return;
    visit(Named{record.kind, record.key, *entry});
  };
  co_await read_records(worker, look, unknown, is_over);
  co_return unknown.empty();
}

std::vector<uint32_t> DiskTier::bytes_of_pages(std::string_view kind, std::string_view object,
                                               uint32_t first, size_t count, unsigned exponent) {
  std::vector<uint32_t> bytes(count);
  if (!recovered()) return bytes;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  for (uint32_t i = 0; i < count; ++i) {
    const DiskEntry* entry = index_.catalog->find(id, PageAt::page(first + i, exponent));
    if (entry != nullptr) bytes[i] = entry->bytes;
  }
  return bytes;
}

/// The first block of the log.
uint64_t DiskTier::oldest_block() const {
  const MutexLock lock(index_.mutex);
  const std::deque<JournalSegment>& segments = index_.journal->segments();
  return segments.empty() ? index_.journal->written_end() : segments.front().first_block;
}

/// Reads the log as it is now. Later records are of later pages, or are copies of records that the
/// catalog has looked at.
rt::Task<void> DiskTier::read_records(rt::Worker& worker, const VisitRecord& visit,
                                      UnknownBlocks& unknown, const IsOver& is_over) {
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
    const bool answers = co_await read_segment(worker, segment, end, visit, unknown, is_over);
    if (answers) continue;
    unknown.add(segment.first_block, kToTheEnd);
    co_return;
  }
}

/// False: the device does not answer.
rt::Task<bool> DiskTier::read_segment(rt::Worker& worker, JournalSegment segment, uint64_t end,
                                      const VisitRecord& visit, UnknownBlocks& unknown,
                                      const IsOver& is_over) {
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
      visit_blocks(piece->bytes(), first, segment.life, visit, unknown);
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
    if (pending > kPendingOfWalkMax) (void)co_await wait_written(worker, record, is_over);
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

void DiskTier::visit_blocks(std::span<const std::byte> blocks, uint64_t first_block, uint64_t life,
                            const VisitRecord& visit, UnknownBlocks& unknown) {
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
      if (const auto* page = std::get_if<PageRecord>(&*record)) visit(*page, number);
    }
  }
}

}  // namespace cachey::store
