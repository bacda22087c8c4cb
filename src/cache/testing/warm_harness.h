#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "base/io_vector.h"
#include "cache/testing/virtual_cache.h"

namespace cachey::cache {

/// For tests of Warms: a VirtualCache, and clients that warm and read.
class WarmHarness : public ::testing::Test, protected VirtualCache {
 protected:
  enum class Disk : uint8_t { kNone, kYes };
  using Result = std::shared_ptr<std::optional<cachey::Result<Warmed>>>;

  explicit WarmHarness(uint64_t memory, Disk disk = Disk::kNone, origin::GateLimits gate = {})
      : VirtualCache(
            {.memory = memory, .gate = gate, .disk = disk == Disk::kYes ? kDiskBytes : 0}) {}
  ~WarmHarness() override {
    device_.release();
    settle();
    EXPECT_EQ(memory_.admitted_bytes(), 0u);
    EXPECT_EQ(cache_metrics_.warm.pages_under_way, 0);
  }

  static constexpr uint64_t kDiskBytes = kGiB / 2;
  static inline const PageSize kSmall = *PageSize::of(64 * kKiB);

  void put(const std::string& object, uint64_t size, uint64_t seed = 1) {
    origin_.put("b", object,
                {.size = size, .seed = seed, .etag = "\"v" + std::to_string(seed) + "\""});
  }
  [[nodiscard]] std::shared_ptr<FetchSpec> spec(const std::string& object) {
    auto made = VirtualCache::spec(object);
    made->page_size = page_size_;
    made->wishes.warm = true;
    return made;
  }
  [[nodiscard]] WarmRequest request(const std::string& object, ByteRange range) {
    return WarmRequest{.spec = spec(object), .range = range, .client = "c"};
  }
  [[nodiscard]] Result start(WarmRequest request, rt::Until until = {}) {
    return world_.start(cache_.warms().warm(world_.worker(), std::move(request), std::move(until)));
  }
  [[nodiscard]] cachey::Result<Warmed> warm(WarmRequest request, rt::Until until = {}) {
    return world_.run(cache_.warms().warm(world_.worker(), std::move(request), std::move(until)));
  }
  [[nodiscard]] cachey::Result<Warmed> warm(const std::string& object, ByteRange range) {
    return warm(request(object, range));
  }
  /// Reads the range as a client does. The number of bytes, or the error.
  [[nodiscard]] cachey::Result<uint64_t> read(const std::string& object, ByteRange range) {
    const std::shared_ptr<FetchSpec> made = spec(object);
    made->wishes.warm = false;
    return world_.run(read_all(made, range));
  }
  [[nodiscard]] size_t gets() const { return origin_.asked().size(); }
  [[nodiscard]] PagePtr page(const std::string& object, uint32_t index = 0) {
    const ObjectKey key{"k", object};
    return cache_.table().find(key.view(), index);
  }

  [[nodiscard]] rt::Task<cachey::Result<uint64_t>> read_all(FetchSpecPtr of, ByteRange range) {
    RangeReader reader(cache_, world_.worker(), std::move(of), range, RangeReader::Use::kBody);
    std::optional<cachey::Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    if (!*opened) co_return std::unexpected(opened->error());
    co_return co_await read_rest(reader);
  }
  /// `reader` is open.
  [[nodiscard]] static rt::Task<cachey::Result<uint64_t>> read_rest(RangeReader& reader) {
    uint64_t bytes = 0;
    while (!reader.at_end()) {
      iovec parts[32];
      const size_t count = reader.pin(parts);
      if (count == 0) {
        cachey::Result<void> more = co_await reader.wait();
        if (!more) co_return std::unexpected(more.error());
        continue;
      }
      const uint64_t here = total_bytes(std::span<const iovec>(parts, count));
      reader.release(here);
      bytes += here;
    }
    co_return bytes;
  }

  PageSize page_size_;
};

}  // namespace cachey::cache
