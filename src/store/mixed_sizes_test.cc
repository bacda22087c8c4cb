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

struct SizedEntry {
  boost::intrusive::list_member_hook<> hook;
  uint64_t hash = 0;
  uint64_t bytes = 0;
  uint8_t uses = 0;
  uint8_t queue = 0;
};

/// A cache under one rule, without trials.
class RuledCache {
 public:
  RuledCache(const KeepRule& rule, uint64_t capacity)
      : capacity_(capacity), queues_(sketch_, rule, 4) {}

  /// True: a hit.
  bool get(uint64_t key, uint64_t bytes) {
    const auto [found, is_new] = entries_.try_emplace(key);
    SizedEntry& entry = found->second;
    if (!is_new) {
      entry.uses = UseCount::used(entry.uses);
      return true;
    }
    entry.hash = key;
    entry.bytes = bytes;
    while (queues_.bytes() + bytes > capacity_) evict();
    queues_.insert(entry);
    return false;
  }
  [[nodiscard]] bool has(uint64_t key) const { return entries_.contains(key); }

 private:
  void evict() {
    const auto found = queues_.victim([](SizedEntry&) { return Verdict::kEvict; });
    if (found.entry != nullptr) entries_.erase(found.entry->hash);
  }

  const uint64_t capacity_;
  FrequencySketch sketch_;
  std::unordered_map<uint64_t, SizedEntry> entries_;       // addresses stay
  QueuePair<SizedEntry, EntryTraits<SizedEntry>> queues_;  // destroyed before the entries
};

constexpr uint64_t kSmallBytes = 4 * kKiB;
constexpr uint64_t kLargeBytes = kMiB;
constexpr uint64_t kCacheBytes = 30 * kMiB;

/// As shares of the reads.
struct SizedHits {
  double small = 0;
  double large = 0;
};

/// All are read as often: the small ones take 4 of 30 MiB, and the large ones would take 100 MiB.
template <typename Cache>
SizedHits read_all_as_often(Cache& cache) {
  std::mt19937 random(1);
  SizedHits hits;
  SizedHits reads;
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t number = random() % 1'100;
    const bool is_small = number < 1'000;
    const bool hit = cache.get(spread(number + 1), is_small ? kSmallBytes : kLargeBytes);
    if (i < 100'000) continue;
    (is_small ? reads.small : reads.large) += 1;
    (is_small ? hits.small : hits.large) += hit ? 1 : 0;
  }
  return {hits.small / reads.small, hits.large / reads.large};
}

TEST(MixedSizes, SmallEntriesStayIfLargeOnesAreReadAsOften) {
  SizedCache cache(kCacheBytes);
  const SizedHits hits = read_all_as_often(cache);
  EXPECT_GT(hits.small, 0.95);
  EXPECT_GT(hits.large, 0.20);  // 26 % fit
}

/// Under a rule that fills the main queue, small entries also stay because they came first.
TEST(MixedSizes, SmallEntriesStayUnderRulesThatDoNotFillTheMainQueue) {
  for (const KeepRule& rule : kKeepRules) {
    if (rule.fills_main) continue;
    SCOPED_TRACE(&rule - kKeepRules.data());
    RuledCache cache(rule, kCacheBytes);
    const SizedHits hits = read_all_as_often(cache);
    EXPECT_GT(hits.small, 0.75);  // 0.30, if a use counted the same for each byte
    EXPECT_GT(hits.large, 0.20);
  }
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

/// The next victim of the main queue is tiny and was used once. Each entry that comes is used more.
TEST(MixedSizes, ATinyEntryOutlastsABoundedNumberOfThoseThatAreUsedMore) {
  constexpr uint64_t kTinyKey = 1;
  constexpr KeepRule kByFrequency = kKeepRules[1];
  static_assert(kByFrequency.by_frequency && kByFrequency.fills_main);
  RuledCache cache(kByFrequency, kCacheBytes);
  uint64_t key = kTinyKey;
  (void)cache.get(spread(key), kSmallBytes);
  while (key < 1 + kCacheBytes / kLargeBytes) (void)cache.get(spread(++key), kLargeBytes);
  size_t left = 0;
  for (; cache.has(spread(kTinyKey)) && left < 1'000; ++left) {
    ++key;
    for (int uses = 0; uses < UseCount::kMax; ++uses) (void)cache.get(spread(key), kLargeBytes);
  }
  constexpr size_t kStaysMax = QueuePair<SizedEntry, EntryTraits<SizedEntry>>::kStaysMax;
  EXPECT_GT(left, kStaysMax / 2);
  EXPECT_LE(left, kStaysMax + 16);  // some of them find room
}

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
