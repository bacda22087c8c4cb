#include "cache/object_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::cache {

Page* IndexedObject::find_part(uint32_t index, uint64_t position) const {
  const PageParts* const parts = parts_of(index);
  if (parts == nullptr) return nullptr;
  const auto next = parts->upper_bound(position);
  if (next == parts->begin()) return nullptr;
  Page* const part = std::prev(next)->second.get();
  return position < part->place().end ? part : nullptr;
}

bool IndexedObject::holds(const Page& page) const {
  if (!page.is_part()) return find(page.index()) == &page;
  return find_part(page.index(), page.place().begin) == &page;
}

PagePtr IndexedObject::put(PagePtr page) {
  const uint32_t index = page->index();
  if (index == 0 && !page->is_part()) return std::exchange(first, std::move(page));
  if (others == nullptr) others = std::make_unique<Others>();
  const uint64_t begin = page->place().begin;
  PagePtr& slot = page->is_part() ? others->parts[index][begin] : others->pages[index];
  return std::exchange(slot, std::move(page));
}

PagePtr IndexedObject::take(const Page& page) {
  const uint32_t index = page.index();
  if (index == 0 && !page.is_part()) return std::exchange(first, nullptr);
  PagePtr taken;
  if (page.is_part()) {
    PageParts& parts = others->parts.at(index);
    taken = std::move(parts.extract(page.place().begin).mapped());
    if (parts.empty()) others->parts.erase(index);
  } else {
    taken = std::move(others->pages.extract(index).mapped());
  }
  if (others->empty()) others.reset();
  return taken;
}

std::vector<PagePtr> IndexedObject::take_parts(uint32_t index) {
  std::vector<PagePtr> taken;
  if (others == nullptr) return taken;
  auto node = others->parts.extract(index);
  if (node.empty()) return taken;
  for (auto& [begin, part] : node.mapped()) taken.push_back(std::move(part));
  if (others->empty()) others.reset();
  return taken;
}

ObjectIndex::~ObjectIndex() {
  clear(slots_);
  clear(old_);
}

IndexedObject* ObjectIndex::find(KeyView key, uint64_t hash) {
  IndexedObject* const found = find_in(slots_, key, hash);
  return found != nullptr || old_.empty() ? found : find_in(old_, key, hash);
}

IndexedObject* ObjectIndex::find_in(const Slots& slots, KeyView key, uint64_t hash) {
  if (slots.empty()) return nullptr;
  const size_t mask = slots.size() - 1;
  for (size_t slot = hash & mask; slots[slot].key != nullptr; slot = (slot + 1) & mask) {
    IndexedObject& object = slots[slot];
    if (object.hash != hash) continue;
    if (object.first != nullptr) object.first->prefetch();
    prefetch_source(object.versions.ruling().get());
    if (object.key->view() == key) return &object;
  }
  return nullptr;
}

IndexedObject& ObjectIndex::add(KeyView key, uint64_t hash) {
  SharedKey::Ptr shared = SharedKey::make(key);
  if ((size_ + 1) * 3 > slots_.size() * 2) grow();
  if (!old_.empty()) move_some();
  IndexedObject& object = free_slot(slots_, hash);
  object.hash = hash;
  object.key = std::move(shared);
  ++size_;
  return object;
}

IndexedObject& ObjectIndex::free_slot(const Slots& slots, uint64_t hash) {
  const size_t mask = slots.size() - 1;
  size_t slot = hash & mask;
  while (slots[slot].key != nullptr) slot = (slot + 1) & mask;
  return slots[slot];
}

void ObjectIndex::grow() {
  CHECK(old_.empty());  // moved by the adds since the last growth
  old_ = std::exchange(slots_, Slots(std::max(kSlotsMin, slots_.size() * 2)));
  moved_ = 0;
  publish_place();
}

void ObjectIndex::move_some() {
  const size_t end = moved_ + kMovedAtOnce;
  bool was_free = false;
  while (moved_ < old_.size() && (moved_ < end || !was_free)) {
    IndexedObject& from = old_[moved_++];
    was_free = from.key == nullptr;
    if (!was_free) free_slot(slots_, from.hash) = std::move(from);
  }
  old_.give_back_before(moved_);
  if (moved_ < old_.size()) return;
  old_ = Slots();
  slots_.merge_pages();
}

void ObjectIndex::erase(IndexedObject& object) {
  erase_in(slots_.contains(&object) ? slots_ : old_, object);
  --size_;
}

void ObjectIndex::erase_in(const Slots& slots, IndexedObject& object) {
  // Entries behind the hole that a look-up would no longer reach move up (Knuth's algorithm R). So
  // no tombstones are needed.
  const size_t mask = slots.size() - 1;
  auto hole = static_cast<size_t>(&object - slots.begin());
  slots[hole] = IndexedObject();
  for (size_t slot = (hole + 1) & mask; slots[slot].key != nullptr; slot = (slot + 1) & mask) {
    const size_t from_home = (slot - slots[slot].hash) & mask;
    if (from_home < ((slot - hole) & mask)) continue;  // its home is behind the hole
    slots[hole] = std::exchange(slots[slot], IndexedObject());
    hole = slot;
  }
}

void ObjectIndex::clear(Slots& slots) {
  for (IndexedObject& object : slots) object = IndexedObject();
  slots = Slots();
}

void ObjectIndex::publish_place() {
  place_.store(slots_.begin(), std::memory_order_relaxed);
  mask_.store(slots_.empty() ? 0 : slots_.size() - 1, std::memory_order_relaxed);
}

void ObjectIndex::prefetch(uint64_t hash) const {
  // The slots may have been freed meanwhile: the address may be prefetched, but not read.
  const IndexedObject* const place = place_.load(std::memory_order_relaxed);
  if (place == nullptr) return;
  cachey::prefetch(place + (hash & mask_.load(std::memory_order_relaxed)), kCacheLineBytes);
}

std::vector<PagePtr> ObjectIndex::take_all() {
  std::vector<PagePtr> pages;
  for_each([&pages](const IndexedObject& object) {
    object.for_each_page([&pages](Page& page) { pages.emplace_back(&page); });
  });
  clear(slots_);
  clear(old_);
  size_ = 0;
  publish_place();
  return pages;
}

}  // namespace cachey::cache
