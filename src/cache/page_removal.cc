// How a purge takes objects out of the table.

#include <algorithm>
#include <utility>

#include "cache/page_table.h"

namespace cachey::cache {
namespace {

/// Slots that one hold of a shard's mutex looks at, about.
constexpr size_t kHomesAtOnce = 64;

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

}  // namespace cachey::cache
