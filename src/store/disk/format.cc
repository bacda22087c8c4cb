#include "store/disk/format.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "store/disk/codec.h"

namespace cachey::store {
namespace {

constexpr std::string_view kMagic = "CACHEYDS";
constexpr size_t kSuperblockSumAt = 16;
constexpr size_t kSuperblockSummedFrom = 24;

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

}  // namespace

std::vector<std::byte> encode_superblock(const Superblock& superblock) {
  CHECK(superblock.segments.size() <= kSegmentsMax);
  std::string text;
  ByteWriter writer(text);
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
  return bytes.size() >= kMagic.size() && ByteReader(bytes.data()).text(kMagic.size()) == kMagic;
}

ParsedSuperblock parse_superblock(std::span<const std::byte> bytes) {
  ParsedSuperblock parsed;
  if (bytes.size() < kSuperblockHeaderBytes) return parsed;
  ByteReader reader(bytes.data());
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
  ByteReader reader(block.data());
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
