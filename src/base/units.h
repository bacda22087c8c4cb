#pragma once

#include <cstdint>

namespace cachey {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;
inline constexpr uint64_t kTiB = 1024 * kGiB;

/// The unit of caching and of origin requests: page n is bytes [n * kPageBytes, (n + 1) *
/// kPageBytes) of an object; the last page ends at the object's end.
inline constexpr uint64_t kPageBytes = 16 * kMiB;

/// S3's limit for one object. So page numbers fit 32 bits.
inline constexpr uint64_t kObjectBytesMax = 50 * kTiB;
static_assert(kObjectBytesMax / kPageBytes < UINT32_MAX);

}  // namespace cachey
