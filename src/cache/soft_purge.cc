#include "cache/soft_purge.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cache/object_look.h"

namespace cachey::cache {
namespace {

/// The versions that memory and the disk know, each once.
std::vector<ObjectSourcePtr> known_versions(Cache& cache, rt::Worker& worker, KeyView key) {
  std::vector<ObjectSourcePtr> versions = cache.table().versions(key);
  for (ObjectSourcePtr& version : cache.disk_reads().versions_of(worker, key)) {
    const bool is_known = std::ranges::any_of(versions, [&version](const ObjectSourcePtr& other) {
      return other->bucket == version->bucket && other->same_version(*version);
    });
    if (!is_known) versions.push_back(std::move(version));
  }
  return versions;
}

/// The store has this version in its bucket, by an answer to a question of now.
rt::Task<Result<bool>> is_confirmed(Cache& cache, rt::Worker& worker, const ObjectKey& key,
                                    ObjectSourcePtr version, rt::Until until) {
  auto spec = std::make_shared<FetchSpec>();
  spec->key = key;
  spec->buckets = {version->bucket};
  spec->metrics = &cache.metrics().of(key.kind);
  spec->wishes.own_buckets = true;
  spec->page_size = cache.page_size_of(key.kind);
  const MonoTime now = cache.clock().mono();
  Result<ObjectSourcePtr> seen =
      co_await look_at(cache, worker, std::move(spec), now, std::move(until));
  if (seen) co_return (*seen)->same_version(*version);
  if (seen.error().kind() == ErrorKind::kNotFound) co_return false;
  co_return std::unexpected(std::move(seen.error()));
}

}  // namespace

rt::Task<Result<SoftPurged>> purge_if_changed(Cache& cache, rt::Worker& worker, ObjectKey key,
                                              Purges::Turn turn, rt::Until until) {
  const Purged found = co_await cache.purges().fence_unknown(worker, key);
  const std::vector<ObjectSourcePtr> versions = known_versions(cache, worker, key.view());
  SoftPurged done;
  done.kept = !versions.empty();
  done.removed.fenced = found.fenced;
  for (size_t i = 0; i < versions.size() && done.kept; ++i) {
    Result<bool> confirmed = co_await is_confirmed(cache, worker, key, versions[i], until);
    if (!confirmed) co_return std::unexpected(std::move(confirmed.error()));
    done.kept = *confirmed;
  }
  if (done.kept) co_return done;
  KeyScope scope = KeyScope::object(std::move(key.kind), std::move(key.object));
  Result<Purged> purged = co_await cache.purges().purge(worker, std::move(scope), std::move(turn));
  if (!purged) co_return std::unexpected(std::move(purged.error()));
  // An answer that the store has another version has taken most of the pages out already.
  done.removed.pages = std::max(purged->pages, found.pages);
  done.removed.bytes = std::max(purged->bytes, found.bytes);
  done.removed.fenced += purged->fenced;
  co_return done;
}

}  // namespace cachey::cache
