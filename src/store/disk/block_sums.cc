#include "store/disk/block_sums.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "store/disk/io_parts.h"

namespace cachey::store {

rt::Task<std::vector<uint64_t>> block_sums(rt::Worker& worker, uint64_t store_id,
                                           const DiskEntry& entry, ByteRange range,
                                           std::span<const iovec> parts) {
  std::vector<uint64_t> sums;
  for (uint64_t begin = range.begin; begin < range.end; begin += kDiskBlockBytes) {
    const uint64_t hashed = begin - range.begin;
    if (hashed > 0 && hashed % kHashedAtOnce == 0) {
      co_await rt::asio::post(worker.executor(), rt::kAwait);
    }
    const uint64_t end = std::min(begin + kDiskBlockBytes, range.end);
    const std::vector<iovec> bytes = slice(parts, ByteRange{hashed, end - range.begin});
    sums.push_back(block_checksum(entry.identity(store_id, begin / kDiskBlockBytes), bytes));
  }
  co_return sums;
}

}  // namespace cachey::store
