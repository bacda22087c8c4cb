#include "store/disk/recovery.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/byte_range.h"
#include "base/mutex.h"
#include "store/disk/io_parts.h"

namespace cachey::store {
namespace {

// A small page's record, about: to size the tables before the records are read.
constexpr uint64_t kRecordBytes = 160;

constexpr uint64_t kPieceBytes = 4 * kMiB;  // of the journal, read at a time

struct Piece {
  size_t segment = 0;
  uint64_t offset = 0;
  size_t bytes = 0;
  uint64_t first_block = 0;
};

std::vector<Piece> pieces_of(const Superblock& superblock) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < superblock.segments.size(); ++i) {
    const JournalSegment& segment = superblock.segments[i];
    const uint64_t bytes = segment.blocks * kJournalBlockBytes;
    for (uint64_t at = 0; at < bytes; at += kPieceBytes) {
      pieces.push_back(Piece{i, segment.first_unit * kUnitBytes + at,
                             std::min(kPieceBytes, bytes - at),
                             segment.first_block + at / kJournalBlockBytes});
    }
  }
  return pieces;
}

/// Reads pieces of the journal, and tries again what the device fails to read.
class PatientReader {
 public:
  explicit PatientReader(BlockDevice& device) : device_(device) {}

  /// Returns the ranges of `into` that could not be read.
  [[nodiscard]] std::vector<ByteRange> read(uint64_t offset, std::span<std::byte> into) {
    std::vector<ByteRange> unread;
    if (try_once(offset, into)) return unread;
    for (size_t at = 0; at < into.size(); at += kRetryBytes) {
      const std::span<std::byte> part = into.subspan(at, std::min(kRetryBytes, into.size() - at));
      bool well = false;
      for (int i = 0; !well && i < tries(); ++i) well = try_once(offset + at, part);
      if (!well) unread.push_back({at, at + part.size()});
    }
    return unread;
  }

 private:
  static constexpr size_t kRetryBytes = 64 * kKiB;

  [[nodiscard]] int tries() const { return failures_ < kRecoveryFailuresMax ? kRecoveryTries : 0; }
  [[nodiscard]] bool try_once(uint64_t offset, std::span<std::byte> into) {
    const bool well = device_.read_now(offset, into).ok();
    if (!well) ++failures_;
    return well;
  }

  BlockDevice& device_;
  unsigned failures_ = 0;
};

/// An AttributesRecord with a text of its own.
struct RestoredText {
  RestoredText(const AttributesRecord& of, uint64_t in)
      : record(of), text(of.text), journal_block(in) {
    record.text = text;
  }
  RestoredText(const RestoredText&) = delete;
  RestoredText& operator=(const RestoredText&) = delete;

  AttributesRecord record;
  const std::string text;
  const uint64_t journal_block;
};

/// Records between two threads: one reads and parses, the other restores the catalog.
class RestoredQueue {
 public:
  using Item = std::variant<RestoredPage, RemovalRecord, ObjectRemovalRecord, AnswerRecord,
                            std::unique_ptr<const RestoredText>>;
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

/// Parses the pieces of the journal in order and makes the report.
class Replay {
 public:
  using Visit = std::function<void(const JournalRecord&, uint64_t block)>;

  Replay(const Superblock& superblock, const Visit& visit)
      : superblock_(superblock), visit_(visit) {
    report_.segments = superblock.segments;
    for (JournalSegment& segment : report_.segments) segment.blocks = 0;
  }

  /// `unread`: ranges of `bytes`.
  void add(const Piece& piece, std::span<const std::byte> bytes,
           const std::vector<ByteRange>& unread) {
    const JournalSegment& segment = superblock_.segments[piece.segment];
    if (segment.life != life_) missing_ = 0;  // what a life has not written is not missing
    life_ = segment.life;
    if (!unread.empty()) clean(segment);
    const StoreLife life{superblock_.store_id, segment.life};
    for (size_t at = 0; at < piece.bytes; at += kJournalBlockBytes) {
      const uint64_t number = piece.first_block + at / kJournalBlockBytes;
      const bool read = std::ranges::none_of(
          unread, [at](const ByteRange& range) { return range.begin <= at && at < range.end; });
      if (!read) {
        ++report_.unreadable_blocks;
        continue;
      }
      const auto records = open_journal_block(bytes.subspan(at, kJournalBlockBytes), life, number);
      if (!records) {
        ++missing_;
        continue;
      }
      if (missing_ > 0) clean(segment);
      report_.damaged_blocks += std::exchange(missing_, 0);
      ++report_.blocks;
      report_.segments[piece.segment].blocks =
          static_cast<uint32_t>(number + 1 - segment.first_block);
      RecordReader reader(*records);
      while (const std::optional<JournalRecord> record = reader.next()) visit_(*record, number);
    }
  }

  [[nodiscard]] ReplayReport take_report() {
    std::erase_if(report_.segments,
                  [](const JournalSegment& segment) { return segment.blocks == 0; });
    return std::move(report_);
  }

 private:
  void clean(const JournalSegment& segment) {
    report_.clean_before = std::max(report_.clean_before, segment.first_block + 1);
  }

  const Superblock& superblock_;
  const Visit& visit_;
  ReplayReport report_;
  uint64_t life_ = 0;     // of the last piece
  uint64_t missing_ = 0;  // blocks since the last good one; damaged if a good one follows
};

}  // namespace

ReplayReport replay_journal(
    BlockDevice& device, const Superblock& superblock,
    const std::function<void(const JournalRecord&, uint64_t block)>& visit) {
  Replay replay(superblock, visit);
  const std::vector<Piece> pieces = pieces_of(superblock);
  if (pieces.empty()) return replay.take_report();
  PatientReader reader(device);
  const size_t largest = std::ranges::max(pieces, {}, &Piece::bytes).bytes;
  AlignedBuffer current(largest);
  AlignedBuffer next(largest);
  auto read = [&reader](AlignedBuffer& buffer, const Piece& piece) {
    return reader.read(piece.offset, buffer.bytes().first(piece.bytes));
  };
  std::vector<ByteRange> unread = read(current, pieces.front());
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::future<std::vector<ByteRange>> ahead;
    if (i + 1 < pieces.size()) {
      ahead = std::async(std::launch::async, read, std::ref(next), std::cref(pieces[i + 1]));
    }
    replay.add(pieces[i], current.bytes(), unread);
    if (!ahead.valid()) break;
    unread = ahead.get();
    std::swap(current, next);
  }
  return replay.take_report();
}

/// Makes the item in its place: a page is large to move.
void add(RestoredQueue::Batch& batch, const JournalRecord& record, uint64_t block,
         const PinRules* pins) {
  if (const auto* page = std::get_if<PageRecord>(&record)) {
    const bool keep = pins != nullptr && pins->matches(page->kind, page->key);
    batch.emplace_back(std::in_place_type<RestoredPage>, *page, block, keep);
  } else if (const auto* removal = std::get_if<RemovalRecord>(&record)) {
    batch.emplace_back(*removal);
  } else if (const auto* object = std::get_if<ObjectRemovalRecord>(&record)) {
    batch.emplace_back(*object);
  } else if (const auto* answer = std::get_if<AnswerRecord>(&record)) {
    batch.emplace_back(*answer);
  } else {
    batch.emplace_back(
        std::make_unique<const RestoredText>(std::get<AttributesRecord>(record), block));
  }
}

/// Leaves nothing of use in `item`.
void restore(Catalog& catalog, RestoredQueue::Item& item) {
  if (auto* page = std::get_if<RestoredPage>(&item)) {
    catalog.restore(std::move(*page));
  } else if (const auto* removal = std::get_if<RemovalRecord>(&item)) {
    catalog.restore(*removal);
  } else if (const auto* object = std::get_if<ObjectRemovalRecord>(&item)) {
    catalog.restore(*object);
  } else if (const auto* answer = std::get_if<AnswerRecord>(&item)) {
    catalog.restore(*answer);
  } else {
    const RestoredText& text = *std::get<std::unique_ptr<const RestoredText>>(item);
    catalog.restore(text.record, text.journal_block);
  }
}

ReplayReport restore_catalog(BlockDevice& device, const Superblock& superblock, Catalog& catalog,
                             const InternAttributes& intern, const PinRules* pins) {
  const uint64_t segment_bytes = superblock.segment_units * kUnitBytes;
  catalog.reserve(superblock.segments.size() * segment_bytes / kRecordBytes,
                  kUnusedTextSegments * segment_bytes);
  // One thread reads and parses while this thread restores the records.
  RestoredQueue queue;
  ReplayReport report;
  std::jthread reader([&] {
    RestoredQueue::Batch batch;
    report = replay_journal(device, superblock, [&](const JournalRecord& record, uint64_t block) {
      batch.reserve(RestoredQueue::kBatchRecords);
      add(batch, record, block, pins);
      if (batch.size() == RestoredQueue::kBatchRecords) queue.push(std::exchange(batch, {}));
    });
    queue.push(std::move(batch));
    queue.close();
  });
  while (std::optional<RestoredQueue::Batch> batch = queue.pop()) {
    for (RestoredQueue::Item& item : *batch) restore(catalog, item);
  }
  reader.join();
  report.overlapping_pages =
      catalog.finish_restoring(report.segments, superblock.segment_units, intern);
  return report;
}

}  // namespace cachey::store
