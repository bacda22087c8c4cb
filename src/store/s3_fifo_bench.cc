#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

#include "base/hash.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

// The cost of the policy: per hit, and per eviction with hits in between.

namespace cachey::store {
namespace {

constexpr uint64_t kEntryBytes = 4 * kKiB;

class Entries {
 public:
  explicit Entries(int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      all_.emplace_back(new TestPage(spread(static_cast<uint64_t>(i)), kEntryBytes));
  }
  [[nodiscard]] TestPage& any() { return *all_[random_() % all_.size()]; }
  [[nodiscard]] auto begin() { return all_.begin(); }
  [[nodiscard]] auto end() { return all_.end(); }

 private:
  std::vector<TestPagePtr> all_;
  std::minstd_rand random_{1};
};

void touch(benchmark::State& state) {
  Entries entries(state.range(0));
  for (auto _ : state) entries.any().touch();
}
BENCHMARK(touch)->ArgName("entries")->Arg(1'000)->Arg(1'000'000);

/// Each round: `uses` hits on random entries, then one entry leaves and enters again.
void evict_and_insert(benchmark::State& state) {
  Entries entries(state.range(0));
  S3Fifo policy;
  for (const auto& entry : entries) policy.insert(*entry);
  for (auto _ : state) {
    for (int64_t use = 0; use < state.range(1); ++use) entries.any().touch();
    Victim<Evictable> found;
    do found = policy.victim([](Evictable&) { return Verdict::kEvict; });
    while (found.again);
    policy.insert(*found.entry);
  }
}
BENCHMARK(evict_and_insert)
    ->ArgNames({"entries", "uses"})
    ->ArgsProduct({{1'000, 1'000'000}, {0, 2, 8}});

}  // namespace
}  // namespace cachey::store
