#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "base/byte_range.h"

namespace cachey::store {

/// Bytes [range.begin, range.end) of what `parts` hold one after the other.
/// REQUIRES: they hold as much.
[[nodiscard]] std::vector<iovec> slice(std::span<const iovec> parts, ByteRange range);

/// Memory that O_DIRECT takes: zeroed, aligned, a multiple of 4 KiB.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(size_t bytes);

  [[nodiscard]] std::span<std::byte> bytes() { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  /// Forgets what lies past the first `bytes`. REQUIRES: a multiple of 4 KiB, no more than there
  /// is.
  void shrink(size_t bytes) { size_ = bytes; }
  [[nodiscard]] iovec part() { return iovec{data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  size_t size_;
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace cachey::store
