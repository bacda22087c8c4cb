#include "cache/page_table.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace cachey::cache {

PageTable::~PageTable() {
  // A page's destructor needs the memory tier, but not the table.
  std::vector<PagePtr> pages;
  for (Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    std::ranges::move(shard.objects.take_all(), std::back_inserter(pages));
  }
  for (const PagePtr& page : pages) page->discard();  // because pieces keep their page alive
}

PageTable::Found PageTable::find_or_create(const FetchSpecPtr& spec, uint32_t index,
                                           FillOrder order) {
  const KeyView key = spec->key.view();
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  PagePtr replaced;  // destroyed after the lock is released
  const MutexLock lock(shard.mutex);
  IndexedObject* object = shard.objects.find(key, hash);
  Page* const there = object == nullptr ? nullptr : object->find(index);
  if (there != nullptr && !there->memory_gone()) return Found{there, false};
  if (object == nullptr) object = &shard.objects.add(key, hash);
  const uint64_t content_hash = page_hash(hash, index);
  const PagePtr made(new Page(*this, memory_, object->key, index, content_hash, spec, order));
  replaced = object->put(made);
  return Found{made, true};
}

void PageTable::prefetch(KeyView key) {
  const uint64_t hash = key.hash();
  shard_of(hash).objects.prefetch(hash);
}

PagePtr PageTable::find(KeyView key, uint64_t hash, uint32_t index) {
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  Page* const page = object == nullptr ? nullptr : object->find(index);
  return page == nullptr || page->memory_gone() ? nullptr : page;
}

bool PageTable::has(const Page& page) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  return holds(shard.objects.find(page.key(), hash), page);
}

ObjectSourcePtr PageTable::current(KeyView key) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  return object == nullptr ? nullptr : object->current;
}

std::optional<uint64_t> PageTable::object_size(KeyView key) {
  const ObjectSourcePtr known = current(key);
  return known == nullptr ? std::nullopt : std::optional(known->info.size);
}

void PageTable::remove(Page& page) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  PagePtr removed;  // destroyed after the lock is released
  const MutexLock lock(shard.mutex);
  IndexedObject* object = shard.objects.find(page.key(), hash);
  if (!holds(object, page)) return;
  removed = object->take(page.index());
  if (object->empty()) shard.objects.erase(*object);
}

ObjectSourcePtr PageTable::observe(Page& page, ObjectSourcePtr source, MonoTime sent_at) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(page.key(), hash);
    if (!holds(object, page)) return source;  // dropped meanwhile
    page.version_ = source;
    ObjectSourcePtr& current = object->current;
    if (current != nullptr && current->info.same_version(source->info)) {
      object->sent_at = std::max(object->sent_at, sent_at);
      if (current->bucket == source->bucket) page.version_ = source = current;
    } else if (current == nullptr || sent_at >= object->sent_at) {
      current = source;
      object->sent_at = sent_at;
      stale = take_stale(*object, source.get());
    } else {  // a request that was sent later has been answered already
      stale.push_back(object->take(page.index()));
      if (object->empty()) shard.objects.erase(*object);
    }
  }
  for (const PagePtr& old : stale) old->discard();
  return source;
}

bool PageTable::observe_end(KeyView key, uint64_t offset, MonoTime sent_at) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(key, hash);
    if (object == nullptr || object->current == nullptr) return false;
    if (object->current->info.size <= offset || sent_at < object->sent_at) return false;
    object->current.reset();
    stale = take_stale(*object, nullptr);
    if (object->empty()) shard.objects.erase(*object);
  }
  for (const PagePtr& old : stale) old->discard();
  return true;
}

ObjectSourcePtr PageTable::adopt(Page& page, const ObjectSourcePtr& source) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  IndexedObject* object = shard.objects.find(page.key(), hash);
  if (!holds(object, page)) return nullptr;  // dropped meanwhile
  ObjectSourcePtr& current = object->current;
  if (current == nullptr) current = source;
  if (!current->info.same_version(source->info)) return nullptr;
  page.version_ = current->bucket == source->bucket ? current : source;
  return page.version_;
}

void PageTable::remove_if_idle(Page& page) {
  if (!page.idle()) return;
  remove(page);
  page.discard();  // a reader that found the page meanwhile discards it again at its end
}

std::vector<PagePtr> PageTable::whole_pages() const {
  std::vector<PagePtr> whole;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    shard.objects.for_each([&whole](const IndexedObject& object) {
      object.for_each_page([&whole](Page& page) {
        if (page.phase() == Page::Phase::kWhole) whole.emplace_back(&page);
      });
    });
  }
  return whole;
}

void PageTable::drop_known(KeyView key) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(key, hash);
    if (object == nullptr) return;
    object->current.reset();
    stale = take_stale(*object, nullptr);
    if (object->empty()) shard.objects.erase(*object);
  }
  for (const PagePtr& old : stale) old->discard();
}

std::vector<PagePtr> PageTable::take_stale(IndexedObject& object, const ObjectSource* current) {
  return object.take_if([current](const Page& page) {
    if (page.version_ == nullptr) return false;
    return current == nullptr || !page.version_->info.same_version(current->info);
  });
}

size_t PageTable::objects() const {
  size_t count = 0;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    count += shard.objects.size();
  }
  return count;
}

}  // namespace cachey::cache
