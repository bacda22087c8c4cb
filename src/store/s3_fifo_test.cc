#include "store/s3_fifo.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <unordered_map>

#include "base/check.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

constexpr uint64_t kEntryBytes = 4 * kKiB;

TestPagePtr make_entry(uint64_t hash) { return TestPagePtr(new TestPage(hash, kEntryBytes)); }

const std::function<bool(Evictable&)> kAny = [](Evictable&) { return true; };

TEST(S3Fifo, EvictsTheUnusedBeforeTheUsed) {
  std::vector<TestPagePtr> entries;
  S3Fifo policy;
  for (uint64_t i = 0; i < 10; ++i) {
    entries.push_back(make_entry(i));
    policy.insert(*entries.back());
  }
  entries[0]->touch();
  entries[0]->touch();
  EXPECT_EQ(policy.victim(kAny), entries[1].get());
  EXPECT_TRUE(policy.contains(*entries[0]));
  EXPECT_FALSE(policy.contains(*entries[1]));
}

TEST(S3Fifo, PassesOverWhatMayNotLeave) {
  const TestPagePtr a = make_entry(1);
  const TestPagePtr b = make_entry(2);
  S3Fifo policy;
  policy.insert(*a);
  policy.insert(*b);
  EXPECT_EQ(policy.victim([&](Evictable& e) { return &e != a.get(); }), b.get());
  EXPECT_EQ(policy.victim([](Evictable&) { return false; }), nullptr);
  EXPECT_EQ(policy.victim(kAny), a.get());
  EXPECT_EQ(policy.victim(kAny), nullptr);
}

/// A cache of equal entries under the policy.
class Simulation {
 public:
  explicit Simulation(size_t capacity) : capacity_(capacity) {}

  bool get(uint64_t key) {
    if (const auto found = cache_.find(key); found != cache_.end()) {
      found->second->touch();
      return true;
    }
    while (cache_.size() >= capacity_) {
      Evictable* victim = policy_.victim(kAny);
      CHECK(victim != nullptr);
      cache_.erase(victim->content_hash());
    }
    TestPagePtr entry = make_entry(key);
    policy_.insert(*entry);
    cache_.emplace(key, std::move(entry));
    return false;
  }

 private:
  const size_t capacity_;
  std::unordered_map<uint64_t, TestPagePtr> cache_;
  S3Fifo policy_;  // destroyed before the entries
};

TEST(S3Fifo, AScanDoesNotFlushTheHotSet) {
  Simulation cache(1000);
  std::mt19937 random(1);
  auto hot_hits = [&](int requests) {
    int hits = 0;
    for (int i = 0; i < requests; ++i) hits += cache.get(random() % 800) ? 1 : 0;
    return hits;
  };
  (void)hot_hits(20'000);
  const int before = hot_hits(10'000);
  for (uint64_t key = 1'000'000; key < 1'010'000; ++key) {  // ten times the capacity, each once
    (void)cache.get(key);
    if (key % 4 == 0) (void)cache.get(random() % 800);
  }
  const int after = hot_hits(2'000) * 5;
  EXPECT_GT(before, 9'000);
  EXPECT_GT(after, before * 9 / 10);
}

}  // namespace
}  // namespace cachey::store
