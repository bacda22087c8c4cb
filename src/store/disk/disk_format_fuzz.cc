#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/check.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"

namespace {

using namespace cachey::store;

void check_page(const PageRecord& page) {
  CHECK(page.at.is_valid() && page.bytes > 0 && page.bytes <= page.at.bytes_max());
  uint64_t units = 0;
  std::vector<DiskExtent> extents;
  for (uint32_t i = 0; i < page.extent_count; ++i) {
    extents.push_back(page.extent(i));
    units += extents.back().units;
  }
  CHECK(units == units_for(page.bytes));
  std::vector<uint64_t> sums;
  for (uint32_t i = 0; i < blocks_for(page.bytes); ++i) sums.push_back(page.block_sum(i));
  const std::string again = encode_page_record(page, extents, sums);
  CHECK(std::ranges::equal(std::as_bytes(std::span(again)), page.encoded));
}

}  // namespace

/// Parses the bytes as a superblock, and as the records of a journal block with a good checksum.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
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
    if (const auto* removal = std::get_if<RemovalRecord>(&*record)) CHECK(removal->at.is_valid());
    if (const auto* page = std::get_if<PageRecord>(&*record)) check_page(*page);
  }
  return 0;
}
