#include "cache/cache.h"

namespace cachey::cache {

Head Cache::known_head(rt::Worker& worker, const FetchSpec& spec, uint64_t hash) {
  const KeyView key = spec.key.view();
  if (const std::optional<Head> head = heads_.find(key, hash)) {
    return head->source == nullptr || head->source->info.attributes == nullptr ? Head{} : *head;
  }
  Head head = table_.ruling_head(key, hash);
  if (head.source == nullptr) head.source = disk_reads_.version_of(worker, key);
  if (head.source == nullptr || head.source->info.attributes == nullptr) return {};
  heads_.note(key, hash, head.source, head.confirmed_at);
  return head;
}

}  // namespace cachey::cache
