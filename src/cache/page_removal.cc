// How a purge takes objects out of the table, and how other walks look at them.

#include <algorithm>
#include <utility>

#include "cache/page_table.h"

namespace cachey::cache {
namespace {

/// Slots that one hold of a shard's mutex looks at, about.
constexpr size_t kHomesAtOnce = 64;
/// Pages of a large object that one hold looks at, and the parts of one page more.
constexpr size_t kPagesAtOnce = 256;
constexpr size_t kFewPages = 4;

}  // namespace

std::vector<PagePtr> IndexedObject::Taken::pages() && {
  std::vector<PagePtr> all;
  if (first != nullptr) all.push_back(std::move(first));
  if (others == nullptr) return all;
  for (auto& [index, page] : others->pages) all.push_back(std::move(page));
  for (auto& [index, parts] : others->parts) {
    for (auto& [begin, part] : parts) all.push_back(std::move(part));
  }
  return all;
}

std::vector<PagePtr> PageTable::take_looks(Shard& shard, const KeyScope& scope) {
  std::vector<PagePtr> taken;
  std::erase_if(shard.looks, [&](PagePtr& look) {
    if (!scope.has(look->key().kind, look->key().object)) return false;
    taken.push_back(std::move(look));
    return true;
  });
  return taken;
}

std::vector<PagePtr> PageTable::take_looks(const KeyScope& scope) {
  Shard& shard = shard_of(KeyView{scope.kind(), scope.text()}.hash());
  const MutexLock lock(shard.mutex);
  return take_looks(shard, scope);
}

std::vector<PagePtr> PageTable::take_object(const KeyScope& scope) {
  const KeyView key{scope.kind(), scope.text()};
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> looks;
  IndexedObject::Taken taken;
  {
    const MutexLock lock(shard.mutex);
    looks = take_looks(shard, scope);
    if (IndexedObject* const object = shard.objects.find(key, hash)) {
      taken = object->take_all();
      shard.objects.erase(*object);
    }
  }
  std::vector<PagePtr> pages = std::move(taken).pages();
  std::ranges::move(looks, std::back_inserter(pages));
  return pages;
}

bool PageTable::take_some(const KeyScope& scope, TableWalk& walk, std::vector<PagePtr>& out) {
  Shard& shard = shards_[walk.shard];
  std::vector<IndexedObject::Taken> taken;
  bool ended = false;
  {
    const MutexLock lock(shard.mutex);
    if (walk.homes == 0) {
      walk.homes = shard.objects.homes();
      // Before the pages: the fetch of a tail that is still found may make pages.
      std::ranges::move(take_looks(shard, scope), std::back_inserter(out));
    }
    std::vector<SharedKey::Ptr> meant;
    const size_t end = std::min(walk.homes, walk.next + kHomesAtOnce);
    shard.objects.for_each_at({walk.next, end}, walk.homes, [&](const IndexedObject& object) {
      const KeyView key = object.key->view();
      if (scope.has(key.kind, key.object)) meant.push_back(object.key);
    });
    for (const SharedKey::Ptr& key : meant) {
      IndexedObject* const object = shard.objects.find(key->view(), key->view().hash());
      taken.push_back(object->take_all());
      shard.objects.erase(*object);
    }
    walk.next = end;
    ended = end == walk.homes;
  }
  for (IndexedObject::Taken& object : taken)
    std::ranges::move(std::move(object).pages(), std::back_inserter(out));
  if (ended) walk = TableWalk{.shard = walk.shard + 1};
  return walk.shard < kShards;
}

/// False: the object has too many pages for this step; the walk goes on with them.
bool PageTable::look_at(const IndexedObject& object, LookWalk& walk, std::vector<PagePtr>& out) {
  const size_t end = out.size() + kPagesAtOnce;
  if (walk.next == 0 && object.first != nullptr) out.push_back(object.first);
  if (object.others == nullptr) return true;
  const IndexedObject::Others& others = *object.others;
  auto page = others.pages.lower_bound(walk.next);
  auto parts = others.parts.lower_bound(walk.next);
  while (page != others.pages.end() || parts != others.parts.end()) {
    uint32_t index = UINT32_MAX;
    if (page != others.pages.end()) index = page->first;
    if (parts != others.parts.end()) index = std::min(index, parts->first);
    if (out.size() >= end) {
      walk.next = index;
      return false;
    }
    if (page != others.pages.end() && page->first == index) {
      out.push_back(page->second);
      ++page;
    }
    if (parts != others.parts.end() && parts->first == index) {
      for (const auto& [begin, part] : parts->second) out.push_back(part);
      ++parts;
    }
  }
  return true;
}

LookWalk PageTable::walk_of(KeyView key) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  LookWalk walk;
  const MutexLock lock(shard.mutex);
  const IndexedObject* const object = shard.objects.find(key, hash);
  if (object != nullptr) walk.large.push_back(object->key);
  return walk;
}

bool PageTable::look_at_some(LookWalk& walk, std::vector<PagePtr>& out) {
  if (!walk.large.empty()) {
    const KeyView key = walk.large.back()->view();
    const uint64_t hash = key.hash();
    Shard& shard = shard_of(hash);
    const MutexLock lock(shard.mutex);
    const IndexedObject* object = shard.objects.find(key, hash);
    if (object != nullptr && !look_at(*object, walk, out)) return true;
    walk.large.pop_back();
    walk.next = 0;
    return true;
  }
  TableWalk& at = walk.at;
  if (at.shard == kShards) return false;
  Shard& shard = shards_[at.shard];
  const MutexLock lock(shard.mutex);
  if (at.homes == 0) at.homes = shard.objects.homes();
  const size_t end = std::min(at.homes, at.next + kHomesAtOnce);
  shard.objects.for_each_at({at.next, end}, at.homes, [&](const IndexedObject& object) {
    const bool is_large = object.others != nullptr && (object.others->pages.size() > kFewPages ||
                                                       !object.others->parts.empty());
    if (is_large) {
      walk.large.push_back(object.key);
    } else {
      (void)look_at(object, walk, out);
    }
  });
  at.next = end;
  if (end == at.homes) at = TableWalk{.shard = at.shard + 1};
  return true;
}

}  // namespace cachey::cache
