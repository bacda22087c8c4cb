#include "store/disk/extent_allocator.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr size_t kOwnersBytes = 64;  // a chunk's list of owners, about

}  // namespace

ExtentAllocator::ExtentAllocator(uint32_t first_unit, uint32_t end_unit)
    : first_unit_(first_unit), end_unit_(end_unit), free_units_(end_unit - first_unit) {
  CHECK(first_unit < end_unit);
  const uint32_t chunks = (units() + kUnitsPerChunk - 1) / kUnitsPerChunk;
  info_.resize(chunks);
  chunks_.resize(chunks);
  const uint32_t in_last = units() - (chunks - 1) * kUnitsPerChunk;
  for (uint32_t chunk = chunks; chunk-- > 0;) free_chunks_.push_back(chunk);
  if (in_last == kUnitsPerChunk) return;
  share(chunks - 1);  // units past the end count as taken
  mark(chunks - 1, in_last, kUnitsPerChunk - in_last, Mark::kTaken);
  free_units_ += kUnitsPerChunk - in_last;  // mark() subtracted units that were never counted
  relist(chunks - 1);
}

ExtentAllocator::~ExtentAllocator() = default;

uint32_t ExtentAllocator::chunk_of(uint32_t unit) const {
  return (unit - first_unit_) / kUnitsPerChunk;
}

void ExtentAllocator::share(uint32_t chunk) {
  CHECK(info_[chunk].state == State::kFree);
  info_[chunk].state = State::kShared;
  chunks_[chunk] = std::make_unique<Chunk>();
  ++shared_chunks_;
}

void ExtentAllocator::mark(uint32_t chunk, uint32_t begin, uint32_t units, Mark as) {
  std::array<uint64_t, kUnitsPerChunk / 64>& words = chunks_[chunk]->taken;
  for (uint32_t at = begin; at < begin + units;) {
    const uint32_t bit = at % 64;
    const uint32_t count = std::min(64 - bit, begin + units - at);
    const uint64_t mask = (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << bit;
    CHECK((words[at / 64] & mask) == (as == Mark::kTaken ? 0 : mask));
    words[at / 64] ^= mask;
    at += count;
  }
  const int change = as == Mark::kTaken ? -static_cast<int>(units) : static_cast<int>(units);
  info_[chunk].free = static_cast<uint16_t>(info_[chunk].free + change);
  free_units_ = static_cast<uint32_t>(static_cast<int64_t>(free_units_) + change);
}

/// The first free run of at least `units` units; if there is none, the longest: begin and length.
std::pair<uint32_t, uint32_t> ExtentAllocator::find_run(const Chunk& chunk, uint32_t units) {
  std::pair<uint32_t, uint32_t> longest{0, 0};
  uint32_t begin = 0;
  uint32_t length = 0;
  auto ends = [&] {
    if (length > longest.second) longest = {begin, length};
    length = 0;
    return longest.second >= units;
  };
  for (uint32_t word = 0; word < chunk.taken.size(); ++word) {
    uint64_t taken = chunk.taken[word];
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

void ExtentAllocator::relist(uint32_t chunk) {
  ChunkInfo& info = info_[chunk];
  if (info.longest > 0) by_longest_.erase({info.longest, chunk});
  info.longest = 0;
  if (info.state != State::kShared) return;
  info.longest = static_cast<uint16_t>(find_run(*chunks_[chunk], kUnitsPerChunk + 1).second);
  if (info.longest > 0) by_longest_.insert({info.longest, chunk});
}

DiskExtent ExtentAllocator::take_in(uint32_t chunk, uint32_t units) {
  const auto [begin, length] = find_run(*chunks_[chunk], units);
  CHECK(length >= units);
  mark(chunk, begin, units, Mark::kTaken);
  relist(chunk);
  return DiskExtent{first_unit_ + chunk * kUnitsPerChunk + begin, units};
}

std::optional<DiskExtent> ExtentAllocator::allocate_run(uint32_t units) {
  CHECK(units > 0 && units <= kUnitsPerChunk);
  const auto tightest = by_longest_.lower_bound({static_cast<uint16_t>(units), 0});
  if (tightest != by_longest_.end()) return take_in(tightest->second, units);
  while (!free_chunks_.empty()) {
    const uint32_t chunk = free_chunks_.back();
    free_chunks_.pop_back();
    if (info_[chunk].state != State::kFree) continue;
    if (units == kUnitsPerChunk) {
      info_[chunk].state = State::kWhole;
      info_[chunk].free = 0;
      free_units_ -= units;
      return DiskExtent{first_unit_ + chunk * kUnitsPerChunk, units};
    }
    share(chunk);
    return take_in(chunk, units);
  }
  return std::nullopt;
}

bool ExtentAllocator::allocate(uint32_t units, ExtentList& out) {
  if (units > free_units_) return false;
  const size_t before = out.size();
  while (out.size() < kExtentsMax) {
    if (const std::optional<DiskExtent> rest = allocate_run(units)) {
      out.push_back(*rest);
      return true;
    }
    if (by_longest_.empty()) break;
    const auto [longest, chunk] = *by_longest_.rbegin();
    const uint32_t piece = longest / kUnitsPerBlock * kUnitsPerBlock;
    if (piece == 0) break;
    out.push_back(take_in(chunk, piece));
    units -= piece;
  }
  while (out.size() > before) {
    release(out.back());
    out.pop_back();
  }
  return false;
}

bool ExtentAllocator::take(DiskExtent extent) {
  if (extent.first < first_unit_ || extent.units == 0 ||
      uint64_t{extent.first} + extent.units > end_unit_) {
    return false;
  }
  const uint32_t chunk = chunk_of(extent.first);
  const uint32_t begin = (extent.first - first_unit_) % kUnitsPerChunk;
  if (begin + extent.units > kUnitsPerChunk) return false;
  if (info_[chunk].state == State::kWhole) return false;
  if (info_[chunk].state == State::kFree && extent.units == kUnitsPerChunk) {
    info_[chunk].state = State::kWhole;
    info_[chunk].free = 0;
    free_units_ -= extent.units;
    return true;
  }
  if (info_[chunk].state == State::kFree) share(chunk);
  for (uint32_t unit = begin; unit < begin + extent.units; ++unit) {
    if ((chunks_[chunk]->taken[unit / 64] >> (unit % 64) & 1) != 0) return false;
  }
  mark(chunk, begin, extent.units, Mark::kTaken);
  return true;
}

void ExtentAllocator::finish_taking() {
  for (uint32_t chunk = 0; chunk < info_.size(); ++chunk) relist(chunk);
}

void ExtentAllocator::release(DiskExtent extent) {
  const uint32_t chunk = chunk_of(extent.first);
  ChunkInfo& info = info_[chunk];
  if (info.state == State::kWhole) {
    CHECK(extent.units == kUnitsPerChunk);
    free_units_ += extent.units;
  } else {
    CHECK(info.state == State::kShared);
    mark(chunk, (extent.first - first_unit_) % kUnitsPerChunk, extent.units, Mark::kFree);
    if (info.free < kUnitsPerChunk) return relist(chunk);
    chunks_[chunk].reset();
    --shared_chunks_;
  }
  info.state = State::kFree;
  info.free = kUnitsPerChunk;
  relist(chunk);
  free_chunks_.push_back(chunk);
}

void ExtentAllocator::own(DiskExtent extent, DiskEntry* owner) {
  const uint32_t chunk = chunk_of(extent.first);
  if (info_[chunk].state == State::kShared) chunks_[chunk]->owners.push_back(owner);
}

void ExtentAllocator::disown(DiskExtent extent, DiskEntry* owner) {
  const uint32_t chunk = chunk_of(extent.first);
  if (info_[chunk].state != State::kShared) return;
  std::vector<DiskEntry*>& owners = chunks_[chunk]->owners;
  const auto at = std::ranges::find(owners, owner);
  CHECK(at != owners.end());
  *at = owners.back();
  owners.pop_back();
}

std::vector<DiskEntry*> ExtentAllocator::owners_of_emptiest_chunk() const {
  const Chunk* emptiest = nullptr;
  uint32_t most_free = 0;
  for (uint32_t chunk = 0; chunk < info_.size(); ++chunk) {
    if (info_[chunk].state != State::kShared || info_[chunk].free <= most_free) continue;
    if (chunks_[chunk]->owners.empty()) continue;
    emptiest = chunks_[chunk].get();
    most_free = info_[chunk].free;
  }
  return emptiest == nullptr ? std::vector<DiskEntry*>() : emptiest->owners;
}

size_t ExtentAllocator::memory_bytes() const {
  return info_.size() * (sizeof(ChunkInfo) + sizeof(chunks_[0]) + sizeof(uint32_t)) +
         shared_chunks_ * (sizeof(Chunk) + kOwnersBytes);
}

}  // namespace cachey::store
