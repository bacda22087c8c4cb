#pragma once

#include <cstddef>

namespace cachey {

inline constexpr size_t kCacheLineBytes = 64;

/// Has the CPU fetch `bytes` bytes at `from` into its caches, and does not wait for them. Any
/// address will do; of null nothing is fetched.
inline void prefetch(const void* from, size_t bytes) {
  if (from == nullptr) return;
  const char* const first = static_cast<const char*>(from);
  for (size_t at = 0; at < bytes; at += kCacheLineBytes) __builtin_prefetch(first + at);
}

}  // namespace cachey
