#pragma once

#include <cstddef>

namespace cachey {

inline constexpr size_t kCacheLineBytes = 64;

/// Makes the CPU load `bytes` bytes at `from` into its caches, without waiting for them. Any
/// address is allowed. Null: does nothing.
inline void prefetch(const void* from, size_t bytes) {
  if (from == nullptr) return;
  const char* const first = static_cast<const char*>(from);
  for (size_t at = 0; at < bytes; at += kCacheLineBytes) __builtin_prefetch(first + at);
}

}  // namespace cachey
