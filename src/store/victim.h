#pragma once

#include <cstddef>
#include <cstdint>

namespace cachey::store {

/// What becomes of a candidate for eviction.
enum class Verdict : uint8_t {
  kEvict,
  kSetAside,  ///< cannot be evicted now: leaves its queue until its holder puts it back
};

/// The result of a bounded search for a victim.
template <typename Entry>
struct Victim {
  Entry* entry = nullptr;  ///< the entry to evict; in no queue any more
  bool again = false;      ///< with no entry: the search goes on at the next call
  size_t looks = 0;        ///< the entries that the call looked at

  /// With no entry: each entry is set aside, or there is none.
  [[nodiscard]] bool none() const { return entry == nullptr && !again; }
};

}  // namespace cachey::store
