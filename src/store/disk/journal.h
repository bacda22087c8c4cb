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

/// The log of what was written and removed, from which the catalog is rebuilt: blocks of 4 KiB,
/// numbered one after the other, in segments that are taken from the same space as pages and come
/// and go with the number of pages. When the log is more than twice as long as what still counts,
/// the records that count are copied from the oldest segment to the end and the segment is given
/// back; removals need no copying, for whatever they remove stood before them and is gone with the
/// segment, too.
///
/// Keeps what is to be written and where; the reading and writing is the tier's. Not synchronized.
class Journal {
 public:
  Journal(uint64_t store_id, uint32_t segment_units)
      : store_id_(store_id), segment_units_(segment_units) {}

  /// A page is there now. `record`: of encode_page_record.
  void put(DiskEntry& entry, std::string record);
  /// It is no longer.
  void removed(const DiskEntry& entry);
  /// The record of a page that is there, read from the oldest segment. Where another block than
  /// `number` holds its record, there is nothing to do.
  void copy(DiskEntry& entry, const PageRecord& record, uint64_t number);

  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  /// Numbers records as they come and as they are on disk.
  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t flushed() const { return flushed_; }

  struct Batch {
    explicit Batch(size_t bytes) : blocks(bytes) {}
    uint64_t offset = 0;
    AlignedBuffer blocks;
    uint64_t last_record = 0;  // flushed() once it is on disk
  };
  using Find = std::function<DiskEntry*(const ObjectId&, uint32_t page)>;

  /// The next blocks to write, or none where nothing is pending or needs_segment(). Records of
  /// pages that `find` knows no more are left out.
  [[nodiscard]] std::optional<Batch> next_batch(const Find& find);
  void on_disk(const Batch& batch) { flushed_ = batch.last_record; }

  [[nodiscard]] bool needs_segment() const { return has_pending() && room_in_last() == 0; }
  void begin_segment(uint32_t first_unit);
  /// Its number.
  [[nodiscard]] uint64_t next_block() const { return next_block_; }
  [[nodiscard]] const std::deque<JournalSegment>& segments() const { return segments_; }
  [[nodiscard]] uint32_t segment_units() const { return segment_units_; }

  [[nodiscard]] bool wants_cleaning() const;
  /// REQUIRES: its pages' records were copied and are on disk.
  void drop_oldest() { segments_.pop_front(); }

  /// No more records fit, however the log is cleaned.
  [[nodiscard]] bool is_full() const;

  /// While opening a store: the segments as found, and where the last block of them stands.
  void restore_segments(const std::vector<JournalSegment>& segments, uint64_t next_block);
  void restored(const DiskEntry& entry) { live_bytes_ += packed_bytes(entry.record_bytes); }

 private:
  static constexpr size_t kBatchBlocks = 16;

  struct Pending {
    enum class Kind : uint8_t { kPage, kRemoval };
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
  /// What a record takes where blocks are full of its like.
  [[nodiscard]] static uint64_t packed_bytes(size_t record_bytes) {
    return kJournalBlockBytes / (kJournalPayloadBytes / record_bytes);
  }

  const uint64_t store_id_;
  const uint32_t segment_units_;
  std::deque<Pending> pending_;
  uint64_t appended_ = 0;
  uint64_t flushed_ = 0;
  std::deque<JournalSegment> segments_;
  uint64_t next_block_ = 0;  // number of the next block
  uint64_t live_bytes_ = 0;  // of the records that count, packed
};

}  // namespace cachey::store
