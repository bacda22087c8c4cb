#include <gtest/gtest.h>

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <random>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/units.h"
#include "store/entry_traits.h"
#include "store/queue_pair.h"
#include "store/s3_fifo.h"
#include "store/testing/test_page.h"

// Entries of several sizes under one policy: a hit counts for its request and for its bytes.

namespace cachey::store {
namespace {

class SizedCache {
 public:
  explicit SizedCache(uint64_t capacity) : capacity_(capacity) {}

  /// True: a hit.
  bool get(uint64_t key, uint64_t bytes) {
    if (const auto it = entries_.find(key); it != entries_.end()) {
      it->second->touch();
      return true;
    }
    for (used_ += bytes; used_ > capacity_;) evict();
    TestPagePtr entry(new TestPage(key, bytes));
    policy_.insert(*entry);
    entries_.emplace(key, std::move(entry));
    return false;
  }
  [[nodiscard]] bool has(uint64_t key) const { return entries_.contains(key); }

 private:
  void evict() {
    const auto found = policy_.victim([](Evictable&) { return Verdict::kEvict; });
    CHECK(!found.none());
    if (found.entry == nullptr) return;
    used_ -= found.entry->memory_bytes();
    entries_.erase(found.entry->content_hash());
  }

  const uint64_t capacity_;
  uint64_t used_ = 0;
  std::unordered_map<uint64_t, TestPagePtr> entries_;
  S3Fifo policy_;  // destroyed before the entries
};

constexpr uint64_t kSmallBytes = 4 * kKiB;
constexpr uint64_t kLargeBytes = kMiB;

/// All are read as often: the small ones take 4 of 30 MiB, and the large ones would take 100 MiB.
TEST(MixedSizes, SmallEntriesStayIfLargeOnesAreReadAsOften) {
  SizedCache cache(30 * kMiB);
  std::mt19937 random(1);
  int small_hits = 0;
  int small_reads = 0;
  int large_hits = 0;
  int large_reads = 0;
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t number = random() % 1'100;
    const bool is_small = number < 1'000;
    const bool hit = cache.get(spread(number + 1), is_small ? kSmallBytes : kLargeBytes);
    if (i < 100'000) continue;
    (is_small ? small_reads : large_reads) += 1;
    (is_small ? small_hits : large_hits) += hit ? 1 : 0;
  }
  EXPECT_GT(small_hits, small_reads * 95 / 100);
  EXPECT_GT(large_hits, large_reads * 20 / 100);  // 26 % fit
}

TEST(MixedSizes, ASmallEntryThatNobodyReadsLeavesAtLast) {
  constexpr uint64_t kForgotten = 1;
  SizedCache cache(30 * kMiB);
  for (int i = 0; i < 10; ++i) (void)cache.get(kForgotten, kSmallBytes);
  std::mt19937 random(1);
  int reads = 0;
  for (; cache.has(kForgotten) && reads < 100'000; ++reads)
    (void)cache.get(spread(2 + random() % 100), kLargeBytes);
  EXPECT_GT(reads, 500);
  EXPECT_LT(reads, 100'000);
}

struct SizedEntry {
  boost::intrusive::list_member_hook<> hook;
  uint64_t hash = 0;
  uint64_t bytes = 0;
  uint8_t uses = 0;
  uint8_t queue = 0;
};

/// True: an entry that came back leaves in its turn among 20 others.
bool leaves_after_return(uint64_t bytes) {
  FrequencySketch sketch;
  std::vector<SizedEntry> others(20);
  SizedEntry back;
  back.hash = 1;
  back.bytes = bytes;
  QueuePair<SizedEntry, EntryTraits<SizedEntry>> queues(sketch, kKeepRules[0], 4);
  const auto evict = [&] {
    return queues.victim([](SizedEntry&) { return Verdict::kEvict; }).entry;
  };
  queues.insert(back);
  EXPECT_EQ(evict(), &back);
  for (SizedEntry& entry : others) {
    entry.hash = 100 + static_cast<uint64_t>(&entry - others.data());
    entry.bytes = kLargeBytes;
    if (&entry == &others[10]) queues.insert(back);
    queues.insert(entry);
  }
  std::vector<SizedEntry*> gone(12);
  std::ranges::generate(gone, evict);
  return std::ranges::find(gone, &back) != gone.end();
}

TEST(MixedSizes, OnlyEntriesUpToTwiceTheMeanSizeAreKeptBecauseTheyComeBack) {
  EXPECT_FALSE(leaves_after_return(kSmallBytes));
  EXPECT_FALSE(leaves_after_return(kLargeBytes));
  EXPECT_FALSE(leaves_after_return(2 * kLargeBytes));
  EXPECT_TRUE(leaves_after_return(5 * kLargeBytes / 2));
}

}  // namespace
}  // namespace cachey::store
