#include "store/disk/io_parts.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "store/unit.h"

namespace cachey::store {

std::vector<iovec> slice(std::span<const iovec> parts, ByteRange range) {
  std::vector<iovec> sliced;
  uint64_t begin = 0;  // of the part
  for (const iovec& part : parts) {
    const uint64_t end = begin + part.iov_len;
    const ByteRange common{std::max(begin, range.begin), std::min(end, range.end)};
    if (!common.empty()) {
      sliced.push_back(
          iovec{static_cast<std::byte*>(part.iov_base) + (common.begin - begin), common.size()});
    }
    begin = end;
  }
  CHECK(begin >= range.end);
  return sliced;
}

AlignedBuffer::AlignedBuffer(size_t bytes)
    : size_(units_for(bytes) * kUnitBytes),
      data_(static_cast<std::byte*>(std::aligned_alloc(kUnitBytes, size_))) {
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_.get(), 0, size_);
}

}  // namespace cachey::store
