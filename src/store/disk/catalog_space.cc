// How the catalog finds space: eviction, chunks that are emptied, work ahead. In bounded steps.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/disk/catalog.h"

namespace cachey::store {
namespace {

// If more than 1 / kScatteredShare of the units are free and no run is long enough, a chunk is
// emptied instead of evicting more pages elsewhere.
constexpr uint32_t kScatteredShare = 32;

}  // namespace

NotPlaced Catalog::not_placed(Freed freed) {
  return freed == Freed::kAgain ? NotPlaced::kAgain : NotPlaced::kNoSpace;
}

bool Catalog::over_memory() const {
  const size_t limit = limits_.memory_bytes_max;
  const size_t rest = std::max(limit - std::min(limit, fixed_bytes_), limit / kPagesShare);
  return memory_bytes() - fixed_bytes_ > rest;
}

bool Catalog::over_limits() const { return over_memory() || journal_.is_full(); }

/// Removes a page of a superseded object.
Catalog::Freed Catalog::remove_superseded(Step& step) {
  if (superseded_ == nullptr) return Freed::kNone;
  if (step.is_done()) return Freed::kAgain;
  --step.removals;
  DiskObject& object = *superseded_;
  if (object.pages != nullptr) {
    remove(*object.pages);
    return Freed::kSome;
  }
  superseded_ = std::exchange(object.next, nullptr);
  object.state = DiskObject::State::kEmpty;
  if (object.entries == 0) free_object(object);
  return Freed::kSome;
}

Catalog::Freed Catalog::evict_one(SpaceSearch& search, Step& step) {
  if (step.is_done()) return Freed::kAgain;
  const Victim<DiskEntry> found = policy_.victim([](const DiskEntry& entry) {
    return entry.holders == 0 ? Verdict::kEvict : Verdict::kSetAside;
  });
  step.looks -= static_cast<int>(found.looks);
  if (found.again) return Freed::kAgain;
  if (found.none()) return Freed::kNone;
  --step.removals;
  search.evicted_units += units_for(found.entry->bytes);
  ++evictions_;
  remove(*found.entry);
  return Freed::kSome;
}

/// Removes a page of the emptiest chunk.
Catalog::Freed Catalog::empty_a_chunk(Step& step) {
  DiskEntry* entry = space_.page_to_empty();
  if (entry == nullptr) return Freed::kNone;
  if (step.is_done()) return Freed::kAgain;
  --step.removals;
  if (entry->listed == 0 || entry->holders > 0) {
    space_.give_up_emptying();
    return Freed::kSome;
  }
  ++evictions_;
  remove(*entry);
  return Freed::kSome;
}

Catalog::Freed Catalog::free_one(uint32_t units, SpaceSearch& search, Step& step) {
  const bool scattered = search.evicted_units >= ExtentAllocator::kUnitsPerChunk ||
                         space_.free_units() > units + space_.units() / kScatteredShare;
  Freed freed = remove_superseded(step);
  if (freed == Freed::kNone && scattered) freed = empty_a_chunk(step);
  if (freed == Freed::kNone) freed = evict_one(search, step);
  return freed;
}

std::optional<NotPlaced> Catalog::make_room(SpaceSearch& search, Step& step) {
  while (over_limits()) {
    Freed freed = remove_superseded(step);
    if (freed == Freed::kNone) freed = evict_one(search, step);
    if (freed != Freed::kSome) return not_placed(freed);
  }
  return std::nullopt;
}

/// Frees about `units` units, or a run of them.
std::optional<NotPlaced> Catalog::free_units(uint32_t units, SpaceSearch& search, Step& step) {
  if (units == ExtentAllocator::kUnitsPerChunk && space_.fixed_chunks() == space_.chunks()) {
    return NotPlaced::kNoSpace;
  }
  const uint32_t enough = space_.free_units() + units;
  while (space_.free_units() < enough && !space_.has_run(units, spare_for(search))) {
    const Freed freed = free_one(units, search, step);
    if (freed != Freed::kSome) return not_placed(freed);
  }
  return std::nullopt;
}

/// A placement takes the spare chunks once it has evicted their worth.
uint32_t Catalog::spare_for(const SpaceSearch& search) const {
  return search.evicted_units < ExtentAllocator::kUnitsPerChunk ? spare_chunks_ : 0;
}

std::expected<DiskEntry*, NotPlaced> Catalog::place(const PlaceRequest& request,
                                                    SpaceSearch& search) {
  if (space_.settle()) return std::unexpected(NotPlaced::kAgain);
  Step step;
  if (const auto failed = make_room(search, step)) return std::unexpected(*failed);
  const uint32_t units = units_for(request.bytes);
  ExtentList extents;
  bool is_kept = false;
  if (request.keep) {
    const KeptSpace space = place_kept(request.bytes, extents, search, step);
    if (space == KeptSpace::kAgain) return std::unexpected(NotPlaced::kAgain);
    is_kept = space == KeptSpace::kTaken;
  }
  while (!is_kept && !space_.allocate(units, extents, spare_for(search))) {
    if (const auto failed = free_units(units, search, step)) return std::unexpected(*failed);
  }
  DiskObject& object = object_of(request);  // may remove older generations
  DiskEntry& entry = *DiskEntry::make(request.bytes, extents).release();
  entry.at = request.at;
  entry.generation = ++generation_;
  entry.holders = 1;
  attach(entry, object);
  space_.own(entry);
  entry.keep = request.keep ? 1 : 0;
  if (is_kept) kept_.set(entry, true);
  return &entry;
}

std::expected<DiskExtent, NotPlaced> Catalog::place_segment(uint32_t units, SpaceSearch& search) {
  if (space_.settle()) return std::unexpected(NotPlaced::kAgain);
  Step step;
  while (true) {
    if (const auto run = space_.allocate_run(units)) return *run;
    if (const auto failed = free_units(units, search, step)) return std::unexpected(*failed);
  }
}

bool Catalog::prepare() {
  if (space_.settle()) return true;
  Step step;
  while (superseded_ != nullptr || space_.free_chunks() < spare_chunks_) {
    const Freed freed = free_one(ExtentAllocator::kUnitsPerChunk, ahead_, step);
    if (freed != Freed::kSome) return freed == Freed::kAgain;
  }
  ahead_ = {};
  return false;
}

}  // namespace cachey::store
