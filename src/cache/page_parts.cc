// The parts of pages in the table.

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/hash.h"
#include "cache/page_table.h"

namespace cachey::cache {
namespace {

/// An odd constant of MurmurHash3's finalizer: spreads offsets over all bits.
constexpr uint64_t kBeginSpread = 0xc4ceb9fe1a85ec53;

/// Differs from the hashes of the page, of its pieces and of its other parts.
uint64_t part_hash(uint64_t key_hash, uint32_t index, uint64_t begin) {
  return page_hash(key_hash, index) ^ ((begin + 1) * kBeginSpread);
}

bool is_readable(const Page& page) { return page.has_head() && !page.memory_gone(); }

}  // namespace

Page* PageTable::find_for_exact(const IndexedObject& object, uint32_t index, uint64_t position) {
  Page* const page = object.find(index);
  if (page != nullptr && is_readable(*page) && page->phase() != Page::Phase::kFilling) return page;
  Page* const part = object.find_part(index, position);
  if (part != nullptr && !part->memory_gone()) return part;
  return page != nullptr && !page->memory_gone() ? page : nullptr;
}

PagePtr PageTable::find_for_exact(KeyView key, uint64_t hash, uint32_t index, uint64_t position) {
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  return object == nullptr ? nullptr : find_for_exact(*object, index, position);
}

/// What a new part takes: bytes that are in no part, but for islands; and the parts that leave the
/// table for that: islands, and parts without memory.
struct PageTable::Gap {
  ByteRange place;
  std::vector<Page*> leaving;
};

PageTable::Gap PageTable::gap_of(const IndexedObject& object, uint32_t index, ByteRange wanted) {
  Gap gap{wanted, {}};
  const PageParts* const parts = object.parts_of(index);
  if (parts == nullptr) return gap;
  gap.place.end = wanted.begin;
  std::vector<Page*> island;  // the parts since the last missing byte
  uint64_t at = wanted.begin;
  auto next = parts->upper_bound(at);
  if (next != parts->begin() && std::prev(next)->second->place().end > at) --next;
  while (true) {
    const bool is_last = next == parts->end() || next->first >= wanted.end;
    const uint64_t missing_end = is_last ? wanted.end : next->first;
    if (missing_end > at) {
      gap.place.end = missing_end;
      std::ranges::move(island, std::back_inserter(gap.leaving));
      island.clear();
    }
    if (is_last) return gap;
    Page& part = *next->second;
    ++next;
    if (part.memory_gone()) {  // its bytes are missing
      gap.leaving.push_back(&part);
      continue;
    }
    at = part.place().end;
    const bool is_small = at - gap.place.end < kIslandBytesMax;
    if (!is_small || part.phase() != Page::Phase::kWhole || at >= wanted.end) return gap;
    island.push_back(&part);
  }
}

PageTable::Found PageTable::find_or_create_part(const FetchSpecPtr& spec, uint32_t index,
                                                ByteRange wanted) {
  return find_or_create_part(spec, index, wanted, Take::kSome);
}

PagePtr PageTable::create_part(const FetchSpecPtr& spec, uint32_t index, ByteRange place) {
  Found found = find_or_create_part(spec, index, place, Take::kAll);
  return found.created ? std::move(found.page) : nullptr;
}

PageTable::Found PageTable::find_or_create_part(const FetchSpecPtr& spec, uint32_t index,
                                                ByteRange wanted, Take take) {
  const KeyView key = spec->key.view();
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> left;
  Found found;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(key, hash);
    if (object != nullptr) found.page = find_for_exact(*object, index, wanted.begin);
    if (found.page != nullptr) return found;
    const PageParts* const parts = object == nullptr ? nullptr : object->parts_of(index);
    if (parts != nullptr && parts->size() >= spec->page_size.bytes() / kBytesPerPart) return found;
    const Gap gap = object == nullptr ? Gap{wanted, {}} : gap_of(*object, index, wanted);
    if (take == Take::kAll && gap.place != wanted) return found;
    if (object == nullptr) object = &shard.objects.add(key, hash);
    for (const Page* part : gap.leaving) left.push_back(object->take(*part));
    found.page.reset(new Page(*this, memory_, object->key, index,
                              part_hash(hash, index, gap.place.begin), spec, gap.place));
    found.created = true;
    (void)object->put(found.page);
  }
  for (const PagePtr& part : left) part->discard();
  settle_keep(*found.page);
  return found;
}

std::vector<PagePtr> PageTable::parts(KeyView key, uint32_t index) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> found;
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  const PageParts* const parts = object == nullptr ? nullptr : object->parts_of(index);
  if (parts == nullptr) return found;
  found.reserve(parts->size());
  for (const auto& [begin, part] : *parts) found.push_back(part);
  return found;
}

void PageTable::drop_parts(const Page& page) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> dropped;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(page.key(), hash);
    if (!holds(object, page)) return;
    dropped = object->take_parts(page.index());
  }
  for (const PagePtr& part : dropped) part->discard();
}

}  // namespace cachey::cache
