#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace cachey {

/// The sum of the sizes of `parts`.
[[nodiscard]] inline size_t total_bytes(std::span<const iovec> parts) {
  size_t bytes = 0;
  for (const iovec& part : parts) bytes += part.iov_len;
  return bytes;
}

/// Puts up to `bytes_max` bytes of `parts`, from byte `skip` on, into `into`, as parts of the same
/// memory. Returns the parts of `into` that it filled: fewer bytes if `into` is too short.
[[nodiscard]] inline std::span<iovec> slice_parts(std::span<const iovec> parts, size_t skip,
                                                  size_t bytes_max, std::span<iovec> into) {
  size_t count = 0;
  for (const iovec& part : parts) {
    if (bytes_max == 0 || count == into.size()) break;
    if (skip >= part.iov_len) {
      skip -= part.iov_len;
      continue;
    }
    const size_t length = std::min(part.iov_len - skip, bytes_max);
    into[count++] = iovec{static_cast<char*>(part.iov_base) + skip, length};
    skip = 0;
    bytes_max -= length;
  }
  return into.first(count);
}

}  // namespace cachey
