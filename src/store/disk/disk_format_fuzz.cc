#include <cstddef>
#include <cstdint>
#include <cstring>
#include <variant>

#include "base/check.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"

/// Parses the bytes as a superblock, and as the records of a journal block with a good checksum.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::store;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const ParsedSuperblock parsed = parse_superblock(bytes);
  if (parsed.state == SuperblockState::kValid) {
    CHECK(parsed.superblock.segments.size() <= kSegmentsMax);
    CHECK(parse_superblock(encode_superblock(parsed.superblock)).superblock == parsed.superblock);
  }
  if (size > kJournalPayloadBytes) return 0;
  AlignedBuffer block(kJournalBlockBytes);
  if (size > 0) std::memcpy(block.bytes().data() + kJournalHeaderBytes, data, size);
  seal_journal_block(block.bytes(), StoreLife{1, 1}, 2, size);
  const auto records = open_journal_block(block.bytes(), StoreLife{1, 1}, 2);
  CHECK(records && records->size() == size);
  RecordReader reader(*records);
  while (const std::optional<JournalRecord> record = reader.next()) {
    const auto* page = std::get_if<PageRecord>(&*record);
    if (page == nullptr) continue;
    uint64_t units = 0;
    for (uint32_t i = 0; i < page->extent_count; ++i) units += page->extent(i).units;
    CHECK(units == units_for(page->bytes));
    for (uint32_t i = 0; i < blocks_for(page->bytes); ++i) (void)page->block_sum(i);
  }
  return 0;
}
