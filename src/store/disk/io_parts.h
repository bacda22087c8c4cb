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

/// Bytes [range.begin, range.end) of the concatenated `parts`. REQUIRES: `parts` have range.end
/// bytes.
[[nodiscard]] std::vector<iovec> slice(std::span<const iovec> parts, ByteRange range);

/// Memory for O_DIRECT: zeroed, aligned to a unit, a whole number of units.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(size_t bytes);

  [[nodiscard]] std::span<std::byte> bytes() { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  /// Cuts the buffer to `bytes` bytes. REQUIRES: whole units, at most the current size.
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
