#include "store/arena.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cachey::store {
namespace {

constexpr int kOwner = 0;
void* const kSomebody = const_cast<int*>(&kOwner);

TEST(Arena, RoundingCostsLittle) {
  EXPECT_EQ(Arena::rounded(1), 4 * kKiB);
  EXPECT_EQ(Arena::rounded(4 * kKiB), 4 * kKiB);
  EXPECT_EQ(Arena::rounded(4 * kKiB + 1), 8 * kKiB);
  EXPECT_EQ(Arena::rounded(kPageBytes), kPageBytes);
  EXPECT_EQ(Arena::rounded(9 * kMiB), 9 * kMiB);
  for (uint64_t bytes = 32 * kKiB; bytes <= kPageBytes; bytes += 12'345) {
    EXPECT_GE(Arena::rounded(bytes), bytes);
    EXPECT_LE(Arena::rounded(bytes), bytes + bytes / 7 + kUnitBytes) << bytes;
  }
}

TEST(Arena, AWholePageIsEightSlabs) {
  Arena arena(kPageBytes);
  Extents extents;
  ASSERT_TRUE(arena.allocate(kPageBytes, kSomebody, extents));
  EXPECT_EQ(extents.size(), 8u);
  Extents more;
  EXPECT_FALSE(arena.allocate(1, kSomebody, more));
  EXPECT_TRUE(more.empty());
  arena.release(extents, kSomebody);
  EXPECT_EQ(arena.used_bytes(), 0u);
  EXPECT_TRUE(arena.allocate(1, kSomebody, more));
}

TEST(Arena, FailsAsAWholeAndLeavesNothingTaken) {
  Arena arena(4 * kMiB);
  Extents extents;
  EXPECT_FALSE(arena.allocate(5 * kMiB, kSomebody, extents));
  EXPECT_EQ(arena.used_bytes(), 0u);
}

TEST(Arena, NamesTheOwnersOfTheEmptiestSlab) {
  Arena arena(8 * kMiB);
  int owners[3];
  Extents a, b, c;
  ASSERT_TRUE(arena.allocate(kMiB, &owners[0], a));
  ASSERT_TRUE(arena.allocate(kMiB, &owners[1], b));
  ASSERT_TRUE(arena.allocate(4 * kKiB, &owners[2], c));
  EXPECT_EQ(arena.owners_of_emptiest_slab(0), std::vector<void*>{&owners[2]});
  EXPECT_EQ(arena.owners_of_emptiest_slab(1).size(), 2u);
  EXPECT_TRUE(arena.owners_of_emptiest_slab(2).empty());
}

TEST(Arena, ALowerLimitReturnsFreeMemoryToTheSystem) {
  Arena arena(8 * kMiB);
  Extents extents;
  ASSERT_TRUE(arena.allocate(8 * kMiB, kSomebody, extents));
  EXPECT_EQ(arena.committed_bytes(), 8 * kMiB);
  arena.set_limit(4 * kMiB);
  EXPECT_EQ(arena.committed_bytes(), 8 * kMiB);
  arena.release(extents, kSomebody);
  EXPECT_EQ(arena.committed_bytes(), 4 * kMiB);
}

/// Random allocations and releases: extents never overlap, all bytes come back, and in the end the
/// arena serves whole pages again.
TEST(Arena, NeverHandsOutAByteTwice) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    Arena arena(64 * kMiB);
    struct Held {
      std::unique_ptr<int> owner = std::make_unique<int>();
      Extents extents;
    };
    std::vector<Held> held;
    std::map<const std::byte*, size_t> taken;  // start -> size
    for (int step = 0; step < 20'000; ++step) {
      if (random() % 2 == 0 || held.empty()) {
        const uint64_t bytes =
            random() % 8 == 0 ? random() % kPageBytes + 1 : random() % (200 * kKiB) + 1;
        Held h;
        if (!arena.allocate(bytes, h.owner.get(), h.extents)) continue;
        for (const Extent& e : h.extents) {
          EXPECT_EQ(reinterpret_cast<uintptr_t>(e.data) % e.size, 0u);
          const auto next = taken.lower_bound(e.data);
          if (next != taken.end()) ASSERT_LE(e.data + e.size, next->first);
          if (next != taken.begin())
            ASSERT_LE(std::prev(next)->first + std::prev(next)->second, e.data);
          taken.emplace(e.data, e.size);
        }
        held.push_back(std::move(h));
      } else {
        std::swap(held[random() % held.size()], held.back());
        for (const Extent& e : held.back().extents) taken.erase(e.data);
        arena.release(held.back().extents, held.back().owner.get());
        held.pop_back();
      }
    }
    for (Held& h : held) arena.release(h.extents, h.owner.get());
    EXPECT_EQ(arena.used_bytes(), 0u);
    Extents all;
    EXPECT_TRUE(arena.allocate(64 * kMiB, kSomebody, all));
  }
}

}  // namespace
}  // namespace cachey::store
