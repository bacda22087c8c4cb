#pragma once

#include <cstdint>

namespace cachey {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;
inline constexpr uint64_t kTiB = 1024 * kGiB;

/// Pages are the unit of caching and of origin requests. The largest page, which is also the size
/// of a page unless the object's kind has another (PageSize).
inline constexpr uint64_t kPageBytes = 16 * kMiB;
/// The smallest page, unless an object ends in it.
inline constexpr uint64_t kPageBytesMin = 64 * kKiB;

/// S3's limit for one object. So page numbers fit 32 bits.
inline constexpr uint64_t kObjectBytesMax = 50 * kTiB;
static_assert(kObjectBytesMax / kPageBytesMin < UINT32_MAX);

}  // namespace cachey
