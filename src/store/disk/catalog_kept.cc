// Which entries of the catalog are kept, and where they are placed.

#include <algorithm>

#include "store/disk/catalog.h"

namespace cachey::store {
namespace {

// A search for a chunk of its own ends after as many evicted chunks.
constexpr uint64_t kChunksSearched = 4;

}  // namespace

size_t Catalog::memory_of_each() const {
  return (memory_bytes() - fixed_bytes_) / std::max<size_t>(pages_.size(), 1);
}

void Catalog::hand_over(DiskEntry& entry) {
  const size_t each = memory_of_each();
  // The record of an entry with space is as long as the names are: only now.
  const bool has_room =
      entry.kept != 0 ? !kept_.is_past_limit(each) : kept_.has_room_for(entry, each);
  const bool keeps = entry.keep != 0 && has_room;
  if (keeps != (entry.kept != 0)) kept_.set(entry, keeps);
  if (!keeps) policy_.insert(entry);
  if (!keeps && entry.keep != 0) kept_.count_past_limit();
  kept_.count(entry, true);
}

void Catalog::set_keep(DiskEntry& entry, bool keep) {
  if (entry.listed == 0) {
    entry.keep = keep ? 1 : 0;  // list() looks at the entry
    return;
  }
  if (entry.object->state != DiskObject::State::kCurrent) return;  // the entry goes next
  kept_.count(entry, false);
  entry.keep = keep ? 1 : 0;
  if (entry.kept != 0 && (!keep || kept_.is_past_limit(memory_of_each()))) {
    kept_.set(entry, false);
    policy_.insert(entry);
  } else if (entry.kept == 0 && keep && kept_.has_room_for(entry, memory_of_each())) {
    if (policy_.contains(entry)) policy_.remove(entry);
    kept_.set(entry, true);
  }
  kept_.count(entry, true);
}

void Catalog::set_keep(const PageRecord& record, bool keep) {
  DiskEntry* const entry = find(record.object, record.at);
  if (entry != nullptr && entry->generation == record.generation) set_keep(*entry, keep);
}

Catalog::KeptSpace Catalog::place_kept(uint32_t bytes, ExtentList& extents, SpaceSearch& search,
                                       Step& step) {
  constexpr uint32_t kPerChunk = ExtentAllocator::kUnitsPerChunk;
  while (search.evicted_units <= kChunksSearched * kPerChunk) {
    if (!kept_.has_room_for(bytes, memory_of_each())) return KeptSpace::kNone;
    if (space_.allocate_kept(units_for(bytes), extents)) return KeptSpace::kTaken;
    const std::optional<NotPlaced> failed = free_units(kPerChunk, search, step);
    if (failed) return *failed == NotPlaced::kAgain ? KeptSpace::kAgain : KeptSpace::kNone;
  }
  return KeptSpace::kNone;
}

}  // namespace cachey::store
