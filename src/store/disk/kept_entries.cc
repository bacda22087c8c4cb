#include "store/disk/kept_entries.h"

#include <algorithm>

namespace cachey::store {
namespace {

// Of a record: names and version of a usual length, and what a block of records loses at its end.
constexpr size_t kKeptNamesBytes = 512;
// Chunks without kept entries: for the journal, for the end of the space, which is no whole chunk,
// and for pages that come and go. A store with no more chunks keeps nothing.
constexpr uint32_t kOtherChunksMin = 6;

size_t kept_record_bytes(uint32_t bytes) {
  return kKeptNamesBytes + blocks_for(bytes) * sizeof(uint64_t);
}

}  // namespace

uint64_t KeptEntries::units_max() const {
  return std::min<uint64_t>(units_limit_, space_.units() / 2);
}

bool KeptEntries::has_room_for(const Needs& needs) const {
  constexpr uint64_t kPerChunk = ExtentAllocator::kUnitsPerChunk;
  const uint32_t chunks = space_.chunks();
  const uint64_t chunks_max =
      std::min<uint64_t>({(units_max() + kPerChunk - 1) / kPerChunk, chunks / 2,
                          chunks - std::min(chunks, kOtherChunksMin)});
  return chunks_max > 0 && units_ + needs.units <= units_max() &&
         (needs.chunks == 0 || space_.kept_chunks() + needs.chunks <= chunks_max) &&
         memory_ + needs.memory <= memory_max_ &&
         records_ + needs.record <= journal_.half_of_live_max();
}

bool KeptEntries::has_room_for(const DiskEntry& entry) const {
  return has_room_for(Needs{units_for(entry.bytes), space_.chunks_to_keep(entry),
                            entry.memory_bytes(), kept_record_bytes(entry.bytes)});
}

bool KeptEntries::has_room_for(uint32_t bytes) const {
  const size_t record = kept_record_bytes(bytes);
  const uint32_t units = units_for(bytes);
  return has_room_for(
      Needs{units, space_.chunks_to_keep(units), sizeof(DiskEntry) + record, record});
}

void KeptEntries::set(DiskEntry& entry, bool kept) {
  const uint64_t units = units_for(entry.bytes);
  const size_t memory = entry.memory_bytes();
  const size_t record = kept_record_bytes(entry.bytes);
  entry.kept = kept ? 1 : 0;
  if (kept) {
    space_.keep(entry);
    units_ += units;
    memory_ += memory;
    records_ += record;
  } else {
    space_.unkeep(entry);
    units_ -= units;
    memory_ -= memory;
    records_ -= record;
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
