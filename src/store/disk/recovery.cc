#include "store/disk/recovery.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "store/disk/io_parts.h"

namespace cachey::store {
namespace {

constexpr uint64_t kPieceBytes = 4 * kMiB;  // of the journal, read at a time

struct Piece {
  uint64_t offset = 0;
  size_t bytes = 0;
  uint64_t first_block = 0;
};

std::vector<Piece> pieces_of(const Superblock& superblock) {
  std::vector<Piece> pieces;
  const uint64_t segment_bytes = superblock.segment_units * kUnitBytes;
  for (const JournalSegment& segment : superblock.segments) {
    for (uint64_t at = 0; at < segment_bytes; at += kPieceBytes) {
      pieces.push_back(Piece{segment.first_unit * kUnitBytes + at,
                             std::min(kPieceBytes, segment_bytes - at),
                             segment.first_block + at / kJournalBlockBytes});
    }
  }
  return pieces;
}

/// Records between two threads: one reads and parses, the other restores the catalog.
class RestoredQueue {
 public:
  using Item = std::variant<RestoredPage, RemovalRecord, ObjectRemovalRecord>;
  using Batch = std::vector<Item>;
  static constexpr size_t kBatchRecords = 1024;

  void push(Batch batch) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (batches_.size() >= kBatchesMax) changed_.wait(mutex_);
    batches_.push_back(std::move(batch));
    changed_.notify_one();
  }
  void close() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  /// Null: the queue is closed and empty.
  [[nodiscard]] std::optional<Batch> pop() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (batches_.empty() && !closed_) changed_.wait(mutex_);
    if (batches_.empty()) return std::nullopt;
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_one();
    return batch;
  }

 private:
  static constexpr size_t kBatchesMax = 16;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> batches_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

bool preferred(const ParsedSuperblock& a, const ParsedSuperblock& b) {
  // A copy of another version is preferred, so that it is refused instead of overwritten.
  auto rank = [](const ParsedSuperblock& parsed) {
    switch (parsed.state) {
      case SuperblockState::kOtherVersion:
        return 4;
      case SuperblockState::kValid:
        return 3;
      case SuperblockState::kDamaged:
        return 2;
      case SuperblockState::kForeign:
        return 1;
      case SuperblockState::kBlank:
        return 0;
    }
    return 0;
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  return a.superblock.sequence >= b.superblock.sequence;
}

}  // namespace

Result<ParsedSuperblock> read_superblock(BlockDevice& device) {
  std::optional<ParsedSuperblock> best;
  bool unread = false;
  for (const uint64_t offset : {uint64_t{0}, kSuperblockCopyOffset}) {
    if (device.size() < offset + kSuperblockBytesMax) break;
    AlignedBuffer buffer(kSuperblockBytesMax);
    if (!device.read_now(offset, buffer.bytes()).ok()) {
      unread = true;
      continue;
    }
    ParsedSuperblock parsed = parse_superblock(buffer.bytes());
    // The device has foreign data, even if an old second copy of ours is left.
    if (offset == 0 && parsed.state == SuperblockState::kForeign) return parsed;
    if (!best || !preferred(*best, parsed)) best = std::move(parsed);
  }
  const bool blank = best && best->state == SuperblockState::kBlank;
  if (!best || (blank && unread)) {  // the copy that cannot be read may be a whole one
    return fail(ErrorKind::kInternal, "its superblock cannot be read");
  }
  return std::move(*best);
}

IoStatus write_superblock(BlockDevice& device, const Superblock& superblock) {
  const std::vector<std::byte> encoded = encode_superblock(superblock);
  AlignedBuffer buffer(encoded.size());
  std::ranges::copy(encoded, buffer.bytes().begin());
  for (const uint64_t offset : {uint64_t{0}, kSuperblockCopyOffset}) {
    if (may_be_torn(encoded)) {
      if (const IoStatus synced = device.sync_now(); !synced.ok()) return synced;
    }
    if (const IoStatus written = device.write_now(offset, buffer.bytes()); !written.ok()) {
      return written;
    }
  }
  return {};
}

ReplayReport replay_journal(
    BlockDevice& device, const Superblock& superblock,
    const std::function<void(const JournalRecord&, uint64_t block)>& visit) {
  ReplayReport report;
  const std::vector<Piece> pieces = pieces_of(superblock);
  if (pieces.empty()) return report;
  report.next_block = superblock.segments.back().first_block;
  uint64_t missing = 0;  // blocks since the last good one; damaged if a good one follows
  AlignedBuffer current(kPieceBytes);
  AlignedBuffer next(kPieceBytes);
  auto read = [&](AlignedBuffer& buffer, const Piece& piece) {
    return device.read_now(piece.offset, buffer.bytes().first(piece.bytes)).ok();
  };
  bool readable = read(current, pieces.front());
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::future<bool> ahead;
    if (i + 1 < pieces.size()) {
      ahead = std::async(std::launch::async, read, std::ref(next), std::cref(pieces[i + 1]));
    }
    for (size_t at = 0; at < pieces[i].bytes; at += kJournalBlockBytes) {
      const uint64_t number = pieces[i].first_block + at / kJournalBlockBytes;
      const std::span<const std::byte> block = current.bytes().subspan(at, kJournalBlockBytes);
      const auto records =
          readable ? open_journal_block(block, superblock.store_id, number) : std::nullopt;
      if (!records) {
        ++missing;
        continue;
      }
      report.damaged_blocks += std::exchange(missing, 0);
      ++report.blocks;
      report.next_block = std::max(report.next_block, number + 1);
      RecordReader reader(*records);
      while (const std::optional<JournalRecord> record = reader.next()) visit(*record, number);
    }
    if (!ahead.valid()) break;
    readable = ahead.get();
    std::swap(current, next);
  }
  return report;
}

ReplayReport restore_catalog(BlockDevice& device, const Superblock& superblock, Catalog& catalog) {
  // One thread reads and parses while this thread restores the records.
  RestoredQueue queue;
  ReplayReport report;
  std::jthread reader([&] {
    RestoredQueue::Batch batch;
    report = replay_journal(device, superblock, [&](const JournalRecord& record, uint64_t block) {
      if (const auto* page = std::get_if<PageRecord>(&record)) {
        batch.emplace_back(RestoredPage(*page, block));
      } else if (const auto* removal = std::get_if<RemovalRecord>(&record)) {
        batch.emplace_back(*removal);
      } else {
        batch.emplace_back(std::get<ObjectRemovalRecord>(record));
      }
      if (batch.size() == RestoredQueue::kBatchRecords) queue.push(std::exchange(batch, {}));
    });
    queue.push(std::move(batch));
    queue.close();
  });
  while (std::optional<RestoredQueue::Batch> batch = queue.pop()) {
    for (RestoredQueue::Item& item : *batch) {
      std::visit([&catalog](auto& restored) { catalog.restore(std::move(restored)); }, item);
    }
  }
  reader.join();
  report.overlapping_pages =
      catalog.finish_restoring(superblock.segments, superblock.segment_units);
  return report;
}

}  // namespace cachey::store
