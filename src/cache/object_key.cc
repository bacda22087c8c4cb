#include "cache/object_key.h"

#include <algorithm>
#include <functional>
#include <new>

namespace cachey::cache {

uint64_t KeyView::hash() const {
  // std::hash of strings is murmur in libstdc++; what follows is its way to mix two words.
  const uint64_t a = std::hash<std::string_view>()(kind);
  const uint64_t b = std::hash<std::string_view>()(object);
  return (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccd;
}

SharedKey::SharedKey(KeyView key)
    : kind_bytes_(static_cast<uint32_t>(key.kind.size())),
      object_bytes_(static_cast<uint32_t>(key.object.size())) {
  std::ranges::copy(key.object, std::ranges::copy(key.kind, reinterpret_cast<char*>(this + 1)).out);
}

SharedKey::Ptr SharedKey::make(KeyView key) {
  void* const block = ::operator new(sizeof(SharedKey) + key.kind.size() + key.object.size());
  return Ptr(new (block) SharedKey(key));
}

void intrusive_ptr_release(const SharedKey* key) noexcept {
  if (key->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  key->~SharedKey();
  ::operator delete(const_cast<SharedKey*>(key));
}

}  // namespace cachey::cache
