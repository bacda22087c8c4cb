#include "store/disk/entry.h"

#include <new>

#include "base/units.h"

namespace cachey::store {
namespace {

// The slots in both tables at usual load, malloc's overhead, and the policy's memory of an evicted
// entry.
constexpr size_t kTablesBytes = 96;
// An ObjectSource with its control block and entity tag.
constexpr size_t kSourceBytes = 176;

static_assert(sizeof(DiskExtent) == sizeof(uint64_t));
static_assert(sizeof(DiskEntry) % alignof(uint64_t) == 0);

size_t allocated(uint32_t bytes, size_t extents) {
  return sizeof(DiskEntry) + extents * sizeof(DiskExtent) + blocks_for(bytes) * sizeof(uint64_t);
}

}  // namespace

DiskEntry::Owned DiskEntry::make(uint32_t bytes, size_t extents) {
  auto* entry = new (::operator new(allocated(bytes, extents))) DiskEntry;
  entry->bytes = bytes;
  entry->extent_count = static_cast<uint8_t>(extents);
  entry->journal_block = kNoJournalBlock;
  return Owned(entry);
}

DiskEntry::Owned DiskEntry::restore(const PageRecord& record, uint64_t journal_block) {
  Owned entry = make(record.bytes, record.extent_count);
  entry->object = record.object;
  entry->page = record.page;
  entry->generation = record.generation;
  entry->cached_at = record.cached_at;
  entry->source = std::make_shared<const ObjectSource>(
      ObjectInfo{std::string(record.etag), record.object_size, record.last_modified},
      std::string(record.bucket));
  entry->journal_block = journal_block;
  entry->record_bytes = static_cast<uint16_t>(record.encoded.size());
  for (uint32_t i = 0; i < record.extent_count; ++i) entry->extents()[i] = record.extent(i);
  for (uint32_t i = 0; i < entry->sums().size(); ++i) entry->sums()[i] = record.block_sum(i);
  return entry;
}

void DiskEntry::Free::operator()(DiskEntry* entry) const {
  entry->~DiskEntry();
  ::operator delete(entry);
}

size_t DiskEntry::memory_bytes() const {
  const size_t own = allocated(bytes, extent_count) + kTablesBytes;
  return source->info.size <= kPageBytes ? own + kSourceBytes : own;
}

}  // namespace cachey::store
