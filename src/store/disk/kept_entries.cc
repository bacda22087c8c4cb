#include "store/disk/kept_entries.h"

#include <algorithm>

namespace cachey::store {
namespace {

// Of a record that is not made yet: names and version of a usual length.
constexpr size_t kKeptNamesBytes = 512;
// Chunks without kept entries: for the journal, for the end of the space, which is no whole chunk,
// and for pages that come and go. A store with no more chunks keeps nothing.
constexpr uint32_t kOtherChunksMin = 6;

uint64_t kept_record_bytes(uint32_t bytes) {
  return kKeptNamesBytes + blocks_for(bytes) * sizeof(uint64_t);
}

}  // namespace

uint64_t KeptEntries::units_max() const {
  return std::min<uint64_t>(units_limit_, space_.units() / 2);
}

bool KeptEntries::is_past_limit(size_t each) const {
  return units_ > units_max() || entries_ * each > memory_max_ ||
         journal_.kept_bytes() > journal_.half_of_live_max();
}

bool KeptEntries::has_room_for(const Needs& needs) const {
  constexpr uint64_t kPerChunk = ExtentAllocator::kUnitsPerChunk;
  const uint32_t chunks = space_.chunks();
  const uint64_t chunks_max =
      std::min<uint64_t>({(units_max() + kPerChunk - 1) / kPerChunk, chunks / 2,
                          chunks - std::min(chunks, kOtherChunksMin)});
  return chunks_max > 0 && units_ + needs.units <= units_max() &&
         (needs.chunks == 0 || space_.kept_chunks() + needs.chunks <= chunks_max) &&
         (entries_ + 1) * needs.memory <= memory_max_ &&
         journal_.kept_bytes() + needs.record <= journal_.half_of_live_max();
}

bool KeptEntries::has_room_for(const DiskEntry& entry, size_t each) const {
  return has_room_for(Needs{units_for(entry.bytes), space_.chunks_to_keep(entry),
                            std::max(each, entry.memory_bytes()),
                            std::max(kept_record_bytes(entry.bytes), Journal::bytes_of(entry))});
}

bool KeptEntries::has_room_for(uint32_t bytes, size_t each) const {
  const uint64_t record = kept_record_bytes(bytes);
  const uint32_t units = units_for(bytes);
  return has_room_for(Needs{units, space_.chunks_to_keep(units),
                            std::max(each, sizeof(DiskEntry) + record), record});
}

void KeptEntries::set(DiskEntry& entry, bool kept) {
  const uint64_t units = units_for(entry.bytes);
  entry.kept = kept ? 1 : 0;
  if (kept) {
    space_.keep(entry);
    journal_.keep(entry);
    units_ += units;
    ++entries_;
  } else {
    space_.unkeep(entry);
    journal_.unkeep(entry);
    units_ -= units;
    --entries_;
  }
}

void KeptEntries::count(const DiskEntry& entry, bool counts) {
  const uint64_t change = counts ? 1 : UINT64_MAX;  // or -1
  if (entry.kept != 0) {
    pages_.pages += change;
    pages_.bytes += change * entry.bytes;
  } else if (entry.keep != 0) {
    pages_.over_limit_pages += change;
  }
}

}  // namespace cachey::store
