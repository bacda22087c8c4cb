#include "store/disk/format.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr std::string_view kMagic = "CACHEYDS";
constexpr size_t kSuperblockSumAt = 16;
constexpr size_t kSuperblockSummedFrom = 24;

enum RecordType : uint8_t { kPage = 1, kRemoval = 2, kObjectRemoval = 3 };
constexpr size_t kRecordHeaderBytes = 4;
constexpr size_t kPageHeaderBytes = 72;
constexpr size_t kRemovalBytes = 32;
constexpr size_t kPartRemovalBytes = 34;
constexpr size_t kObjectRemovalBytes = 32;
constexpr size_t kExtentBytes = 8;
constexpr size_t kSumBytes = 8;

constexpr uint32_t kBlockMagic = 0x314a4243;  // "CBJ1"
constexpr size_t kBlockUsedAt = 4;
constexpr size_t kBlockReservedAt = 6;
constexpr size_t kBlockSumAt = 8;
constexpr size_t kBlockNumberAt = 16;
static_assert(kBlockNumberAt + sizeof(uint64_t) == kJournalHeaderBytes);

/// The bytes that a journal block's checksum covers: number and records.
std::span<const std::byte> summed(std::span<const std::byte> block, size_t record_bytes) {
  return block.subspan(kBlockNumberAt, sizeof(uint64_t) + record_bytes);
}

uint64_t seed_of(const StoreLife& life) {
  static_assert(sizeof life == 2 * sizeof(uint64_t));
  return checksum(std::as_bytes(std::span(&life, 1)), 0);
}

/// Appends values to a text.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view text) { out_.append(text); }

 private:
  std::string& out_;
};

/// Reads values in order. REQUIRES: the bytes are there.
class Reader {
 public:
  explicit Reader(const std::byte* at) : at_(at) {}

  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string_view text(size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return text;
  }
  const std::byte* skip(size_t size) {
    const std::byte* here = at_;
    at_ += size;
    return here;
  }

 private:
  const std::byte* at_;
};

size_t record_bytes(const PageRecord& record, size_t extents) {
  return kPageHeaderBytes + extents * kExtentBytes + blocks_for(record.bytes) * kSumBytes +
         record.kind.size() + record.key.size() + record.bucket.size() + record.etag.size();
}

std::optional<PageRecord> parse_page(std::span<const std::byte> encoded) {
  if (encoded.size() < kPageHeaderBytes) return std::nullopt;
  Reader reader(encoded.data());
  PageRecord record;
  record.encoded = encoded;
  (void)reader.get<uint8_t>();  // the type
  record.at.shape = reader.get<uint8_t>();
  (void)reader.get<uint16_t>();  // the length
  record.at.number = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.generation = reader.get<uint64_t>();
  record.object_size = reader.get<uint64_t>();
  record.last_modified = reader.get<int64_t>();
  record.cached_at = reader.get<int64_t>();
  record.bytes = reader.get<uint32_t>();
  record.extent_count = reader.get<uint16_t>();
  const size_t kind = reader.get<uint16_t>();
  const size_t key = reader.get<uint16_t>();
  const size_t bucket = reader.get<uint16_t>();
  const size_t etag = reader.get<uint16_t>();
  record.at.offset = reader.get<uint16_t>();
  if (!record.at.is_valid() || record.bytes == 0 || record.bytes > record.at.bytes_max() ||
      record.extent_count == 0 || record.extent_count > kExtentsMax ||
      record.object_size > kObjectBytesMax) {
    return std::nullopt;
  }
  const size_t tail = record.extent_count * kExtentBytes + blocks_for(record.bytes) * kSumBytes +
                      kind + key + bucket + etag;
  if (encoded.size() != kPageHeaderBytes + tail) return std::nullopt;
  record.extents = reader.skip(record.extent_count * kExtentBytes);
  record.checksums = reader.skip(blocks_for(record.bytes) * kSumBytes);
  record.kind = reader.text(kind);
  record.key = reader.text(key);
  record.bucket = reader.text(bucket);
  record.etag = reader.text(etag);
  uint64_t units = 0;
  for (uint32_t i = 0; i < record.extent_count; ++i) {
    const DiskExtent extent = record.extent(i);
    const bool last = i + 1 == record.extent_count;
    if (extent.units == 0 || (!last && extent.units % kUnitsPerBlock != 0)) return std::nullopt;
    units += extent.units;
  }
  if (units != units_for(record.bytes)) return std::nullopt;
  return record;
}

size_t removal_bytes(const PageAt& at) { return at.is_part() ? kPartRemovalBytes : kRemovalBytes; }

std::optional<RemovalRecord> parse_removal(std::span<const std::byte> encoded) {
  Reader reader(encoded.data());
  RemovalRecord record;
  (void)reader.get<uint8_t>();  // the type
  record.at.shape = reader.get<uint8_t>();
  if (encoded.size() != removal_bytes(record.at)) return std::nullopt;
  (void)reader.get<uint16_t>();  // the length
  record.at.number = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.generation = reader.get<uint64_t>();
  if (record.at.is_part()) record.at.offset = reader.get<uint16_t>();
  if (!record.at.is_valid()) return std::nullopt;
  return record;
}

}  // namespace

DiskExtent PageRecord::extent(uint32_t index) const {
  return Reader(extents + index * kExtentBytes).get<DiskExtent>();
}

uint64_t PageRecord::block_sum(uint32_t block) const {
  return Reader(checksums + block * kSumBytes).get<uint64_t>();
}

std::vector<std::byte> encode_superblock(const Superblock& superblock) {
  CHECK(superblock.segments.size() <= kSegmentsMax);
  std::string text;
  Writer writer(text);
  writer.text(kMagic);
  writer.put(kDiskFormatVersion);
  writer.put(
      static_cast<uint32_t>(kSuperblockHeaderBytes + superblock.segments.size() * kSegmentBytes));
  writer.put(uint64_t{0});  // the checksum
  writer.put(superblock.sequence);
  writer.put(superblock.store_id);
  writer.put(superblock.capacity);
  writer.put(superblock.created_at);
  writer.put(superblock.openings);
  writer.put(superblock.segment_units);
  writer.put(static_cast<uint32_t>(superblock.segments.size()));
  for (const JournalSegment& segment : superblock.segments) {
    writer.put(segment.first_unit);
    writer.put(segment.blocks);
    writer.put(segment.first_block);
    writer.put(segment.life);
  }
  std::vector<std::byte> bytes(units_for(text.size()) * kUnitBytes);
  std::memcpy(bytes.data(), text.data(), text.size());
  const uint64_t sum = checksum(
      std::span(bytes).subspan(kSuperblockSummedFrom, text.size() - kSuperblockSummedFrom), 0);
  std::memcpy(bytes.data() + kSuperblockSumAt, &sum, sizeof sum);
  return bytes;
}

bool begins_as_store(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() && Reader(bytes.data()).text(kMagic.size()) == kMagic;
}

ParsedSuperblock parse_superblock(std::span<const std::byte> bytes) {
  ParsedSuperblock parsed;
  if (bytes.size() < kSuperblockHeaderBytes) return parsed;
  Reader reader(bytes.data());
  if (reader.text(kMagic.size()) != kMagic) {
    const bool blank = std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
    parsed.state = blank ? SuperblockState::kBlank : SuperblockState::kForeign;
    return parsed;
  }
  parsed.version = reader.get<uint32_t>();
  if (parsed.version < kOldestDiskFormatVersion || parsed.version > kDiskFormatVersion) {
    parsed.state = SuperblockState::kOtherVersion;
    return parsed;
  }
  const size_t length = reader.get<uint32_t>();
  const auto sum = reader.get<uint64_t>();
  Superblock& superblock = parsed.superblock;
  superblock.sequence = reader.get<uint64_t>();
  superblock.store_id = reader.get<uint64_t>();
  superblock.capacity = reader.get<uint64_t>();
  superblock.created_at = reader.get<int64_t>();
  superblock.openings = reader.get<uint64_t>();
  superblock.segment_units = reader.get<uint32_t>();
  const size_t segments = reader.get<uint32_t>();
  if (segments > kSegmentsMax || length != kSuperblockHeaderBytes + segments * kSegmentBytes ||
      length > bytes.size() ||
      checksum(bytes.subspan(kSuperblockSummedFrom, length - kSuperblockSummedFrom), 0) != sum) {
    return parsed;
  }
  const uint64_t units = superblock.capacity / kUnitBytes;
  if (superblock.capacity % kUnitBytes != 0 || superblock.capacity <= kDataOffset ||
      units > std::numeric_limits<uint32_t>::max() || superblock.segment_units == 0 ||
      superblock.segment_units % kUnitsPerBlock != 0) {
    return parsed;
  }
  for (size_t i = 0; i < segments; ++i) {
    JournalSegment segment;
    segment.first_unit = reader.get<uint32_t>();
    segment.blocks = reader.get<uint32_t>();
    segment.first_block = reader.get<uint64_t>();
    segment.life = reader.get<uint64_t>();
    if (segment.first_unit < kDataOffset / kUnitBytes ||
        segment.blocks > superblock.segment_units ||
        uint64_t{segment.first_unit} + superblock.segment_units > units) {
      return parsed;
    }
    superblock.segments.push_back(segment);
  }
  parsed.state = SuperblockState::kValid;
  return parsed;
}

bool fits_journal(const PageRecord& record) {
  return record_bytes(record, kExtentsMax) <= kJournalPayloadBytes;
}

std::string encode_page_record(const PageRecord& record, std::span<const DiskExtent> extents,
                               std::span<const uint64_t> checksums) {
  CHECK(extents.size() <= kExtentsMax && checksums.size() == blocks_for(record.bytes));
  const size_t size = record_bytes(record, extents.size());
  std::string text;
  text.reserve(size);
  Writer writer(text);
  writer.put(kPage);
  writer.put(record.at.shape);
  writer.put(static_cast<uint16_t>(size));
  writer.put(record.at.number);
  writer.put(record.object);
  writer.put(record.generation);
  writer.put(record.object_size);
  writer.put(record.last_modified);
  writer.put(record.cached_at);
  writer.put(record.bytes);
  writer.put(static_cast<uint16_t>(extents.size()));
  writer.put(static_cast<uint16_t>(record.kind.size()));
  writer.put(static_cast<uint16_t>(record.key.size()));
  writer.put(static_cast<uint16_t>(record.bucket.size()));
  writer.put(static_cast<uint16_t>(record.etag.size()));
  writer.put(record.at.offset);
  for (const DiskExtent& extent : extents) writer.put(extent);
  for (const uint64_t sum : checksums) writer.put(sum);
  writer.text(record.kind);
  writer.text(record.key);
  writer.text(record.bucket);
  writer.text(record.etag);
  CHECK(text.size() == size);
  return text;
}

std::string encode_removal_record(const RemovalRecord& record) {
  std::string text;
  Writer writer(text);
  writer.put(kRemoval);
  writer.put(record.at.shape);
  writer.put(static_cast<uint16_t>(removal_bytes(record.at)));
  writer.put(record.at.number);
  writer.put(record.object);
  writer.put(record.generation);
  if (record.at.is_part()) writer.put(record.at.offset);
  CHECK(text.size() == removal_bytes(record.at));
  return text;
}

uint32_t bucket_sum(std::string_view bucket) {
  return static_cast<uint32_t>(checksum(std::as_bytes(std::span(bucket)), 0));
}

std::string encode_object_removal_record(const ObjectRemovalRecord& record) {
  std::string text;
  Writer writer(text);
  writer.put(kObjectRemoval);
  writer.put(uint8_t{0});
  writer.put(static_cast<uint16_t>(kObjectRemovalBytes));
  writer.put(record.bucket);
  writer.put(record.object);
  writer.put(record.generation);
  CHECK(text.size() == kObjectRemovalBytes);
  return text;
}

std::optional<JournalRecord> RecordReader::next() {
  if (left_.size() < kRecordHeaderBytes) return std::nullopt;
  Reader reader(left_.data());
  const auto type = reader.get<uint8_t>();
  (void)reader.get<uint8_t>();  // reserved
  const size_t length = reader.get<uint16_t>();
  if (length < kRecordHeaderBytes || length > left_.size()) return std::nullopt;
  const std::span<const std::byte> encoded = left_.first(length);
  left_ = left_.subspan(length);
  if (type == kPage) {
    std::optional<PageRecord> record = parse_page(encoded);
    if (record) return *record;
  } else if (type == kRemoval) {
    std::optional<RemovalRecord> record = parse_removal(encoded);
    if (record) return *record;
  } else if (type == kObjectRemoval && length == kObjectRemovalBytes) {
    ObjectRemovalRecord record;
    record.bucket = reader.get<uint32_t>();
    record.object = reader.get<ObjectId>();
    record.generation = reader.get<uint64_t>();
    return record;
  }
  left_ = {};
  return std::nullopt;
}

// A journal block: magic u32, record bytes u16, reserved u16, checksum u64 of number and records,
// number u64, records, zeros.

void seal_journal_block(std::span<std::byte> block, const StoreLife& life, uint64_t number,
                        size_t record_bytes) {
  CHECK(block.size() == kJournalBlockBytes && record_bytes <= kJournalPayloadBytes);
  const auto used = static_cast<uint16_t>(record_bytes);
  const uint16_t reserved = 0;
  std::memcpy(block.data(), &kBlockMagic, sizeof kBlockMagic);
  std::memcpy(block.data() + kBlockUsedAt, &used, sizeof used);
  std::memcpy(block.data() + kBlockReservedAt, &reserved, sizeof reserved);
  std::memcpy(block.data() + kBlockNumberAt, &number, sizeof number);
  const uint64_t sum = checksum(summed(block, record_bytes), seed_of(life));
  std::memcpy(block.data() + kBlockSumAt, &sum, sizeof sum);
}

std::optional<std::span<const std::byte>> open_journal_block(std::span<const std::byte> block,
                                                             const StoreLife& life,
                                                             uint64_t number) {
  CHECK(block.size() == kJournalBlockBytes);
  Reader reader(block.data());
  const auto magic = reader.get<uint32_t>();
  const size_t used = reader.get<uint16_t>();
  (void)reader.get<uint16_t>();  // reserved
  const auto sum = reader.get<uint64_t>();
  const auto found = reader.get<uint64_t>();
  if (magic != kBlockMagic || used > kJournalPayloadBytes || found != number) return std::nullopt;
  if (checksum(summed(block, used), seed_of(life)) != sum) return std::nullopt;
  return block.subspan(kJournalHeaderBytes, used);
}

}  // namespace cachey::store
