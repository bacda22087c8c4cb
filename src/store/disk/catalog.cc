#include "store/disk/catalog.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace cachey::store {

namespace {

// If an allocation fails although more than 1 / kScatteredShare of the units are free, the emptiest
// chunk is emptied, whatever its pages' uses, instead of evicting more pages elsewhere.
constexpr uint32_t kScatteredShare = 32;

}  // namespace

Catalog::Catalog(CatalogLimits limits, Journal& journal)
    : limits_(limits), journal_(journal), space_(limits.first_unit, limits.end_unit) {}

Catalog::~Catalog() {
  for (DiskEntry* entry : pages_) {
    if (policy_.contains(*entry)) policy_.remove(*entry);
    DiskEntry::Free()(entry);
  }
}

size_t Catalog::Hash::operator()(const PageName& name) const {
  // The id is a cryptographic hash, so its low half is a good hash of the object.
  return page_hash(name.object.low, name.page);
}

size_t Catalog::Hash::operator()(const DiskEntry* entry) const {
  return (*this)(PageName{entry->object, entry->page});
}

DiskEntry* Catalog::find(const ObjectId& object, uint32_t page) const {
  const auto found = pages_.find(PageName{object, page});
  return found == pages_.end() ? nullptr : *found;
}

DiskEntry* Catalog::any_page_of(const ObjectId& object) const {
  const auto found = objects_.find(object);
  return found == objects_.end() ? nullptr : found->second;
}

ObjectSourcePtr Catalog::source_of(const ObjectId& object, const ObjectInfo& info,
                                   std::string_view bucket) const {
  const DiskEntry* other = any_page_of(object);
  if (other != nullptr && other->source->bucket == bucket &&
      other->source->info.same_version(info) && other->source->info.etag == info.etag) {
    return other->source;
  }
  return std::make_shared<const ObjectSource>(info, std::string(bucket));
}

void Catalog::index(DiskEntry& entry) {
  pages_.insert(&entry);
  DiskEntry*& first = objects_[entry.object];
  entry.next_page = first;
  if (first != nullptr) first->previous_page = &entry;
  first = &entry;
  entry.listed = true;
  payload_bytes_ += entry.bytes;
  entries_bytes_ += entry.memory_bytes();
}

void Catalog::unindex(DiskEntry& entry) {
  pages_.erase(&entry);
  if (entry.next_page != nullptr) entry.next_page->previous_page = entry.previous_page;
  if (entry.previous_page != nullptr) {
    entry.previous_page->next_page = entry.next_page;
  } else if (entry.next_page != nullptr) {
    objects_[entry.object] = entry.next_page;
  } else {
    objects_.erase(entry.object);
  }
  entry.next_page = entry.previous_page = nullptr;
  entry.listed = false;
  payload_bytes_ -= entry.bytes;
  entries_bytes_ -= entry.memory_bytes();
}

void Catalog::destroy(DiskEntry& entry) {
  for (const DiskExtent& extent : entry.extents()) {
    space_.disown(extent, &entry);
    space_.release(extent);
  }
  DiskEntry::Free()(&entry);
}

void Catalog::release(DiskEntry& entry) {
  CHECK(entry.holders > 0);
  if (--entry.holders > 0) return;
  if (!entry.listed) return destroy(entry);
  if (policy_.is_set_aside(entry)) policy_.put_back(entry);
}

void Catalog::remove(DiskEntry& entry) {
  CHECK(entry.listed);
  if (policy_.contains(entry)) policy_.remove(entry);
  journal_.removed(entry);
  unindex(entry);
  if (entry.holders == 0) destroy(entry);
}

void Catalog::remove_versions(const ObjectId& object, const ObjectInfo* keep) {
  for (DiskEntry* entry = any_page_of(object); entry != nullptr;) {
    DiskEntry* next = entry->next_page;
    if (keep == nullptr || !entry->source->info.same_version(*keep)) remove(*entry);
    entry = next;
  }
}

bool Catalog::evict_one() {
  auto verdict = [](const DiskEntry& entry) {
    return entry.holders == 0 ? Verdict::kEvict : Verdict::kSetAside;
  };
  Victim<DiskEntry> found;
  do found = policy_.victim(verdict);
  while (found.again);
  if (found.none()) return false;
  ++evictions_;
  remove(*found.entry);
  return true;
}

bool Catalog::empty_a_chunk() {
  std::vector<DiskEntry*> owners = space_.owners_of_emptiest_chunk();
  std::ranges::sort(owners);  // a page may own several extents of the chunk
  const auto repeated = std::ranges::unique(owners);
  owners.erase(repeated.begin(), repeated.end());
  bool any = false;
  for (DiskEntry* entry : owners) {
    if (!entry->listed || entry->holders > 0) continue;
    ++evictions_;
    remove(*entry);
    any = true;
  }
  return any;
}

bool Catalog::make_room() {
  while (memory_bytes() > limits_.memory_bytes_max || journal_.is_full()) {
    if (!evict_one()) return false;
  }
  return true;
}

DiskEntry* Catalog::place(const ObjectId& object, uint32_t page, uint32_t bytes,
                          ObjectSourcePtr source) {
  if (!make_room()) return nullptr;
  ExtentList extents;
  const uint32_t units = units_for(bytes);
  while (!space_.allocate(units, extents)) {
    const bool scattered = space_.free_units() > units + space_.units() / kScatteredShare;
    if (scattered && empty_a_chunk()) continue;
    if (!evict_one()) return nullptr;
  }
  DiskEntry::Owned made = DiskEntry::make(bytes, extents.size());
  std::ranges::copy(extents, made->extents().begin());
  DiskEntry& entry = *made.release();
  entry.object = object;
  entry.page = page;
  entry.generation = ++generation_;
  entry.source = std::move(source);
  entry.holders = 1;
  for (const DiskExtent& extent : entry.extents()) space_.own(extent, &entry);
  return &entry;
}

std::optional<DiskExtent> Catalog::place_segment(uint32_t units) {
  while (true) {
    if (std::optional<DiskExtent> run = space_.allocate_run(units)) return run;
    const bool scattered = space_.free_units() > units + space_.units() / kScatteredShare;
    if (scattered && empty_a_chunk()) continue;
    if (!evict_one()) return std::nullopt;
  }
}

void Catalog::list(DiskEntry& entry, std::string record) {
  remove_versions(entry.object, &entry.source->info);
  if (DiskEntry* before = find(entry.object, entry.page)) remove(*before);
  index(entry);
  journal_.put(entry, std::move(record));
  policy_.insert(entry);
}

void Catalog::reserve(size_t pages) {
  pages_.reserve(pages);
  objects_.reserve(pages);
  restored_.reserve(pages);
}

void Catalog::restore(DiskEntry::Owned restored) {
  generation_ = std::max(generation_, restored->generation);
  DiskEntry* other = any_page_of(restored->object);
  if (other != nullptr) {
    if (DiskEntry* before = find(restored->object, restored->page)) {
      if (before->generation == restored->generation) {
        before->journal_block = restored->journal_block;  // a copy of the same record
        return;
      }
      if (before->generation > restored->generation) return;
      if (before == other) other = before->next_page;
      unindex(*before);
    }
    const ObjectSource& source = *restored->source;
    restored->source = source_of(restored->object, source.info, source.bucket);
  }
  while (other != nullptr) {
    DiskEntry* next = other->next_page;
    if (!other->source->info.same_version(restored->source->info)) {
      if (other->generation > restored->generation) return;
      unindex(*other);
    }
    other = next;
  }
  restored_.push_back(restored.get());
  index(*restored.release());
}

void Catalog::restore(const RemovalRecord& record) {
  generation_ = std::max(generation_, record.generation);
  DiskEntry* entry = find(record.object, record.page);
  if (entry != nullptr && entry->generation == record.generation) unindex(*entry);
}

void Catalog::restore(const ObjectRemovalRecord& record) {
  generation_ = std::max(generation_, record.generation);
  for (DiskEntry* entry = any_page_of(record.object); entry != nullptr;) {
    DiskEntry* next = entry->next_page;
    if (entry->generation <= record.generation) unindex(*entry);
    entry = next;
  }
}

size_t Catalog::finish_restoring(const std::vector<JournalSegment>& segments,
                                 uint32_t segment_units) {
  for (const JournalSegment& segment : segments) {
    (void)space_.take(DiskExtent{segment.first_unit, segment_units});
  }
  size_t left_out = 0;
  std::vector<DiskEntry*> order = std::exchange(restored_, {});
  for (size_t i = order.size(); i-- > 0;) {  // the newest first, so that it gets the space
    DiskEntry* entry = order[i];
    size_t taken = 0;
    while (entry->listed && taken < entry->extent_count && space_.take(entry->extents()[taken])) {
      ++taken;
    }
    if (taken == entry->extent_count) continue;
    while (taken > 0) space_.release(entry->extents()[--taken]);
    if (entry->listed) {
      unindex(*entry);
      ++left_out;
    }
    DiskEntry::Free()(entry);
    order[i] = nullptr;
  }
  space_.finish_taking();
  for (DiskEntry* entry : order) {
    if (entry == nullptr) continue;
    for (const DiskExtent& extent : entry->extents()) space_.own(extent, entry);
    journal_.restored(*entry);
    policy_.insert(*entry);
  }
  (void)make_room();
  return left_out;
}

void Catalog::for_each(const std::function<void(DiskEntry&)>& visit) const {
  for (DiskEntry* entry : pages_) visit(*entry);
}

}  // namespace cachey::store
