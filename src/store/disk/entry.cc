#include "store/disk/entry.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/units.h"

namespace cachey::store {
namespace {

constexpr size_t kControlBlock = 16;  // of a shared pointer
constexpr size_t kGhostBytes = 32;    // the policy's memory of uses and of an evicted entry, about

static_assert(sizeof(PageExtent) == sizeof(uint64_t));
static_assert(sizeof(DiskEntry) % alignof(uint64_t) == 0);
static_assert(kPageBytes < (1u << 25) && kExtentsMax < (1u << 5), "the entry's fields have bits");

size_t allocated(uint32_t bytes, size_t extents) {
  return sizeof(DiskEntry) + extents * sizeof(PageExtent) + blocks_for(bytes) * sizeof(uint64_t);
}

/// What the heap takes for an allocation: jemalloc has sizes in steps of 16, above 128 four sizes
/// for each power of two.
size_t on_heap(size_t bytes) {
  const size_t step = bytes <= 128 ? 16 : std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

size_t on_heap(const std::string& text) {
  return text.capacity() > std::string().capacity() ? on_heap(text.capacity() + 1) : 0;
}

}  // namespace

size_t StoredAttributes::memory_bytes() const {
  return on_heap(sizeof(StoredAttributes)) + on_heap(kControlBlock + sizeof(ObjectAttributes)) +
         on_heap(text_bytes + size_t{1});
}

size_t DiskObject::memory_bytes() const {
  return on_heap(sizeof(DiskObject)) + on_heap(kControlBlock + sizeof(ObjectSource)) +
         on_heap(source->info.etag) + on_heap(source->bucket);
}

DiskEntry::Owned DiskEntry::make(uint32_t bytes, std::span<const DiskExtent> extents) {
  auto* entry = new (::operator new(allocated(bytes, extents.size()))) DiskEntry;
  entry->bytes = bytes;
  entry->extent_count = static_cast<uint32_t>(extents.size());
  std::ranges::transform(extents, entry->page_extents().begin(), [](const DiskExtent& extent) {
    return PageExtent{extent.first, static_cast<uint16_t>(extent.units), 0};
  });
  return Owned(entry);
}

ExtentList DiskEntry::extents() const {
  ExtentList extents;
  for (const PageExtent& extent : page_extents()) extents.push_back({extent.first, extent.units});
  return extents;
}

void DiskEntry::Free::operator()(DiskEntry* entry) const {
  entry->~DiskEntry();
  ::operator delete(entry);
}

size_t DiskEntry::memory_bytes() const {
  return on_heap(allocated(bytes, extent_count)) + kGhostBytes;
}

RestoredPage::RestoredPage(const PageRecord& record, uint64_t journal_block, bool keep) {
  ExtentList extents;
  for (uint32_t i = 0; i < record.extent_count; ++i) extents.push_back(record.extent(i));
  entry = DiskEntry::make(record.bytes, extents);
  entry->at = record.at;
  entry->generation = record.generation;
  entry->cached_at = record.cached_at;
  entry->journal_block = journal_block;
  entry->keep = keep ? 1 : 0;
  entry->record_bytes = static_cast<uint16_t>(record.encoded.size());
  for (uint32_t i = 0; i < entry->sums().size(); ++i) entry->sums()[i] = record.block_sum(i);
  ObjectInfo info{std::string(record.etag), record.object_size, record.last_modified, nullptr};
  attributes = record.attributes;
  object = std::make_unique<DiskObject>(
      record.object, std::make_shared<ObjectSource>(std::move(info), std::string(record.bucket)));
}

}  // namespace cachey::store
