// Hits beside a purge of half of the table. CACHEY_HOLD_TIMES=full: with a million objects; prints
// how long look-ups took, and requires that the purge does not slow them.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "cache/page_table.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"
#include "store/testing/hold_times.h"

namespace cachey::cache {
namespace {

using Times = std::vector<std::chrono::nanoseconds>;

class PurgeHits : public ::testing::Test {
 protected:
  static std::string name_of(size_t object) {
    return (object % 2 == 0 ? "goes/" : "stays/") + std::to_string(object);
  }

  void fill() {
    for (size_t i = 0; i < objects_; ++i) {
      auto spec = std::make_shared<FetchSpec>();
      spec->key = ObjectKey{"k", name_of(i)};
      spec->buckets = {"b"};
      (void)table_.find_or_create(spec, 0, FillOrder::kFromBegin);
    }
  }
  /// Looks for objects that stay until `done`; false: one was not found.
  bool look_up(const std::atomic<bool>& done, Times& took) {
    bool found = true;
    for (size_t i = 1; !done; i = (i + 7'919 * 2) % (objects_ - 1) | 1) {
      const std::string name = name_of(i);
      const auto began = std::chrono::steady_clock::now();
      found &= table_.find({"k", name}, 0) != nullptr;
      took.push_back(std::chrono::steady_clock::now() - began);
    }
    return found;
  }
  static std::chrono::nanoseconds quantile(Times& times, double of) {
    const auto at =
        times.begin() + static_cast<ptrdiff_t>(of * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), at, times.end());
    return *at;
  }
  /// Looks up while `work` runs.
  template <typename Work>
  Times beside(const Work& work) {
    std::atomic<bool> done{false};
    Times took;
    took.reserve(50'000'000);
    std::thread hits([&] { EXPECT_TRUE(look_up(done, took)); });
    work();
    done = true;
    hits.join();
    return took;
  }

  const size_t objects_ = store::full_scale() ? 1'000'000 : 20'000;
  const SystemClock clock_;
  store::MemoryTier memory_{{.limit_bytes = 8 * kGiB}, std::make_unique<store::S3Fifo>(), clock_};
  PageTable table_{memory_};
};

TEST_F(PurgeHits, APurgeBesideThemTakesItsObjectsAlone) {
  fill();
  Times idle = beside([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(store::full_scale() ? 2'000 : 50));
  });
  const KeyScope scope = KeyScope::prefix("k", "goes/");
  size_t taken = 0;
  Times busy = beside([&] {
    TableWalk walk;
    std::vector<PagePtr> pages;
    while (table_.take_some(scope, walk, pages)) {
      taken += pages.size();
      for (const PagePtr& page : pages) page->discard();
      pages.clear();
    }
    taken += pages.size();
  });
  EXPECT_EQ(taken, objects_ / 2);
  EXPECT_EQ(table_.objects(), objects_ - objects_ / 2);
  if (!store::full_scale() || idle.empty() || busy.empty()) return;
  const auto before = quantile(idle, 0.99);
  const auto meanwhile = quantile(busy, 0.99);
  std::printf("p99 of %zu look-ups: %ld ns; of %zu beside the purge: %ld ns\n", idle.size(),
              static_cast<long>(before.count()), busy.size(), static_cast<long>(meanwhile.count()));
  EXPECT_LE(meanwhile, 2 * before);
}

}  // namespace
}  // namespace cachey::cache
