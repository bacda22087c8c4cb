// How many pages one hold of the tier's mutex looks at, under patterns of use that are made to let
// the search for a victim run long.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "store/queue_pair.h"
#include "store/residents.h"
#include "store/rule_trials.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

/// S3-FIFO, and the number of pages that it looked at.
class CountedLooks final : public S3Fifo {
 public:
  explicit CountedLooks(size_t& looks) : looks_(looks) {}

  [[nodiscard]] Victim<Evictable> victim(
      const std::function<Verdict(Evictable&)>& verdict) override {
    const Victim<Evictable> found = S3Fifo::victim(verdict);
    looks_ += found.looks;
    return found;
  }

 private:
  size_t& looks_;
};

/// Memory full of tiny pages.
class EvictionLooks : public ::testing::Test {
 protected:
  static constexpr uint64_t kTiny = 4 * kKiB;
  static constexpr uint64_t kMemory = 64 * kMiB;
  static constexpr size_t kCallMax = 256;  // of the policy
  // The last call of a step may begin just before the step's bound.
  static constexpr size_t kStepMax = Residents::kLooksMax + kCallMax;

  EvictionLooks() {
    while (evictions_ == 0) add(kTiny);
  }

  /// Returns the steps that the page took.
  size_t add(uint64_t bytes) {
    const TestPagePtr page(new TestPage(spread(++hash_)));
    Residents::Request request{*page, bytes};
    size_t steps = 0;
    auto step = Residents::Step::kAgain;
    while (step == Residents::Step::kAgain) {
      looks_ = 0;
      Residents::Evicted evicted;
      step = residents_.allocate(request, MonoTime(std::chrono::hours(1)),
                                 Residents::LiveReaders::kSpare, evicted);
      most_looks_ = std::max(most_looks_, looks_);
      evictions_ += evicted.size();
      ++steps;
    }
    EXPECT_EQ(step, Residents::Step::kDone);
    residents_.insert(*page);
    pages_.push_back(page);
    return steps;
  }
  /// Uses all pages but every `unused_each`-th.
  void use_all(size_t unused_each) {
    std::erase_if(pages_, [](const TestPagePtr& page) { return page->memory_gone(); });
    for (size_t i = 0; i < pages_.size(); ++i)
      for (int uses = 0; uses < UseCount::kMax && i % unused_each != 0; ++uses) pages_[i]->touch();
  }

  size_t looks_ = 0;
  size_t most_looks_ = 0;  // of one step
  size_t evictions_ = 0;
  uint64_t hash_ = 0;
  Residents residents_{kMemory, std::make_unique<CountedLooks>(looks_), std::chrono::seconds(1)};
  std::vector<TestPagePtr> pages_;
};

TEST_F(EvictionLooks, AStepIsBoundedHoweverThePagesAreUsed) {
  for (const size_t unused_each : {2, 5, 20, 100, 250, 1'000, 1'000'000}) {
    SCOPED_TRACE(unused_each);
    most_looks_ = 0;
    for (int turn = 0; turn < 4; ++turn) {
      use_all(unused_each);
      (void)add(kPageBytes);
      for (int i = 0; i < 200; ++i) (void)add(kTiny);
    }
    EXPECT_GT(most_looks_, 0);
    EXPECT_LE(most_looks_, kStepMax);
  }
}

/// A pass over pages takes uses away, so the number of steps has a bound.
TEST_F(EvictionLooks, AnAllocationLooksAtAPageOnceForEachOfItsUses) {
  use_all(SIZE_MAX);
  const size_t steps = add(kPageBytes);
  const size_t most = pages_.size() * (UseCount::kMax + 1);
  EXPECT_LE(steps, most / kCallMax + kPageBytes / kTiny / Residents::kEvictionsMax + 2);
}

/// Tiny entries that are used all the time, beside large ones that need the room of many.
TEST(RuleTrialsLooks, ARequestIsBounded) {
  constexpr uint64_t kSampled = 1'000;
  constexpr uint64_t kTinyBytes = 4 * kKiB;
  RuleTrials trials;
  size_t most = 0;
  uint64_t large = 1'000'000;
  for (int turn = 0; turn < 200; ++turn) {
    for (int uses = 0; uses < UseCount::kMax; ++uses)
      for (uint64_t tiny = 1; tiny <= kSampled; ++tiny)
        most = std::max(most,
                        trials.request(spread(tiny), kTinyBytes, kSampled * kTinyBytes, kSampled));
    for (const uint64_t bytes : {kTinyBytes, 50 * kTinyBytes, kSampled * kTinyBytes / 2})
      most =
          std::max(most, trials.request(spread(++large), bytes, kSampled * kTinyBytes, kSampled));
  }
  EXPECT_GT(most, 0);
  EXPECT_LE(most, RuleTrials::kLooksMax);
}

}  // namespace
}  // namespace cachey::store
