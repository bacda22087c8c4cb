#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace cachey {

/// The sum of the sizes of `parts`.
[[nodiscard]] inline size_t total_bytes(std::span<const iovec> parts) {
  size_t bytes = 0;
  for (const iovec& part : parts) bytes += part.iov_len;
  return bytes;
}

}  // namespace cachey
