#include "store/disk/disk_index.h"

#include <algorithm>

namespace cachey::store {
namespace {

CatalogLimits limits_of(uint64_t capacity, size_t memory_bytes_max) {
  return CatalogLimits{units_for(kDataOffset), static_cast<uint32_t>(capacity / kUnitBytes),
                       memory_bytes_max};
}

}  // namespace

void DiskIndex::open(const Superblock& superblock, uint64_t capacity, uint64_t life,
                     size_t memory_bytes_max, size_t pending_bytes_max) {
  {
    const MutexLock lock(mutex);
    journal.emplace(StoreLife{superblock.store_id, life}, superblock.segment_units,
                    pending_bytes_max);
    catalog.emplace(limits_of(capacity, memory_bytes_max), *journal);
  }
  charge();
}

DiskIndex::~DiskIndex() { charge_(-charged_.load()); }

void DiskIndex::supersede(const ObjectId& object, const VersionChange& change) {
  catalog->supersede(object, change);
  const auto [begin, end] = writing_.equal_range(object);
  for (auto it = begin; it != end; ++it) {
    DiskWriting& writing = *it->second;
    const ObjectSource* seen = change.seen();
    if (change.ends(writing.source)) {
      writing.stale = true;
    } else if (seen != nullptr && seen->bucket == writing.source.bucket) {
      (void)take_answer(writing.source.info, seen->info);
    }
  }
}

std::vector<ObjectSourcePtr> DiskIndex::versions_of(const ObjectId& object) const {
  std::vector<ObjectSourcePtr> versions = catalog->versions_of(object);
  const auto [begin, end] = writing_.equal_range(object);
  for (auto it = begin; it != end; ++it) {
    const DiskWriting& writing = *it->second;
    const bool is_known = std::ranges::any_of(versions, [&writing](const ObjectSourcePtr& other) {
      return other->bucket == writing.source.bucket && other->same_version(writing.source);
    });
    if (!writing.stale && !is_known)
      versions.push_back(std::make_shared<const ObjectSource>(writing.source));
  }
  return versions;
}

void DiskIndex::begin(DiskWriting& writing) {
  const MutexLock lock(mutex);
  writing_.emplace(writing.object, &writing);
}

void DiskIndex::end(DiskWriting& writing) {
  const MutexLock lock(mutex);
  const auto [begin, end] = writing_.equal_range(writing.object);
  writing_.erase(
      std::find_if(begin, end, [&writing](const auto& entry) { return entry.second == &writing; }));
}

bool DiskIndex::is_listed(const DiskWriting& writing) {
  if (writing.at.is_part()) {
    return catalog->has_bytes(writing.object, writing.at, writing.bytes, writing.source);
  }
  const DiskEntry* there = catalog->find(writing.object, writing.at);
  return there != nullptr && !catalog->is_avoided(*there) &&
         there->object->source->same_version(writing.source);
}

bool DiskIndex::has(const DiskWriting& writing) {
  if (is_listed(writing)) return true;
  const auto [begin, end] = writing_.equal_range(writing.object);
  return std::any_of(begin, end, [&writing](const auto& entry) {
    const DiskWriting& other = *entry.second;
    const bool same = writing.at.is_part() ? other.at.has(other.bytes, writing.at, writing.bytes)
                                           : other.at == writing.at;
    return same && other.placed && !other.stale;
  });
}

void DiskIndex::release(DiskEntry& entry) {
  const MutexLock lock(mutex);
  catalog->release(entry);
}

std::shared_ptr<void> DiskIndex::keep(DiskEntry& entry, std::shared_ptr<void> memory) {
  struct Kept {
    const std::shared_ptr<void> memory;
    const DiskHold space;
  };
  {
    const MutexLock lock(mutex);
    catalog->hold(entry);
  }
  return std::make_shared<Kept>(std::move(memory), DiskHold(*this, entry));
}

void DiskIndex::forget(DiskEntry& entry) {
  const MutexLock lock(mutex);
  if (entry.listed != 0) catalog->remove(entry);
}

void DiskIndex::charge() {
  int64_t change = 0;
  {
    const MutexLock lock(mutex);
    const auto now = static_cast<int64_t>(catalog->memory_bytes() + journal->memory_bytes());
    change = now - charged_.exchange(now);
  }
  if (change != 0) charge_(change);
}

}  // namespace cachey::store
