#include "origin/read/failed_keys.h"

#include <algorithm>

namespace cachey::origin {

/// Null: the key is unknown, or its last failure is long ago.
FailedKeys::Key* FailedKeys::find(uint64_t key, MonoTime now) {
  const auto found = std::ranges::find(keys_, key, &Key::hash);
  if (found == keys_.end()) return nullptr;
  if (now - found->failed_at < kRemembered) return &*found;
  keys_.erase(found);
  return nullptr;
}

bool FailedKeys::add(uint64_t key, MonoTime now) {
  Key* known = find(key, now);
  const bool is_new = known == nullptr;
  if (is_new) {
    if (keys_.size() < kKeysMax) {
      known = &keys_.emplace_back();
    } else {
      known = &*std::ranges::min_element(keys_, {}, &Key::failed_at);
    }
    *known = {};
    known->hash = key;
  }
  known->failures = std::min(known->failures + 1, kFailuresMax);
  known->failed_at = now;
  known->next_probe = now + kProbeEvery;
  return is_new;
}

void FailedKeys::succeeded(uint64_t key) {
  std::erase_if(keys_, [key](const Key& known) { return known.hash == key; });
}

bool FailedKeys::may_ask(uint64_t key, uint32_t failures_max, MonoTime now) {
  Key* const known = find(key, now);
  if (known == nullptr || known->failures < failures_max) return true;
  if (now < known->next_probe) return false;
  known->next_probe = now + kProbeEvery;
  return true;
}

}  // namespace cachey::origin
