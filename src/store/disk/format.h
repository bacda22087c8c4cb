#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/object_attributes.h"
#include "base/object_info.h"
#include "base/units.h"
#include "store/disk/checksum.h"
#include "store/disk/page_at.h"
#include "store/unit.h"

/// The bytes on disk, as docs/format.md describes them. Parsers accept hostile bytes.
namespace cachey::store {

inline constexpr uint32_t kDiskFormatVersion = 4;
inline constexpr uint32_t kOldestDiskFormatVersion = 2;  ///< that this program opens
inline constexpr uint64_t kDiskBlockBytes = 64 * kKiB;   ///< of checksums and of reads
inline constexpr uint32_t kUnitsPerBlock = kDiskBlockBytes / kUnitBytes;
inline constexpr uint32_t kExtentsMax = 16;  ///< of one page
static_assert(kUnitBytes == 4 * kKiB, "the format counts in units of 4 KiB");

// The first 512 KiB: two copies of the superblock, and a unit for probes.
inline constexpr uint64_t kSuperblockCopyOffset = 256 * kKiB;
inline constexpr uint64_t kSuperblockBytesMax = 252 * kKiB;
inline constexpr uint64_t kProbeOffset = 508 * kKiB;
inline constexpr uint64_t kDataOffset = 512 * kKiB;

[[nodiscard]] constexpr uint32_t blocks_for(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + kDiskBlockBytes - 1) / kDiskBlockBytes);
}

/// Consecutive units. Unit 0 begins at the device's first byte.
struct DiskExtent {
  uint32_t first = 0;
  uint32_t units = 0;
  friend bool operator==(const DiskExtent&, const DiskExtent&) = default;
};

/// A run of units with journal blocks, all of one life of the store. The first block has the number
/// `first_block`; blocks from `first_block + blocks` on count for nothing.
struct JournalSegment {
  uint32_t first_unit = 0;
  uint32_t blocks = 0;
  uint64_t first_block = 0;
  uint64_t life = 0;
  friend bool operator==(const JournalSegment&, const JournalSegment&) = default;
};

struct Superblock {
  uint64_t sequence = 0;  ///< the copy with the higher sequence is valid
  uint64_t store_id = 0;  ///< drawn at random when the store is made
  uint64_t capacity = 0;  ///< bytes of the device that the store uses
  int64_t created_at = 0;
  uint64_t openings = 0;  ///< that wrote a record
  uint32_t segment_units = 0;
  std::vector<JournalSegment> segments;  ///< the oldest first
  friend bool operator==(const Superblock&, const Superblock&) = default;
};

/// Returns whole units. REQUIRES: at most kSegmentsMax segments.
[[nodiscard]] std::vector<std::byte> encode_superblock(const Superblock& superblock);
inline constexpr size_t kSuperblockHeaderBytes = 72;
inline constexpr size_t kSegmentBytes = 24;
inline constexpr size_t kSegmentsMax =
    (kSuperblockBytesMax - kSuperblockHeaderBytes) / kSegmentBytes;

enum class SuperblockState : uint8_t {
  kValid,
  kBlank,         ///< nothing but zeros
  kForeign,       ///< no store of Cachey
  kOtherVersion,  ///< a store of another format version
  kDamaged,
};

struct ParsedSuperblock {
  SuperblockState state = SuperblockState::kDamaged;
  uint32_t version = 0;   ///< set for kValid and kOtherVersion
  uint32_t copy = 0;      ///< set by read_superblock(): the copy that was taken, 0 or 1
  bool alone = false;     ///< set by read_superblock(): the other copy is not valid
  bool old = false;       ///< set by read_superblock(): a valid copy has an older version
  Superblock superblock;  ///< set for kValid
};

/// `bytes` begin as a superblock of any version does.
[[nodiscard]] bool begins_as_store(std::span<const std::byte> bytes);

/// `bytes`: at most kSuperblockBytesMax.
[[nodiscard]] ParsedSuperblock parse_superblock(std::span<const std::byte> bytes);

/// A life of a store: from an opening to the next. Part of the checksum of journal blocks, so that
/// what an earlier life wrote never passes as a block of this one.
struct StoreLife {
  uint64_t store_id = 0;
  uint64_t life = 0;  ///< drawn at random when the store is opened
};

/// The generations of pages grow within a life, and from life to life. They begin with the number
/// of the opening; then follow bits that count from a number drawn with the life, so that no two
/// lives give the same generation even if the device lost a superblock.
inline constexpr int kGenerationCountBits = 40;
[[nodiscard]] constexpr uint64_t first_generation(uint64_t opening, uint64_t life) {
  constexpr uint64_t kHalf = uint64_t{1} << (kGenerationCountBits - 1);
  return (opening << kGenerationCountBits) | (life % kHalf);
}

/// A page was written. The views point into the parsed bytes.
struct PageRecord {
  ObjectId object;
  PageAt at;
  uint64_t generation = 0;
  uint64_t object_size = 0;
  int64_t last_modified = 0;
  int64_t cached_at = 0;
  uint32_t bytes = 0;       ///< of this page
  uint64_t attributes = 0;  ///< RecordedAnswer::attributes of its object
  std::string_view kind;
  std::string_view key;
  std::string_view bucket;
  std::string_view etag;
  uint32_t extent_count = 0;
  const std::byte* extents = nullptr;    ///< unaligned; see extent()
  const std::byte* checksums = nullptr;  ///< unaligned; blocks_for(bytes) of them
  std::span<const std::byte> encoded;    ///< the record itself

  [[nodiscard]] DiskExtent extent(uint32_t index) const;
  [[nodiscard]] uint64_t block_sum(uint32_t block) const;
};

/// A page or part was evicted or became unwanted.
struct RemovalRecord {
  ObjectId object;
  PageAt at;
  uint64_t generation = 0;
};

/// All pages of the object that came from the bucket and have this generation or a lower one are
/// gone: another version was seen, or the object was removed.
struct ObjectRemovalRecord {
  ObjectId object;
  uint64_t generation = 0;
  uint32_t bucket = 0;  ///< bucket_sum() of its name
};

/// What the newest answer said about an object, of what may change while the version stays.
struct RecordedAnswer {
  int64_t last_modified = 0;
  uint64_t attributes = 0;  ///< AttributesRecord::id; 0: not known
};

/// A part of the text of some objects' attributes: the lines, then the checksum lines. A text has
/// an id of its own: no other text of the store has had the id, in any life.
struct AttributesRecord {
  uint64_t id = 0;
  uint16_t lines = 0;    ///< bytes of the lines
  uint16_t total = 0;    ///< bytes of the text, or kTooLarge
  uint8_t fragment = 0;  ///< the number of this part
  std::string_view text;

  [[nodiscard]] bool is_too_large() const { return total == kTooLarge; }
  static constexpr uint16_t kTooLarge = UINT16_MAX;
};

inline constexpr size_t kAttributesHeaderBytes = 16;
inline constexpr size_t kAttributesFragmentBytes = 2'020;  ///< two records fill a journal block

/// At least one, though it may be empty.
[[nodiscard]] constexpr size_t attributes_fragments(size_t text_bytes) {
  return std::max<size_t>(1,
                          (text_bytes + kAttributesFragmentBytes - 1) / kAttributesFragmentBytes);
}

/// The bytes of the first record of such a text.
[[nodiscard]] constexpr size_t attributes_record_bytes(size_t text_bytes) {
  return kAttributesHeaderBytes + std::min(text_bytes, kAttributesFragmentBytes);
}

/// A newer answer about the object's version in a bucket than the records before say. Counts only
/// for that version.
struct AnswerRecord {
  ObjectId object;
  uint32_t bucket = 0;   ///< bucket_sum() of its name
  uint64_t version = 0;  ///< version_sum()
  RecordedAnswer answer;
};

/// The same for equal versions with the same tag.
[[nodiscard]] uint64_t version_sum(const ObjectInfo& info);

/// Stands for a bucket's name among the few buckets of one object. If two names have the same sum,
/// a removal counts for both.
[[nodiscard]] uint32_t bucket_sum(std::string_view bucket);

using JournalRecord =
    std::variant<PageRecord, RemovalRecord, ObjectRemovalRecord, AttributesRecord, AnswerRecord>;

inline constexpr uint64_t kJournalBlockBytes = kUnitBytes;
inline constexpr uint64_t kJournalHeaderBytes = 24;
inline constexpr uint64_t kJournalPayloadBytes = kJournalBlockBytes - kJournalHeaderBytes;

/// True if the record fits a journal block even with kExtentsMax extents.
[[nodiscard]] bool fits_journal(const PageRecord& record);

/// REQUIRES: fits_journal.
[[nodiscard]] std::string encode_page_record(const PageRecord& record,
                                             std::span<const DiskExtent> extents,
                                             std::span<const uint64_t> checksums);
/// The encoded page record with that answer. A record of an older format stays as it is if the
/// answer's attributes are not known, or do not fit a journal block beside the rest.
[[nodiscard]] std::string with_answer(std::string page, const RecordedAnswer& answer);
[[nodiscard]] std::string encode_removal_record(const RemovalRecord& record);
[[nodiscard]] std::string encode_object_removal_record(const ObjectRemovalRecord& record);
[[nodiscard]] std::string encode_attributes_record(const AttributesRecord& record);
/// All records of a text, in order.
[[nodiscard]] std::vector<std::string> encode_attributes(uint64_t id,
                                                         const ObjectAttributes& attributes);
[[nodiscard]] std::string encode_answer_record(const AnswerRecord& record);

/// The records of a journal block, in order. Stops at the first malformed record.
class RecordReader {
 public:
  explicit RecordReader(std::span<const std::byte> records) : left_(records) {}
  [[nodiscard]] std::optional<JournalRecord> next();

 private:
  std::span<const std::byte> left_;
};

/// Writes the header of `block`, with a checksum over the `record_bytes` bytes after it.
void seal_journal_block(std::span<std::byte> block, const StoreLife& life, uint64_t number,
                        size_t record_bytes);

/// The bytes of the records. Null: `block` is not the undamaged journal block `number` of this life
/// of the store.
[[nodiscard]] std::optional<std::span<const std::byte>> open_journal_block(
    std::span<const std::byte> block, const StoreLife& life, uint64_t number);

}  // namespace cachey::store
