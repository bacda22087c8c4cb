#include "store/disk/catalog.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::store {
namespace {

// Of chunks that are kept free ahead: enough for a page and a journal segment, but a small share.
constexpr uint32_t kSpareChunksMax = 2;
constexpr uint32_t kSpareShare = 256;

}  // namespace

Catalog::Catalog(CatalogLimits limits, Journal& journal)
    : limits_(limits),
      journal_(journal),
      space_(limits.first_unit, limits.end_unit),
      spare_chunks_(std::min(kSpareChunksMax, space_.chunks() / kSpareShare)),
      kept_(space_, journal_, limits.memory_bytes_max / kPagesShare / 2),
      fixed_bytes_(memory_bytes()) {}

Catalog::~Catalog() {
  restored_.clear();
  pages_.for_each([this](DiskEntry& entry) {
    if (policy_.contains(entry)) policy_.remove(entry);
    DiskEntry::Free()(&entry);
  });
  objects_.for_each([](DiskObject& object) { delete &object; });
  while (superseded_ != nullptr) delete std::exchange(superseded_, superseded_->next);
}

DiskObject* Catalog::find(const ObjectId& object, std::string_view bucket) const {
  return find_if(object,
                 [bucket](const DiskObject& other) { return other.source->bucket == bucket; });
}

DiskEntry* Catalog::find(const ObjectId& object, PageAt at) const {
  return pages_.find(PageTraits::hash(object, at), [&](const DiskEntry& entry) {
    return entry.at == at && entry.object->state == DiskObject::State::kCurrent &&
           entry.object->id == object;
  });
}

ObjectSourcePtr Catalog::version_of(const ObjectId& object) const {
  // Readers and writes may still hold the space of an object that has no page any more.
  const DiskObject* any =
      find_if(object, [](const DiskObject& other) { return other.pages != nullptr; });
  return any == nullptr ? nullptr : any->source;
}

std::vector<ObjectSourcePtr> Catalog::versions_of(const ObjectId& object) const {
  std::vector<ObjectSourcePtr> versions;
  (void)find_if(object, [&versions](const DiskObject& of) {
    if (of.pages != nullptr) versions.push_back(of.source);
    return false;
  });
  return versions;
}

/// The entry of the bucket that the page is of. Supersedes the pages that cannot stand beside it.
DiskObject& Catalog::object_of(const PlaceRequest& request) {
  supersede_old(request.object, VersionChange::observed(request.source));
  if (DiskObject* current = find(request.object, request.source.bucket)) {
    // The page's answer may be older than the object's.
    if (current->source->info.attributes == nullptr) take_answer(request.object, request.source);
    return *current;
  }
  supersede_one_too_many(request.object);
  auto made = std::make_unique<DiskObject>(request.object,
                                           std::make_shared<const ObjectSource>(request.source));
  DiskObject& object = *made;
  add_object(std::move(made));
  return object;
}

void Catalog::supersede_one_too_many(const ObjectId& object) {
  size_t buckets = 0;
  DiskObject* last =
      find_if(object, [&buckets](const DiskObject&) { return ++buckets == kBucketsMax; });
  if (last != nullptr) supersede(*last);
}

void Catalog::add_object(std::unique_ptr<DiskObject> object) {
  entries_bytes_ += object->memory_bytes();
  objects_.insert(*object.release());
}

void Catalog::free_object(DiskObject& object) {
  entries_bytes_ -= object.memory_bytes();
  if (object.attributes != nullptr) attributes_.release(*object.attributes);
  delete &object;
}

void Catalog::supersede(const ObjectId& object, const VersionChange& change) {
  const bool any = supersede_old(object, change);
  if (const ObjectSource* seen = change.seen()) take_answer(object, *seen);
  if (!any) return;
  Step step;
  while (remove_superseded(step) == Freed::kSome) {
  }
}

bool Catalog::supersede_old(const ObjectId& object, const VersionChange& change) {
  bool any = false;
  while (DiskObject* old = find_if(
             object, [&change](const DiskObject& other) { return change.ends(*other.source); })) {
    supersede(*old);
    any = true;
  }
  return any;
}

void Catalog::supersede(DiskObject& object) {
  objects_.erase(object);
  if (object.pages == nullptr) {
    object.state = DiskObject::State::kEmpty;
    return;
  }
  // Pages of the next version will be placed later, so they get higher generations.
  journal_.object_removed(object.id, object.source->bucket, generation_);
  object.state = DiskObject::State::kSuperseded;
  object.next = std::exchange(superseded_, &object);
}

void Catalog::attach(DiskEntry& entry, DiskObject& object) {
  entry.object = &object;
  ++object.entries;
  entries_bytes_ += entry.memory_bytes();
}

void Catalog::index(DiskEntry& entry) {
  pages_.insert(entry);
  DiskEntry*& first = entry.object->pages;
  entry.next_page = first;
  if (first != nullptr) first->previous_page = &entry;
  first = &entry;
  entry.listed = 1;
  payload_bytes_ += entry.bytes;
  if (!entry.at.is_part()) return;
  ++parts_;
  ++entry.object->parts;
}

void Catalog::unindex(DiskEntry& entry) {
  pages_.erase(entry);
  if (entry.next_page != nullptr) entry.next_page->previous_page = entry.previous_page;
  if (entry.previous_page != nullptr) {
    entry.previous_page->next_page = entry.next_page;
  } else {
    entry.object->pages = entry.next_page;
  }
  entry.next_page = entry.previous_page = nullptr;
  entry.listed = 0;
  payload_bytes_ -= entry.bytes;
  if (!entry.at.is_part()) return;
  --parts_;
  --entry.object->parts;
}

void Catalog::destroy(DiskEntry& entry) {
  if (entry.kept != 0) kept_.set(entry, false);
  space_.disown(entry);
  for (const PageExtent& extent : entry.page_extents()) {
    space_.release(DiskExtent{extent.first, extent.units});
  }
  free_entry(entry);
}

void Catalog::free_entry(DiskEntry& entry) {
  DiskObject& object = *entry.object;
  entries_bytes_ -= entry.memory_bytes();
  DiskEntry::Free()(&entry);
  if (--object.entries > 0 || object.state == DiskObject::State::kSuperseded) return;
  if (object.state == DiskObject::State::kCurrent) objects_.erase(object);
  free_object(object);
}

void Catalog::release(DiskEntry& entry) {
  CHECK(entry.holders > 0);
  if (--entry.holders > 0) return;
  if (entry.listed == 0) return destroy(entry);
  if (policy_.is_set_aside(entry)) policy_.put_back(entry);
}

void Catalog::remove(DiskEntry& entry) {
  CHECK(entry.listed != 0);
  if (policy_.contains(entry)) policy_.remove(entry);
  kept_.count(entry, false);
  if (entry.kept != 0) kept_.set(entry, false);
  if (entry.object->state == DiskObject::State::kCurrent) {
    journal_.removed(entry);
  } else {
    journal_.removed_with_object(entry);
  }
  unindex(entry);
  if (entry.holders == 0) destroy(entry);
}

Listed Catalog::list(DiskEntry& entry, std::string record) {
  if (entry.object->state != DiskObject::State::kCurrent) return Listed::kSuperseded;
  const ObjectId& object = entry.object->id;
  if (entry.at.is_part()) {
    if (has_bytes(object, entry.at, entry.bytes, *entry.object->source)) return Listed::kCovered;
    if (has_many_parts(object, entry.at, entry.bytes)) return Listed::kManyParts;
    std::vector<DiskEntry*> older;  // in the same block, so that its bound holds
    find_older_parts(entry.at, entry, older);
    for (DiskEntry* part : older) remove(*part);
  }
  if (DiskEntry* before = find(object, entry.at)) remove(*before);
  index(entry);
  settle(*entry.object);
  journal_.put(entry, with_answer(std::move(record), recorded(*entry.object)));
  hand_over(entry);
  return Listed::kYes;
}

void Catalog::for_each(const std::function<void(DiskEntry&)>& visit) const {
  pages_.for_each([&visit](DiskEntry& entry) {
    if (entry.object->state == DiskObject::State::kCurrent) visit(entry);
  });
}

}  // namespace cachey::store
