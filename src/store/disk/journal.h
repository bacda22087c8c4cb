#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "store/disk/entry.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"
#include "store/disk/record_queue.h"

namespace cachey::store {

/// The log of written and removed pages, from which the catalog is rebuilt: numbered blocks of 4
/// KiB in segments. Segments use the same space as pages, and their number follows the number of
/// pages. A life of the store writes to segments of its own only.
///
/// Cleaning: the valid page records of the oldest segment are appended again and the segment is
/// freed. Removals need no copy, because the records that they remove were written before them and
/// are gone as well. Nor do answers: the page records before them were copied with the answer, and
/// later ones have it or a newer one. Definitions of attributes are copied if an object uses them.
/// So segments leave in their order only: to be rid of a segment that cannot be written or read,
/// all older segments are cleaned too. The log is cleaned if it is more than twice as long as its
/// valid records, or if such a segment is in it.
///
/// Pending records have a bound, `pending_bytes_max`: past it accepts_pages() is false and the tier
/// takes no new page. Removals are not refused, because they need no bound of their own: a page is
/// removed once, alone or with its object, and while nothing can be written no page is added past
/// the bound. So the removals that wait are at most as many as the pages that were listed, of 36
/// bytes each at most; the index entry that a removal frees is larger.
///
/// Has the pending records and their places; the journal task does the I/O. Not synchronized: the
/// tier's mutex guards the journal.
class Journal {
 public:
  static constexpr size_t kPendingBytesMax = 16 * kMiB;
  /// The pages and texts that next_batch() looks up at most, of kBatchRecords records. A look-up
  /// waits for memory several times, and a full batch of small pages' records has about as many.
  static constexpr size_t kBatchPages = 384;
  static constexpr size_t kBatchBlocks = 16;  ///< of next_batch(), at most

  Journal(StoreLife life, uint32_t segment_units, size_t pending_bytes_max = kPendingBytesMax)
      : life_(life), segment_units_(segment_units), pending_bytes_max_(pending_bytes_max) {}

  /// A page was listed. `record`: from encode_page_record().
  void put(DiskEntry& entry, std::string record);
  /// A page was removed. Adds a record unless the page has none on disk.
  void removed(const DiskEntry& entry);
  /// All pages of the object with this generation or a lower one were removed. Adds one record;
  /// removed_with_object() is called for each page later.
  void object_removed(const ObjectId& object, std::string_view bucket, uint64_t generation);
  void removed_with_object(const DiskEntry& entry) {
    live_bytes_ -= packed_bytes(entry.record_bytes);
  }
  /// Appends a page's valid record again, from the oldest segment. `record`: perhaps with another
  /// answer about its object.
  void copy(DiskEntry& entry, std::string_view record);

  /// Appends the records of a text that objects begin to use.
  void define(const StoredAttributes& attributes);
  /// Appends the records again, because the oldest segment has them.
  void copy(const StoredAttributes& attributes);
  /// No object uses the text any more. A needless definition stays in the log until it is cleaned.
  void definition_removed(const StoredAttributes& attributes) {
    live_bytes_ -= packed_bytes(attributes);
  }
  /// There is a newer answer about an object whose pages' records are in the log.
  void answered(const AnswerRecord& record) { append(encode_answer_record(record)); }

  /// False: too many records wait; a new page must not be listed. What is being written already
  /// may go past the bound.
  [[nodiscard]] bool accepts_pages() const { return pending_.memory_bytes() < pending_bytes_max_; }
  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  /// The numbers of records that were added, and that are on disk or needless.
  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t flushed() const { return flushed_; }
  /// The memory of the pending records.
  [[nodiscard]] size_t memory_bytes() const { return pending_.memory_bytes(); }

  struct Batch {
    explicit Batch(size_t bytes = kBatchBlocks * kJournalBlockBytes) : blocks(bytes) {}
    uint64_t offset = 0;       // on the device
    uint64_t first_block = 0;  // the number of the first of `blocks`
    AlignedBuffer blocks;      // may be empty: no record was needed
    uint64_t last_record = 0;  // flushed() once the batch is on disk
  };
  /// What the records tell of, in memory; null if that is gone.
  struct Find {
    std::function<DiskEntry*(const ObjectId& object, PageAt at)> page;
    std::function<StoredAttributes*(uint64_t id)> attributes;
  };

  /// The next blocks to write, from at most kBatchRecords records of kBatchPages pages. Null: no
  /// records are pending, or needs_segment(). Leaves out records of pages that `find` does not
  /// return any more; but not those of texts, which a record in the same batch may name. `into`:
  /// the memory of the batch, made without the tier's mutex.
  [[nodiscard]] std::optional<Batch> next_batch(const Find& find, Batch into = Batch());
  /// The same records for the next blocks, because the place of `batch` cannot be written.
  /// REQUIRES: abandon_segment() and begin_segment() were called since `batch` was made.
  [[nodiscard]] Batch moved(const Batch& batch, const Find& find);
  void on_disk(const Batch& batch) {
    flushed_ = batch.last_record;
    const uint64_t blocks = batch.blocks.bytes().size() / kJournalBlockBytes;
    if (blocks > 0) written_end_ = batch.first_block + blocks;
  }
  /// The blocks before this one that are in the log are on disk. Not sooner than flushed().
  [[nodiscard]] uint64_t written_end() const { return written_end_; }

  [[nodiscard]] bool needs_segment() const { return has_pending() && room_in_last() == 0; }
  void begin_segment(uint32_t first_unit);
  /// The last segment cannot be written from the first block of `batch` on. Nothing more is written
  /// to it, and it leaves the log by cleaning.
  void abandon_segment(const Batch& batch);
  /// The segment that begin_segment() would add.
  [[nodiscard]] JournalSegment next_segment(uint32_t first_unit) const;
  [[nodiscard]] const std::deque<JournalSegment>& segments() const { return segments_; }
  [[nodiscard]] uint32_t segment_units() const { return segment_units_; }
  [[nodiscard]] const StoreLife& life() const { return life_; }

  [[nodiscard]] bool wants_cleaning() const;
  /// True: a segment is in the log that could not be read or written.
  [[nodiscard]] bool has_bad_segment() const {
    return !segments_.empty() && segments_.front().first_block < clean_before_;
  }
  /// REQUIRES: the valid records of the segment were copied and the copies are on disk.
  void drop_oldest() { segments_.pop_front(); }

  /// True: the log could not hold more records even after cleaning.
  [[nodiscard]] bool is_full() const;
  /// Half of the records that the log can hold, in bytes.
  [[nodiscard]] uint64_t half_of_live_max() const;
  /// The valid record of an entry, if there is one; as long as the entry is kept, it counts in
  /// kept_bytes().
  [[nodiscard]] static uint64_t bytes_of(const DiskEntry& entry) {
    return entry.record_bytes == 0 ? 0 : packed_bytes(entry.record_bytes);
  }
  void keep(const DiskEntry& entry) { kept_bytes_ += bytes_of(entry); }
  void unkeep(const DiskEntry& entry) { kept_bytes_ -= bytes_of(entry); }
  [[nodiscard]] uint64_t kept_bytes() const { return kept_bytes_; }

  /// While a store is opened: the segments of earlier lives. Those that begin before the block
  /// `clean_before` are to be cleaned.
  void restore_segments(const std::vector<JournalSegment>& segments, uint64_t clean_before);
  void restored(const DiskEntry& entry) { live_bytes_ += packed_bytes(entry.record_bytes); }
  void definition_restored(const StoredAttributes& attributes) {
    live_bytes_ += packed_bytes(attributes);
  }

 private:
  static constexpr size_t kBatchRecords = 2'000;

  [[nodiscard]] uint32_t blocks_per_segment() const {
    return static_cast<uint32_t>(segment_units_ * kUnitBytes / kJournalBlockBytes);
  }
  [[nodiscard]] uint64_t room_in_last() const;
  [[nodiscard]] uint64_t offset_of(uint64_t block) const;
  void append(std::string_view record);
  /// The bytes of a record in a block that is full of records of this size.
  [[nodiscard]] static uint64_t packed_bytes(size_t record_bytes) {
    return kJournalBlockBytes / (kJournalPayloadBytes / record_bytes);
  }
  [[nodiscard]] static uint64_t packed_bytes(const StoredAttributes& attributes);

  const StoreLife life_;
  const uint32_t segment_units_;
  const size_t pending_bytes_max_;
  RecordQueue pending_;
  uint64_t appended_ = 0;
  uint64_t flushed_ = 0;
  std::deque<JournalSegment> segments_;
  uint64_t next_block_ = 0;
  uint64_t written_end_ = 0;
  uint64_t clean_before_ = 0;  // segments that begin before this block are to be cleaned
  uint64_t live_bytes_ = 0;    // packed_bytes() of all valid records
  uint64_t kept_bytes_ = 0;    // those of kept entries
};

}  // namespace cachey::store
