#include "cache/object_key.h"

#include <xxhash.h>

#include <algorithm>
#include <new>
#include <random>

namespace cachey::cache {

uint64_t KeyView::hash() const {
  // A secret seed: clients choose the names, and must not be able to choose collisions.
  static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
  const uint64_t of_kind = XXH3_64bits_withSeed(kind.data(), kind.size(), seed);
  return XXH3_64bits_withSeed(object.data(), object.size(), of_kind);
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
