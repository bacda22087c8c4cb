#include "cache/page_table.h"

#include <algorithm>

namespace cachey::cache {

uint64_t PageTable::Hash::operator()(const View& key) const {
  // std::hash of strings is murmur in libstdc++: good bits, for a flat map and for the shard.
  const uint64_t a = std::hash<std::string_view>()(key.kind);
  const uint64_t b = std::hash<std::string_view>()(key.object);
  return (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccd;
}

PageTable::~PageTable() {
  // A page's destructor gives its memory back and needs the tier, not the table.
  std::vector<PagePtr> pages;
  for (Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    for (auto& [key, entry] : shard.objects) {
      for (auto& [index, slot] : entry.pages) pages.push_back(std::move(slot.page));
    }
    shard.objects.clear();
  }
  for (const PagePtr& page : pages) page->discard();  // pieces keep their page
}

PageTable::Found PageTable::find_or_create(const FetchSpecPtr& spec, uint32_t index, bool split) {
  const View view{spec->key.kind, spec->key.object};
  const uint64_t hash = Hash()(view);
  Shard& shard = shard_of(hash);
  PagePtr replaced;  // let go after the lock
  const MutexLock lock(shard.mutex);
  auto object = shard.objects.find(view);
  if (object == shard.objects.end()) {
    object = shard.objects.emplace(std::make_shared<const ObjectKey>(spec->key), Entry()).first;
  }
  Slot& slot = object->second.pages[index];
  if (slot.page != nullptr && !slot.page->memory_gone()) return Found{slot.page, false};
  const uint64_t content_hash = hash ^ (uint64_t{index} * 0x9e3779b97f4a7c15);
  replaced.reset(new Page(*this, memory_, object->first, index, content_hash, spec, split));
  replaced.swap(slot.page);
  slot.version.reset();
  return Found{slot.page, true};
}

PagePtr PageTable::find(const ObjectKey& key, uint32_t index) {
  const View view{key.kind, key.object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  if (object == shard.objects.end()) return nullptr;
  const auto found = object->second.pages.find(index);
  if (found == object->second.pages.end() || found->second.page->memory_gone()) return nullptr;
  return found->second.page;
}

PageTable::Slot* PageTable::slot_of(Entry& entry, const Page& page) {
  const auto found = entry.pages.find(page.index());
  return found == entry.pages.end() || found->second.page != &page ? nullptr : &found->second;
}

bool PageTable::has(const Page& page) {
  const View view{page.key().kind, page.key().object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  return object != shard.objects.end() && slot_of(object->second, page) != nullptr;
}

SourcePtr PageTable::current(const ObjectKey& key) {
  const View view{key.kind, key.object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  return object == shard.objects.end() ? nullptr : object->second.current;
}

std::optional<uint64_t> PageTable::object_size(const ObjectKey& key) {
  const View view{key.kind, key.object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  if (object == shard.objects.end() || object->second.current == nullptr) return std::nullopt;
  return object->second.current->info.size;
}

void PageTable::remove(Page& page) {
  const View view{page.key().kind, page.key().object};
  Shard& shard = shard_of(Hash()(view));
  PagePtr removed;  // let go after the lock
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  if (object == shard.objects.end()) return;
  Slot* slot = slot_of(object->second, page);
  if (slot == nullptr) return;
  removed = std::move(slot->page);
  object->second.pages.erase(page.index());
  if (object->second.pages.empty()) shard.objects.erase(object);
}

SourcePtr PageTable::observe(Page& page, SourcePtr source, uint64_t request) {
  const View view{page.key().kind, page.key().object};
  Shard& shard = shard_of(Hash()(view));
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    const auto object = shard.objects.find(view);
    if (object == shard.objects.end()) return source;
    Entry& entry = object->second;
    Slot* slot = slot_of(entry, page);
    if (slot == nullptr) return source;  // dropped meanwhile
    slot->version = source;
    if (entry.current != nullptr && entry.current->info.same_version(source->info)) {
      entry.request = std::max(entry.request, request);
      if (entry.current->bucket == source->bucket) slot->version = source = entry.current;
    } else if (entry.current == nullptr || request > entry.request) {
      entry.current = source;
      entry.request = request;
      stale = take_stale(entry, source.get());
    } else {  // an answer that was overtaken by a newer one
      stale.push_back(std::move(slot->page));
      entry.pages.erase(page.index());
      if (entry.pages.empty()) shard.objects.erase(object);
    }
  }
  for (const PagePtr& old : stale) old->discard();
  return source;
}

SourcePtr PageTable::adopt(const Page& page, const SourcePtr& source) {
  const View view{page.key().kind, page.key().object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  if (object == shard.objects.end()) return nullptr;
  Entry& entry = object->second;
  Slot* slot = slot_of(entry, page);
  if (slot == nullptr) return nullptr;  // dropped meanwhile
  if (entry.current == nullptr) entry.current = source;
  if (!entry.current->info.same_version(source->info)) return nullptr;
  slot->version = entry.current->bucket == source->bucket ? entry.current : source;
  return slot->version;
}

void PageTable::retire(Page& page) {
  if (!page.idle()) return;
  remove(page);
  page.discard();  // who found it meanwhile goes on with it, and is the last
}

std::vector<PagePtr> PageTable::whole_pages() const {
  std::vector<PagePtr> whole;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    for (const auto& [key, entry] : shard.objects) {
      for (const auto& [index, slot] : entry.pages) {
        if (slot.page->phase() == Page::Phase::kWhole) whole.push_back(slot.page);
      }
    }
  }
  return whole;
}

void PageTable::drop_known(const ObjectKey& key) {
  const View view{key.kind, key.object};
  Shard& shard = shard_of(Hash()(view));
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    const auto object = shard.objects.find(view);
    if (object == shard.objects.end()) return;
    object->second.current.reset();
    stale = take_stale(object->second, nullptr);
    if (object->second.pages.empty()) shard.objects.erase(object);
  }
  for (const PagePtr& old : stale) old->discard();
}

std::vector<PagePtr> PageTable::take_stale(Entry& entry, const Source* current) {
  std::vector<PagePtr> stale;
  for (auto it = entry.pages.begin(); it != entry.pages.end();) {
    const Source* version = it->second.version.get();
    if (version != nullptr && (current == nullptr || !version->info.same_version(current->info))) {
      stale.push_back(std::move(it->second.page));
      it = entry.pages.erase(it);
    } else {
      ++it;
    }
  }
  return stale;
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
