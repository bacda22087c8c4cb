#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"
#include "store/disk/stored_attributes.h"

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
  const std::span<const std::byte> encoded = page.encoded;
  const std::string record(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  const RecordedAnswer answer{page.last_modified, page.attributes};
  const std::string again = encode_page_record(page, extents, sums);
  const bool is_new = record[0] == again[0];
  CHECK(!is_new || again == record);
  CHECK(with_answer(record, answer) == record);
  const std::string copied = with_answer(record, {page.last_modified + 1, 7});
  if (copied == record) return;  // of an older format, and too long for more
  const auto parsed = RecordReader(std::as_bytes(std::span(copied))).next();
  CHECK(parsed && std::get<PageRecord>(*parsed).attributes == 7);
  CHECK(std::get<PageRecord>(*parsed).key == page.key);
}

void check_attributes(const AttributesRecord& text, AttributesTable& table) {
  const std::string again = encode_attributes_record(text);
  const auto parsed = RecordReader(std::as_bytes(std::span(again))).next();
  CHECK(parsed && std::get<AttributesRecord>(*parsed).text == text.text);
  if (table.find(text.id) == nullptr) (void)table.name(text.id);
  table.restore(text, 2);
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
  Journal journal(StoreLife{1, 1}, kUnitsPerBlock);
  AttributesTable table(journal);
  RecordReader reader(*records);
  while (const std::optional<JournalRecord> record = reader.next()) {
    if (const auto* removal = std::get_if<RemovalRecord>(&*record)) CHECK(removal->at.is_valid());
    if (const auto* page = std::get_if<PageRecord>(&*record)) check_page(*page);
    if (const auto* text = std::get_if<AttributesRecord>(&*record)) check_attributes(*text, table);
  }
  table.finish_restoring([](cachey::ObjectAttributes text) {
    CHECK(text.bytes() <= cachey::ObjectAttributes::kBytesMax);
    return unshared_attributes(std::move(text));
  });
  return 0;
}
