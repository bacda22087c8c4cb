#include "cache/object_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::cache {

PagePtr IndexedObject::put(PagePtr page) {
  const uint32_t index = page->index();
  if (index == 0) return std::exchange(first, std::move(page));
  if (later == nullptr) later = std::make_unique<std::map<uint32_t, PagePtr>>();
  return std::exchange((*later)[index], std::move(page));
}

PagePtr IndexedObject::take(uint32_t index) {
  if (index == 0) return std::exchange(first, nullptr);
  if (later == nullptr) return nullptr;
  auto node = later->extract(index);
  if (later->empty()) later.reset();
  return node.empty() ? nullptr : std::move(node.mapped());
}

IndexedObject* ObjectIndex::find(KeyView key, uint64_t hash) {
  if (slots_.empty()) return nullptr;
  for (size_t slot = home(hash); slots_[slot].key != nullptr; slot = next(slot)) {
    IndexedObject& object = slots_[slot];
    if (object.hash != hash) continue;
    if (object.first != nullptr) object.first->prefetch();
    prefetch_source(object.current.get());
    if (object.key->view() == key) return &object;
  }
  return nullptr;
}

IndexedObject& ObjectIndex::add(KeyView key, uint64_t hash) {
  SharedKey::Ptr shared = SharedKey::make(key);
  if ((size_ + 1) * 3 > slots_.size() * 2) grow();
  IndexedObject& object = free_slot(hash);
  object.hash = hash;
  object.key = std::move(shared);
  ++size_;
  return object;
}

IndexedObject& ObjectIndex::free_slot(uint64_t hash) {
  size_t slot = home(hash);
  while (slots_[slot].key != nullptr) slot = next(slot);
  return slots_[slot];
}

void ObjectIndex::grow() {
  Slots old(std::max(kSlotsMin, slots_.size() * 2));
  old.swap(slots_);
  publish_place();
  for (IndexedObject& object : old) {
    if (object.key != nullptr) free_slot(object.hash) = std::move(object);
  }
}

void ObjectIndex::erase(IndexedObject& object) {
  // Entries behind the hole that a look-up would no longer reach move up (Knuth's algorithm R). So
  // no tombstones are needed.
  auto hole = static_cast<size_t>(&object - slots_.data());
  slots_[hole] = IndexedObject();
  --size_;
  for (size_t slot = next(hole); slots_[slot].key != nullptr; slot = next(slot)) {
    const size_t mask = slots_.size() - 1;
    const size_t from_home = (slot - home(slots_[slot].hash)) & mask;
    if (from_home < ((slot - hole) & mask)) continue;  // its home is behind the hole
    slots_[hole] = std::exchange(slots_[slot], IndexedObject());
    hole = slot;
  }
}

void ObjectIndex::publish_place() {
  place_.store(slots_.data(), std::memory_order_relaxed);
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
  for (IndexedObject& object : slots_) {
    object.for_each_page([&pages](Page& page) { pages.emplace_back(&page); });
  }
  slots_ = Slots();
  size_ = 0;
  publish_place();
  return pages;
}

}  // namespace cachey::cache
