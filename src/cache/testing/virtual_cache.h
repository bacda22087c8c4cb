#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cache/range_reader.h"
#include "cache/testing/forget_memory.h"
#include "origin/testing/fake_origin.h"
#include "rt/testing/virtual_worker.h"
#include "store/s3_fifo.h"
#include "store/testing/faulty_device.h"

namespace cachey::cache {

struct VirtualCacheSetup {
  uint64_t memory = 256 * kMiB;
  FillConfig fills{};
  origin::GateLimits gate{};
  uint64_t disk = 0;  ///< bytes; 0: no disk tier
};

/// For tests: a cache over a fake origin, on one worker in virtual time.
class VirtualCache {
 protected:
  explicit VirtualCache(
      VirtualCacheSetup setup = {},
      std::unique_ptr<store::EvictionPolicy> policy = std::make_unique<store::S3Fifo>())
      : gate_(setup.gate, world_.clock(), metrics_),
        memory_({.limit_bytes = setup.memory}, std::move(policy), world_.clock()),
        device_(setup.disk == 0 ? store::kUnitBytes : setup.disk),
        disk_(setup.disk == 0 ? nullptr : open_disk()),
        cache_(std::move(setup.fills), origin::ReadContext{origin_, buckets_, gate_, read_metrics_},
               memory_, cache_metrics_, world_.clock(), disk_.get()) {}

  /// Lets time pass until no task runs. If tasks use members of a test, the test's destructor calls
  /// this.
  void settle() {
    while (world_.worker().tasks().size() > 0) world_.pass(std::chrono::milliseconds(100));
  }
  [[nodiscard]] std::shared_ptr<FetchSpec> spec(const std::string& object,
                                                std::vector<std::string> buckets = {"b"},
                                                const std::string& kind = "k") {
    auto made = std::make_shared<FetchSpec>();
    made->key = ObjectKey{kind, object};
    made->buckets = std::move(buckets);
    made->metrics = &cache_metrics_.of(kind);
    return made;
  }
  /// Opens a reader of the range and reads nothing.
  [[nodiscard]] rt::Task<Result<void>> open(FetchSpecPtr of, ByteRange range) {
    RangeReader reader(cache_, world_.worker(), std::move(of), range, RangeReader::Use::kBody);
    std::optional<Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    co_return std::move(*opened);
  }

  /// As after a restart: the disk has what was written.
  void forget_memory() { cache::forget_memory(cache_); }

  rt::VirtualWorker world_;
  Metrics metrics_;
  CacheMetrics cache_metrics_{metrics_, 10};
  origin::FakeOrigin origin_;
  origin::Buckets buckets_{0.99, world_.clock(), metrics_};
  origin::Gate gate_;
  origin::ReadMetrics read_metrics_{metrics_};
  store::MemoryTier memory_;
  FixedRandom random_{0.37};
  store::FaultyDevice device_;
  std::unique_ptr<store::DiskTier> disk_;  // null: none
  Cache cache_;

 private:
  [[nodiscard]] std::unique_ptr<store::DiskTier> open_disk() {
    auto opened = store::DiskTier::open(device_, store::DiskTierConfig{},
                                        store::DiskTier::Start::kKeep, world_.clock(), random_);
    CHECK(opened.has_value());
    (*opened)->recover();
    return std::move(*opened);
  }
};

}  // namespace cachey::cache
