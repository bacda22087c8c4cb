#include "store/disk/extent_allocator.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace cachey::store {
namespace {

static_assert(ExtentAllocator::kUnitsPerChunk <= UINT16_MAX, "PageExtent has 16 bits");

// A list of owners grows by a quarter: a list of twice the size would be half empty for long.
constexpr size_t kOwnersGrowth = 4;

// A step of settle(): looks at chunks; a chunk that changes costs as much as some looks.
constexpr int kSettleLooks = 4096;
constexpr int kSettleChangeLooks = 16;
// Chunks in which a unit for a probe is looked for.
constexpr uint32_t kAvoidedLooks = 64;

}  // namespace

ExtentAllocator::ExtentAllocator(uint32_t first_unit, uint32_t end_unit)
    : first_unit_(first_unit),
      end_unit_(end_unit),
      regions_(first_unit, end_unit),
      free_units_(end_unit - first_unit),
      chunks_((units() + kUnitsPerChunk - 1) / kUnitsPerChunk),
      runs_(chunks(), 2 * kUnitsPerChunk),
      uses_(chunks(), kUnitsPerChunk) {
  CHECK(first_unit < end_unit);
  free_chunks_ = chunks();
  settled_ = chunks();
  for (uint32_t chunk = chunks(); chunk-- > 0;) relist(chunk);
  const uint32_t in_last = units() - (chunks() - 1) * kUnitsPerChunk;
  if (in_last == kUnitsPerChunk) return;
  share(chunks() - 1);  // units past the end count as taken
  mark(chunks() - 1, in_last, kUnitsPerChunk - in_last, Mark::kTaken);
  free_units_ += kUnitsPerChunk - in_last;  // mark() subtracted units that were never counted
  relist(chunks() - 1);
}

ExtentAllocator::~ExtentAllocator() = default;

uint32_t ExtentAllocator::chunk_of(uint32_t unit) const {
  return (unit - first_unit_) / kUnitsPerChunk;
}

void ExtentAllocator::share(uint32_t chunk) {
  CHECK(chunks_[chunk].state == State::kFree);
  chunks_[chunk].state = State::kShared;
  chunks_[chunk].shared = std::make_unique<Shared>();
  ++shared_chunks_;
  count_free_chunks(chunks_[chunk], -1);
}

void ExtentAllocator::count_free_units(const Chunk& chunk, int64_t change) {
  uint32_t& count = chunk.avoided ? avoided_free_units_ : free_units_;
  count = static_cast<uint32_t>(count + change);
}

void ExtentAllocator::count_free_chunks(const Chunk& chunk, int change) {
  if (!chunk.avoided) free_chunks_ = static_cast<uint32_t>(int64_t{free_chunks_} + change);
}

void ExtentAllocator::avoid(uint64_t regions) {
  if (regions == avoid_) return;
  avoid_ = regions;
  settled_ = 0;
}

bool ExtentAllocator::settle() {
  for (int looks = kSettleLooks; looks > 0 && settled_ < chunks(); --looks, ++settled_) {
    const bool avoided = avoids(first_unit_ + settled_ * kUnitsPerChunk);
    if (avoided == chunks_[settled_].avoided) continue;
    set_avoided(settled_, avoided);
    looks -= kSettleChangeLooks;
  }
  return settled_ < chunks();
}

void ExtentAllocator::set_avoided(uint32_t chunk, bool avoided) {
  Chunk& info = chunks_[chunk];
  const int chunks_free = info.state == State::kFree ? 1 : 0;
  count_free_units(info, -int64_t{info.free});
  count_free_chunks(info, -chunks_free);
  info.avoided = avoided;
  count_free_units(info, info.free);
  count_free_chunks(info, chunks_free);
  if (emptying_ == chunk) emptying_.reset();
  relist(chunk);
}

std::optional<DiskExtent> ExtentAllocator::take_avoided(uint32_t unit) {
  const uint32_t first = chunk_of(unit);
  const uint32_t end = std::min(chunks(), first + kAvoidedLooks);
  for (uint32_t chunk = first; chunk < end; ++chunk) {
    if (!avoids(first_unit_ + chunk * kUnitsPerChunk)) break;
    if (chunks_[chunk].free == 0 || chunk == emptying_) continue;
    if (chunks_[chunk].state == State::kFree) share(chunk);
    return take_in(chunk, 1);
  }
  return std::nullopt;
}

void ExtentAllocator::mark(uint32_t chunk, uint32_t begin, uint32_t units, Mark as) {
  std::array<uint64_t, kUnitsPerChunk / 64>& words = chunks_[chunk].shared->taken;
  for (uint32_t at = begin; at < begin + units;) {
    const uint32_t bit = at % 64;
    const uint32_t count = std::min(64 - bit, begin + units - at);
    const uint64_t mask = (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << bit;
    CHECK((words[at / 64] & mask) == (as == Mark::kTaken ? 0 : mask));
    words[at / 64] ^= mask;
    at += count;
  }
  const int change = as == Mark::kTaken ? -static_cast<int>(units) : static_cast<int>(units);
  chunks_[chunk].free = static_cast<uint16_t>(chunks_[chunk].free + change);
  count_free_units(chunks_[chunk], change);
}

/// The first free run of at least `units` units; if there is none, the longest: begin and length.
std::pair<uint32_t, uint32_t> ExtentAllocator::find_run(const Shared& shared, uint32_t units) {
  std::pair<uint32_t, uint32_t> longest{0, 0};
  uint32_t begin = 0;
  uint32_t length = 0;
  auto ends = [&] {
    if (length > longest.second) longest = {begin, length};
    length = 0;
    return longest.second >= units;
  };
  for (uint32_t word = 0; word < shared.taken.size(); ++word) {
    uint64_t taken = shared.taken[word];
    uint32_t left = 64;
    while (left > 0) {
      const auto free = std::min(left, static_cast<uint32_t>(std::countr_zero(taken)));
      if (free > 0) {
        if (length == 0) begin = word * 64 + (64 - left);
        length += free;
        left -= free;
        if (left == 0) break;
        taken >>= free;
      }
      if (ends()) return longest;
      const auto used = std::min(left, static_cast<uint32_t>(std::countr_one(taken)));
      left -= used;
      if (left > 0) taken >>= used;
    }
  }
  (void)ends();
  return longest;
}

/// The chunk's free units have changed.
void ExtentAllocator::relist(uint32_t chunk) {
  const Chunk& info = chunks_[chunk];
  uint32_t run = 0;
  if (info.state == State::kFree) run = kUnitsPerChunk;
  if (info.state == State::kShared && chunk != emptying_ && !info.avoided) {
    run = find_run(*info.shared, kUnitsPerChunk + 1).second;
  }
  if (info.avoided) run = 0;
  if (run > 0 && info.kept > 0) run += kUnitsPerChunk;
  runs_.set(chunk, run);
  relist_use(chunk);
}

/// The chunk's free units or their owners have changed.
void ExtentAllocator::relist_use(uint32_t chunk) {
  Chunk& info = chunks_[chunk];
  const uint32_t taken = kUnitsPerChunk - info.free;
  const bool fixed =
      info.avoided || (info.state == State::kShared && (info.owned != taken || info.kept > 0));
  fixed_chunks_ = fixed_chunks_ + (fixed ? 1 : 0) - (info.fixed ? 1 : 0);
  info.fixed = fixed;
  const bool to_empty = info.state == State::kShared && !fixed && chunk != emptying_;
  uses_.set(chunk, to_empty ? taken : 0);
}

DiskExtent ExtentAllocator::take_in(uint32_t chunk, uint32_t units) {
  const auto [begin, length] = find_run(*chunks_[chunk].shared, units);
  CHECK(length >= units);
  mark(chunk, begin, units, Mark::kTaken);
  relist(chunk);
  return DiskExtent{first_unit_ + chunk * kUnitsPerChunk + begin, units};
}

/// The chunk for a run of this length, or null.
std::optional<uint32_t> ExtentAllocator::tightest(uint32_t units, uint32_t spare) const {
  const std::optional<uint32_t> chunk = runs_.at_least(units);
  if (!chunk || runs_.value(*chunk) > kUnitsPerChunk) return std::nullopt;  // or for kept ones
  if (units == kUnitsPerChunk) return chunk;
  if (chunks_[*chunk].state == State::kFree && free_chunks_ <= spare) return std::nullopt;
  return chunk;
}

bool ExtentAllocator::has_run(uint32_t units, uint32_t spare) const {
  return tightest(units, spare).has_value();
}

std::optional<DiskExtent> ExtentAllocator::allocate_run(uint32_t units, uint32_t spare) {
  CHECK(units > 0 && units <= kUnitsPerChunk);
  const std::optional<uint32_t> chunk = tightest(units, spare);
  if (!chunk) return std::nullopt;
  if (units < kUnitsPerChunk) {
    if (chunks_[*chunk].state == State::kFree) share(*chunk);
    return take_in(*chunk, units);
  }
  const DiskExtent whole{first_unit_ + *chunk * kUnitsPerChunk, units};
  CHECK(take(whole));
  relist(*chunk);
  return whole;
}

bool ExtentAllocator::allocate(uint32_t units, ExtentList& out, uint32_t spare) {
  if (units > free_units_) return false;
  const size_t before = out.size();
  while (out.size() < kExtentsMax) {
    if (const std::optional<DiskExtent> rest = allocate_run(units, spare)) {
      out.push_back(*rest);
      return true;
    }
    const std::optional<uint32_t> longest = runs_.at_most(kUnitsPerChunk - 1);
    if (!longest) break;
    const uint32_t piece = runs_.value(*longest) / kUnitsPerBlock * kUnitsPerBlock;
    if (piece == 0) break;
    out.push_back(take_in(*longest, piece));
    units -= piece;
  }
  while (out.size() > before) {
    release(out.back());
    out.pop_back();
  }
  return false;
}

/// A chunk with kept entries that has a free run of this length.
std::optional<uint32_t> ExtentAllocator::kept_run(uint32_t units) const {
  return units >= kUnitsPerChunk ? std::nullopt : runs_.at_least(kUnitsPerChunk + units);
}

bool ExtentAllocator::allocate_kept(uint32_t units, ExtentList& out) {
  if (const std::optional<uint32_t> chunk = kept_run(units)) {
    out.push_back(take_in(*chunk, units));
    return true;
  }
  const std::optional<uint32_t> chunk = tightest(kUnitsPerChunk, 0);
  if (!chunk) return false;
  if (units == kUnitsPerChunk) {
    const std::optional<DiskExtent> whole = allocate_run(units);
    CHECK(whole);
    out.push_back(*whole);
  } else {
    share(*chunk);
    out.push_back(take_in(*chunk, units));
  }
  return true;
}

void ExtentAllocator::set_kept(const DiskEntry& entry, int change) {
  for (const PageExtent& extent : entry.page_extents()) {
    const uint32_t at = chunk_of(extent.first);
    Chunk& chunk = chunks_[at];
    const bool before = chunk.kept > 0;
    chunk.kept = static_cast<uint16_t>(chunk.kept + change);
    kept_chunks_ = kept_chunks_ + (chunk.kept > 0 ? 1 : 0) - (before ? 1 : 0);
    if (chunk.kept > 0 && emptying_ == at) emptying_.reset();
    if (before != (chunk.kept > 0)) relist(at);
  }
}

uint32_t ExtentAllocator::chunks_to_keep(const DiskEntry& entry) const {
  const auto is_new = [this](const PageExtent& extent) {
    return chunks_[chunk_of(extent.first)].kept == 0;
  };
  return static_cast<uint32_t>(std::ranges::count_if(entry.page_extents(), is_new));
}

bool ExtentAllocator::take(DiskExtent extent) {
  if (extent.first < first_unit_ || extent.units == 0 ||
      uint64_t{extent.first} + extent.units > end_unit_) {
    return false;
  }
  const uint32_t at = chunk_of(extent.first);
  Chunk& chunk = chunks_[at];
  const uint32_t begin = (extent.first - first_unit_) % kUnitsPerChunk;
  if (begin + extent.units > kUnitsPerChunk || chunk.state == State::kWhole) return false;
  if (chunk.state == State::kFree && extent.units == kUnitsPerChunk) {
    chunk.state = State::kWhole;
    chunk.free = 0;
    count_free_units(chunk, -int64_t{extent.units});
    count_free_chunks(chunk, -1);
    return true;
  }
  if (chunk.state == State::kFree) share(at);
  for (uint32_t unit = begin; unit < begin + extent.units; ++unit) {
    if ((chunk.shared->taken[unit / 64] >> (unit % 64) & 1) != 0) return false;
  }
  mark(at, begin, extent.units, Mark::kTaken);
  return true;
}

void ExtentAllocator::finish_taking() {
  for (uint32_t chunk = chunks(); chunk-- > 0;) relist(chunk);
}

void ExtentAllocator::release(DiskExtent extent) {
  const uint32_t at = chunk_of(extent.first);
  Chunk& chunk = chunks_[at];
  if (chunk.state == State::kWhole) {
    CHECK(extent.units == kUnitsPerChunk);
    count_free_units(chunk, extent.units);
  } else {
    CHECK(chunk.state == State::kShared);
    mark(at, (extent.first - first_unit_) % kUnitsPerChunk, extent.units, Mark::kFree);
    if (chunk.free < kUnitsPerChunk) return relist(at);
    owners_max_ -= chunk.shared->owners.capacity();
    chunk.shared.reset();
    --shared_chunks_;
    if (emptying_ == at) emptying_.reset();
  }
  chunk.state = State::kFree;
  chunk.free = kUnitsPerChunk;
  count_free_chunks(chunk, 1);
  relist(at);
}

void ExtentAllocator::add_owner(Shared& shared, DiskEntry& owner, PageExtent& extent) {
  std::vector<DiskEntry*>& owners = shared.owners;
  extent.slot = static_cast<uint16_t>(owners.size());
  if (owners.size() == owners.capacity()) {
    owners_max_ -= owners.capacity();
    owners.reserve(owners.size() + owners.size() / kOwnersGrowth + kOwnersGrowth);
    owners_max_ += owners.capacity();
  }
  owners.push_back(&owner);
}

void ExtentAllocator::own(DiskEntry& owner) {
  for (PageExtent& extent : owner.page_extents()) {
    const uint32_t at = chunk_of(extent.first);
    Chunk& chunk = chunks_[at];
    if (chunk.state != State::kShared) continue;
    add_owner(*chunk.shared, owner, extent);
    chunk.owned = static_cast<uint16_t>(chunk.owned + extent.units);
    relist_use(at);
  }
}

void ExtentAllocator::disown(DiskEntry& owner) {
  for (PageExtent& extent : owner.page_extents()) {
    const uint32_t at = chunk_of(extent.first);
    Chunk& chunk = chunks_[at];
    if (chunk.state != State::kShared) continue;
    std::vector<DiskEntry*>& owners = chunk.shared->owners;
    CHECK(owners[extent.slot] == &owner);
    const auto last = static_cast<uint16_t>(owners.size() - 1);
    for (PageExtent& moved : owners[last]->page_extents()) {
      if (moved.slot == last && chunk_of(moved.first) == at) moved.slot = extent.slot;
    }
    owners[extent.slot] = owners[last];
    owners.pop_back();
    chunk.owned = static_cast<uint16_t>(chunk.owned - extent.units);
  }
}

DiskEntry* ExtentAllocator::page_to_empty() {
  if (!emptying_) {
    emptying_ = uses_.at_least(1);
    if (!emptying_) return nullptr;
    relist(*emptying_);
  }
  return chunks_[*emptying_].shared->owners.back();
}

void ExtentAllocator::give_up_emptying() {
  CHECK(emptying_);
  const uint32_t chunk = *std::exchange(emptying_, std::nullopt);
  relist(chunk);
  uses_.set(chunk, 0);
}

size_t ExtentAllocator::memory_bytes() const {
  return chunks_.size() * sizeof(Chunk) + runs_.memory_bytes() + uses_.memory_bytes() +
         shared_chunks_ * sizeof(Shared) + owners_max_ * sizeof(DiskEntry*);
}

}  // namespace cachey::store
