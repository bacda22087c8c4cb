#include "store/s3_fifo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>

#include "base/check.h"
#include "base/hash.h"
#include "store/testing/test_page.h"

namespace cachey::store {
namespace {

constexpr uint64_t kEntryBytes = 4 * kKiB;

TestPagePtr make_entry(uint64_t hash) { return TestPagePtr(new TestPage(hash, kEntryBytes)); }

Evictable* victim_of(S3Fifo& policy, const std::function<Verdict(Evictable&)>& verdict) {
  Victim<Evictable> found;
  do found = policy.victim(verdict);
  while (found.again);
  return found.entry;
}

Evictable* victim_of(S3Fifo& policy) {
  return victim_of(policy, [](Evictable&) { return Verdict::kEvict; });
}

std::function<Verdict(Evictable&)> all_but(std::set<Evictable*> held) {
  return [held = std::move(held)](Evictable& entry) {
    return held.contains(&entry) ? Verdict::kSetAside : Verdict::kEvict;
  };
}

TEST(S3Fifo, EvictsTheUnusedBeforeTheUsed) {
  std::vector<TestPagePtr> entries;
  S3Fifo policy;
  for (uint64_t i = 0; i < 10; ++i) {
    entries.push_back(make_entry(i));
    policy.insert(*entries.back());
  }
  entries[0]->touch();
  entries[0]->touch();
  EXPECT_EQ(victim_of(policy), entries[1].get());
  EXPECT_TRUE(policy.contains(*entries[0]));
  EXPECT_FALSE(policy.contains(*entries[1]));
}

TEST(S3Fifo, AColdEntryIsRememberedByNobody) {
  S3Fifo policy;
  const TestPagePtr evicted = make_entry(1);
  policy.insert(*evicted);
  EXPECT_EQ(victim_of(policy), evicted.get());
  const TestPagePtr cold = make_entry(1);
  cold->set_cold(true);
  policy.insert(*cold);  // to the small queue, although its hash is remembered
  const TestPagePtr next = make_entry(2);
  policy.insert(*next);
  EXPECT_EQ(victim_of(policy), cold.get());
  EXPECT_EQ(victim_of(policy), next.get());
}

/// Rule 1: the small queue's part is 5 %.
TEST(S3Fifo, WhatWaitsForTheDiskStaysForAWhile) {
  constexpr uint64_t kLarge = 16 * kMiB;
  const auto large = [](uint64_t hash) { return TestPagePtr(new TestPage(hash, kLarge)); };
  const TestPagePtr idle = large(100);
  const TestPagePtr fifth = large(300);
  std::vector<TestPagePtr> used;
  std::vector<TestPagePtr> waiting;
  S3Fifo policy;
  for (uint64_t i = 0; i < 10; ++i) {
    used.push_back(large(i));
    policy.insert(*used.back());
    for (int uses = 0; uses < 2; ++uses) used.back()->touch();
  }
  policy.insert(*idle);
  EXPECT_EQ(victim_of(policy), idle.get());  // the others are in the main queue now
  for (uint64_t i = 0; i < 4; ++i) {
    waiting.push_back(large(200 + i));
    waiting.back()->writing_began();
    policy.insert(*waiting.back());
    const Evictable* const left = victim_of(policy);
    const auto is_left = [left](const TestPagePtr& page) { return page.get() == left; };
    EXPECT_TRUE(std::any_of(used.begin(), used.end(), is_left));
  }
  fifth->writing_began();
  policy.insert(*fifth);
  EXPECT_EQ(victim_of(policy), waiting[0].get()) << "the small queue has more than 64 MiB";
  waiting[1]->writing_ended();
  EXPECT_EQ(victim_of(policy), waiting[1].get());
  EXPECT_TRUE(policy.contains(*fifth));
}

TEST(S3Fifo, WhatMayNotLeaveIsSetAsideAndComesBackAsTheNextCandidate) {
  const TestPagePtr a = make_entry(1);
  const TestPagePtr b = make_entry(2);
  const TestPagePtr c = make_entry(3);
  S3Fifo policy;
  for (const TestPagePtr& entry : {a, b, c}) policy.insert(*entry);
  EXPECT_EQ(victim_of(policy, all_but({a.get()})), b.get());
  EXPECT_TRUE(policy.is_set_aside(*a));
  EXPECT_TRUE(policy.contains(*a));
  policy.put_back(*a);
  EXPECT_EQ(victim_of(policy), a.get());
  EXPECT_EQ(victim_of(policy), c.get());
  EXPECT_EQ(victim_of(policy), nullptr);
}

TEST(S3Fifo, WhatIsSetAsideIsNoCandidate) {
  const TestPagePtr a = make_entry(1);
  const TestPagePtr b = make_entry(2);
  S3Fifo policy;
  policy.insert(*a);
  policy.insert(*b);
  int asked = 0;
  const auto count = [&](Evictable&) {
    ++asked;
    return Verdict::kSetAside;
  };
  EXPECT_EQ(victim_of(policy, count), nullptr);
  EXPECT_EQ(victim_of(policy, count), nullptr);
  EXPECT_EQ(asked, 2);
  policy.remove(*a);
  EXPECT_FALSE(policy.contains(*a));
  policy.put_back(*b);
  EXPECT_EQ(victim_of(policy), b.get());
}

/// Four entries in the main queue and two in the small one.
struct FifoPair {
  FifoPair() {
    for (uint64_t i = 0; i < 5; ++i) main.push_back(make_entry(i));
    for (const TestPagePtr& entry : main) {
      policy.insert(*entry);
      entry->touch();
      entry->touch();
    }
    small.push_back(make_entry(10));
    policy.insert(*small[0]);
    // Moves the used entries to the main queue.
    EXPECT_EQ(victim_of(policy), small[0].get());
    small = {make_entry(20), make_entry(21)};
    for (const TestPagePtr& entry : small) policy.insert(*entry);
  }
  std::vector<TestPagePtr> main;
  std::vector<TestPagePtr> small;
  S3Fifo policy;  // destroyed before the entries
};

TEST(S3Fifo, TheMainQueueHasItsTurnWhileTheSmallOneIsSetAside) {
  FifoPair queues;
  const auto held = all_but({queues.small[0].get(), queues.small[1].get()});
  for (const TestPagePtr& entry : queues.main)
    EXPECT_EQ(victim_of(queues.policy, held), entry.get());
  EXPECT_EQ(victim_of(queues.policy, held), nullptr);
  queues.policy.put_back(*queues.small[1]);
  queues.policy.put_back(*queues.small[0]);
  EXPECT_EQ(victim_of(queues.policy), queues.small[0].get());
}

TEST(S3Fifo, TheSmallQueueHasItsTurnWhileTheMainOneIsSetAside) {
  FifoPair queues;
  std::set<Evictable*> held;
  for (const TestPagePtr& entry : queues.main) held.insert(entry.get());
  for (const TestPagePtr& entry : queues.small)
    EXPECT_EQ(victim_of(queues.policy, all_but(held)), entry.get());
  EXPECT_EQ(victim_of(queues.policy, all_but(held)), nullptr);
}

TEST(S3Fifo, ACallLooksAtABoundedNumberOfEntries) {
  constexpr size_t kCount = 1000;
  constexpr size_t kLooksMax = 256;
  std::vector<TestPagePtr> entries;
  S3Fifo policy;
  for (uint64_t i = 0; i < kCount; ++i) {
    entries.push_back(make_entry(i));
    policy.insert(*entries.back());
  }
  size_t looks = 0;
  size_t calls = 0;
  Victim<Evictable> found;
  do {
    const size_t before = looks;
    found = policy.victim([&looks](Evictable&) {
      ++looks;
      return Verdict::kSetAside;
    });
    EXPECT_LE(looks - before, kLooksMax);
    ++calls;
  } while (found.again);
  EXPECT_TRUE(found.none());
  EXPECT_EQ(looks, kCount);
  EXPECT_GE(calls, kCount / kLooksMax);
}

/// If each entry is used as often as it is passed over, a search still ends.
TEST(S3Fifo, ASearchGivesABoundedNumberOfSecondChances) {
  constexpr size_t kSecondChancesMax = 4096;
  std::vector<TestPagePtr> entries;
  S3Fifo policy;
  const auto use = [](Evictable& entry) {
    for (int i = 0; i < 3; ++i) entry.touch();
  };
  for (uint64_t i = 0; i < 2 * kSecondChancesMax; ++i) {
    entries.push_back(make_entry(i));
    policy.insert(*entries.back());
    use(*entries.back());
  }
  size_t calls = 0;
  Victim<Evictable> found;
  do found = policy.victim([](Evictable&) { return Verdict::kEvict; });
  while (found.again && ++calls < kSecondChancesMax);
  EXPECT_NE(found.entry, nullptr);
}

TEST(Ghosts, AreForgottenInOrderPastTheirNumber) {
  Ghosts ghosts;
  for (uint64_t hash = 0; hash < 300; ++hash) ghosts.remember(spread(hash), 256);
  EXPECT_FALSE(ghosts.take(spread(43)));
  EXPECT_TRUE(ghosts.take(spread(44)));
  EXPECT_FALSE(ghosts.take(spread(44)));
  EXPECT_TRUE(ghosts.take(spread(299)));
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
    insert(key, false);
    return false;
  }
  void warm(uint64_t key) { insert(key, true); }
  [[nodiscard]] bool has(uint64_t key) const { return cache_.contains(key); }

 private:
  void insert(uint64_t key, bool cold) {
    while (cache_.size() >= capacity_) {
      Evictable* victim = victim_of(policy_);
      CHECK(victim != nullptr);
      cache_.erase(victim->content_hash());
    }
    TestPagePtr entry = make_entry(key);
    entry->set_cold(cold);
    policy_.insert(*entry);
    cache_.emplace(key, std::move(entry));
  }

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

double hit_share(Simulation& cache, int requests, const std::function<uint64_t(int)>& key_of) {
  int hits = 0;
  for (int i = 0; i < requests; ++i) hits += cache.get(key_of(i)) ? 1 : 0;
  return static_cast<double>(hits) / requests;
}

/// No page of a loop is better than another one, so the cache must keep some and let the others go.
TEST(S3Fifo, ALoopOverMoreThanFitsHitsNearlyWhatFits) {
  Simulation cache(1000);
  const auto loop = [](int i) { return static_cast<uint64_t>(i) % 2500; };
  (void)hit_share(cache, 25'000, loop);
  EXPECT_GT(hit_share(cache, 25'000, loop), 0.36);
}

TEST(S3Fifo, ShuffledEpochsHitNearlyWhatFits) {
  Simulation cache(1000);
  std::mt19937 random(1);
  std::vector<uint64_t> order(2500);
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto epochs = [&](int i) {
    if (i % 2500 == 0) std::shuffle(order.begin(), order.end(), random);
    return order[static_cast<size_t>(i) % 2500];
  };
  (void)hit_share(cache, 50'000, epochs);
  EXPECT_GT(hit_share(cache, 50'000, epochs), 0.36);
}

TEST(S3Fifo, AfterALoopNewFavouritesAreKept) {
  Simulation cache(1000);
  (void)hit_share(cache, 50'000, [](int i) { return static_cast<uint64_t>(i) % 2500; });
  std::mt19937 random(1);
  // 500 favourites, others every 5,000 requests, beside what is read once.
  const auto shifting = [&](int i) -> uint64_t {
    if (i % 4 == 0) return 1'000'000 + static_cast<uint64_t>(i);
    return 10'000 + static_cast<uint64_t>(i) / 5'000 * 500 + random() % 500;
  };
  (void)hit_share(cache, 50'000, shifting);
  EXPECT_GT(hit_share(cache, 50'000, shifting), 0.55);  // 0.65 at most
}

/// MemoryTier promises a tenth of its memory to pages that are warmed.
TEST(S3Fifo, ColdEntriesUpToATenthStayUnderEachRule) {
  for (const uint64_t contents : {1'000, 2'500}) {  // the second one brings the rule for loops
    Simulation cache(1000);
    (void)hit_share(cache, 50'000, [&](int i) { return static_cast<uint64_t>(i) % contents; });
    for (uint64_t key = 1'000'000; key < 1'000'090; ++key) cache.warm(key);
    for (uint64_t key = 1'000'000; key < 1'000'090; ++key) EXPECT_TRUE(cache.has(key)) << key;
  }
}

/// The sampled entries are known by address: none may stay there after its end.
TEST(S3Fifo, EntriesComeAndGoWithoutEviction) {
  S3Fifo policy;
  std::mt19937 random(1);
  std::vector<TestPagePtr> entries;
  for (uint64_t i = 0; i < 20'000; ++i) {
    entries.push_back(make_entry(spread(i)));
    policy.insert(*entries.back());
    entries[random() % entries.size()]->touch();
    if (entries.size() < 3'000) continue;
    const size_t at = random() % entries.size();
    policy.remove(*entries[at]);
    entries.erase(entries.begin() + static_cast<ptrdiff_t>(at));
  }
  for (const TestPagePtr& entry : entries) policy.remove(*entry);
  EXPECT_EQ(victim_of(policy), nullptr);
}

}  // namespace
}  // namespace cachey::store
