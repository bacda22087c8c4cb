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
      for (auto& [index, page] : entry.pages) pages.push_back(std::move(page));
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
  PagePtr& slot = object->second.pages[index];
  if (slot != nullptr && !slot->memory_gone()) return Found{slot, false};
  const uint64_t content_hash = hash ^ (uint64_t{index} * 0x9e3779b97f4a7c15);
  replaced.reset(new Page(*this, memory_, object->first, index, content_hash, spec, split));
  replaced.swap(slot);
  return Found{slot, true};
}

PagePtr PageTable::find(const ObjectKey& key, uint32_t index) {
  const View view{key.kind, key.object};
  Shard& shard = shard_of(Hash()(view));
  const MutexLock lock(shard.mutex);
  const auto object = shard.objects.find(view);
  if (object == shard.objects.end()) return nullptr;
  const auto page = object->second.pages.find(index);
  if (page == object->second.pages.end() || page->second->memory_gone()) return nullptr;
  return page->second;
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
  const auto found = object->second.pages.find(page.index());
  if (found == object->second.pages.end() || found->second != &page) return;
  removed = std::move(found->second);
  object->second.pages.erase(found);
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
    const auto found = entry.pages.find(page.index());
    if (found == entry.pages.end() || found->second != &page) return source;  // dropped meanwhile
    if (entry.current != nullptr && entry.current->info.same_version(source->info)) {
      entry.request = std::max(entry.request, request);
      if (entry.current->bucket == source->bucket) return entry.current;
    } else if (entry.current == nullptr || request > entry.request) {
      entry.current = source;
      entry.request = request;
      stale = take_stale(entry, source.get());
    } else {  // an answer that was overtaken by a newer one
      stale.push_back(std::move(found->second));
      entry.pages.erase(found);
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
  const auto found = entry.pages.find(page.index());
  if (found == entry.pages.end() || found->second != &page) return nullptr;  // dropped meanwhile
  if (entry.current == nullptr) entry.current = source;
  if (!entry.current->info.same_version(source->info)) return nullptr;
  return entry.current->bucket == source->bucket ? entry.current : source;
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
      for (const auto& [index, page] : entry.pages) {
        if (page->phase() == Page::Phase::kWhole) whole.push_back(page);
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
    const bool known = it->second->has_head();
    if (known && (current == nullptr || !it->second->source()->info.same_version(current->info))) {
      stale.push_back(std::move(it->second));
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
