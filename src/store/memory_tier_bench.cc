#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <random>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

// The cost of a page's memory: from a full tier, by eviction; and for a read.

namespace cachey::store {
namespace {

/// A tier, and a worker; the caller runs the worker's loop.
struct Tier {
  explicit Tier(uint64_t limit)
      : memory(MemoryTierConfig{.limit_bytes = limit}, std::make_unique<S3Fifo>(), clock) {}

  /// The steps of a fill without the bytes. Never waits.
  rt::Task<TestPagePtr> publish(uint64_t bytes) {
    TestPagePtr page(new TestPage(spread(next_hash++)));
    const std::optional<Admission> admission = memory.bodies().try_admit("bucket", bytes);
    const Result<void> allocated = co_await memory.allocate(worker, *page, bytes);
    CHECK(admission && allocated);
    memory.publish(*page);
    co_return page;
  }

  void run(rt::Task<void> task) {
    rt::asio::co_spawn(worker.io(), std::move(task), rt::asio::detached);
    worker.io().poll();
  }

  const SystemClock clock;
  MemoryTier memory;
  rt::Worker worker{0, clock};
  uint64_t next_hash = 1;
};

constexpr int64_t kPageKib = int64_t{kPageBytes / kKiB};

rt::Task<void> publish_all(Tier& tier, benchmark::State& state, std::vector<uint64_t> sizes) {
  size_t next = 0;
  const auto size = [&] { return sizes[next++ % sizes.size()]; };
  while (tier.memory.stats().evictions == 0) (void)co_await tier.publish(size());
  for (auto _ : state) (void)co_await tier.publish(size());
}

void evict_and_publish(benchmark::State& state) {
  Tier tier(static_cast<uint64_t>(state.range(1)) * kMiB);
  tier.run(publish_all(tier, state, {static_cast<uint64_t>(state.range(0)) * kKiB}));
}
BENCHMARK(evict_and_publish)
    ->ArgNames({"KiB", "tier_MiB"})
    ->ArgsProduct({{4, 64, kPageKib}, {256, 4096}});

/// Sizes from 4 KiB to 16 MiB; each power of two is equally frequent.
void evict_and_publish_mixed(benchmark::State& state) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> sizes(4096);
  for (uint64_t& size : sizes) {
    const uint64_t power = 4 * kKiB << random() % 12;
    size = power + random() % power;
  }
  Tier tier(static_cast<uint64_t>(state.range(0)) * kMiB);
  tier.run(publish_all(tier, state, std::move(sizes)));
}
BENCHMARK(evict_and_publish_mixed)->ArgName("tier_MiB")->Arg(256)->Arg(4096);

rt::Task<void> read_page(Tier& tier, benchmark::State& state, uint64_t bytes) {
  const TestPagePtr page = co_await tier.publish(kPageBytes);
  std::array<iovec, 32> parts;
  uint64_t begin = 0;
  for (auto _ : state) {
    CHECK(page->try_pin());
    benchmark::DoNotOptimize(page->gather({begin, begin + bytes}, parts));
    page->unpin();
    begin = (begin + bytes) % kPageBytes;
  }
}

/// Pin, gather and unpin, as for one system call.
void pin_and_gather(benchmark::State& state) {
  Tier tier(2 * kPageBytes);
  tier.run(read_page(tier, state, static_cast<uint64_t>(state.range(0)) * kKiB));
}
BENCHMARK(pin_and_gather)->ArgName("KiB")->Arg(64)->Arg(kPageKib);

}  // namespace
}  // namespace cachey::store
