#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/disk/entry.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"

namespace cachey::store {

/// The log of written and removed pages, from which the catalog is rebuilt: numbered blocks of 4
/// KiB in segments. Segments use the same space as pages, and their number follows the number of
/// pages.
///
/// Cleaning: if the log is more than twice as long as its valid records, the valid page records of
/// the oldest segment are appended again and the segment is freed. Removals need no copy, because
/// the records that they remove were written before them and are gone as well.
///
/// Has the pending records and their places; the tier does the I/O. Not synchronized: the tier's
/// mutex guards the journal.
class Journal {
 public:
  Journal(uint64_t store_id, uint32_t segment_units)
      : store_id_(store_id), segment_units_(segment_units) {}

  /// A page was listed. `record`: from encode_page_record().
  void put(DiskEntry& entry, std::string record);
  /// A page was removed. Adds a record unless the page has none on disk.
  void removed(const DiskEntry& entry);
  /// All pages of the object with this generation or a lower one were removed. Adds one record;
  /// removed_with_object() is called for each page later.
  void object_removed(const ObjectId& object, uint64_t generation);
  void removed_with_object(const DiskEntry& entry) {
    live_bytes_ -= packed_bytes(entry.record_bytes);
  }
  /// Appends a page's record again, which was read from block `number` of the oldest segment. Does
  /// nothing if the page's valid record is in another block.
  void copy(DiskEntry& entry, const PageRecord& record, uint64_t number);

  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  /// The numbers of records that were added, and that are on disk or needless.
  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t flushed() const { return flushed_; }

  struct Batch {
    explicit Batch(size_t bytes) : blocks(bytes) {}
    uint64_t offset = 0;
    AlignedBuffer blocks;
    uint64_t last_record = 0;  // flushed() once the batch is on disk
  };
  using Find = std::function<DiskEntry*(const ObjectId&, uint32_t page)>;

  /// The next blocks to write. Null: no records are pending, or needs_segment(). Leaves out records
  /// of pages that `find` does not return any more.
  [[nodiscard]] std::optional<Batch> next_batch(const Find& find);
  void on_disk(const Batch& batch) { flushed_ = batch.last_record; }

  [[nodiscard]] bool needs_segment() const { return has_pending() && room_in_last() == 0; }
  void begin_segment(uint32_t first_unit);
  /// The number of the next block.
  [[nodiscard]] uint64_t next_block() const { return next_block_; }
  [[nodiscard]] const std::deque<JournalSegment>& segments() const { return segments_; }
  [[nodiscard]] uint32_t segment_units() const { return segment_units_; }

  [[nodiscard]] bool wants_cleaning() const;
  /// REQUIRES: the valid records of the segment were copied and the copies are on disk.
  void drop_oldest() { segments_.pop_front(); }

  /// True: the log could not hold more records even after cleaning.
  [[nodiscard]] bool is_full() const;

  /// While a store is opened: its segments, and the number of the next block.
  void restore_segments(const std::vector<JournalSegment>& segments, uint64_t next_block);
  void restored(const DiskEntry& entry) { live_bytes_ += packed_bytes(entry.record_bytes); }

 private:
  static constexpr size_t kBatchBlocks = 16;

  struct Pending {
    enum class Kind : uint8_t { kPage, kRemoval };  // kRemoval: of a page or of an object
    Kind kind;
    ObjectId object;
    uint32_t page;
    uint64_t generation;
    std::string record;
  };

  [[nodiscard]] uint64_t blocks_per_segment() const {
    return segment_units_ * kUnitBytes / kJournalBlockBytes;
  }
  [[nodiscard]] uint64_t room_in_last() const;
  /// The bytes of a record in a block that is full of records of this size.
  [[nodiscard]] static uint64_t packed_bytes(size_t record_bytes) {
    return kJournalBlockBytes / (kJournalPayloadBytes / record_bytes);
  }

  const uint64_t store_id_;
  const uint32_t segment_units_;
  std::deque<Pending> pending_;
  uint64_t appended_ = 0;
  uint64_t flushed_ = 0;
  std::deque<JournalSegment> segments_;
  uint64_t next_block_ = 0;
  uint64_t live_bytes_ = 0;  // packed_bytes() of all valid records
};

}  // namespace cachey::store
