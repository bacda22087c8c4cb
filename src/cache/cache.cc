#include "cache/cache.h"

namespace cachey::cache {
namespace {

bool is_of_use(const FetchSpec& spec, const ObjectSourcePtr& source) {
  return source != nullptr && source->info.attributes != nullptr && spec.takes(*source);
}

}  // namespace

Head Cache::known_head(rt::Worker& worker, const FetchSpec& spec, uint64_t hash) {
  const KeyView key = spec.key.view();
  if (const std::optional<Head> head = heads_.find(key, hash)) {
    return is_of_use(spec, head->source) ? *head : Head{};
  }
  const uint64_t purges = table_.purges();
  Head head = table_.ruling_head(key, hash);
  if (head.source == nullptr) head.source = disk_reads_.version_of(worker, key);
  if (!is_of_use(spec, head.source)) return {};
  heads_.note(key, hash, head.source, head.confirmed_at);
  if (table_.purges() != purges) heads_.drop(key, hash);
  return head;
}

}  // namespace cachey::cache
