#include "store/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

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

using Use = Arena::Use;

/// Extents of one allocation, all movable.
Extents movable(Arena& arena, uint64_t bytes, void* owner = kSomebody) {
  Extents extents;
  EXPECT_TRUE(arena.allocate(bytes, owner, extents));
  arena.set_use(extents, Use::kMovable);
  return extents;
}

std::vector<void*> owners_of_drained(const Arena& arena) {
  std::vector<void*> owners;
  for (void* owner : arena.draining_owners()) {
    if (owner != nullptr) owners.push_back(owner);
  }
  return owners;
}

uintptr_t slab_of(const Extents& extents) {
  return reinterpret_cast<uintptr_t>(extents[0].data) / Arena::kSlabBytes;
}

TEST(Arena, AWholePageIsEightSlabs) {
  Arena arena(kPageBytes);
  Extents extents;
  ASSERT_TRUE(arena.allocate(kPageBytes, kSomebody, extents));
  EXPECT_EQ(extents.size(), 8u);
  Extents more;
  EXPECT_FALSE(arena.allocate(1, kSomebody, more));
  EXPECT_TRUE(more.empty());
  arena.release(extents, Use::kHeld);
  EXPECT_EQ(arena.used_bytes(), 0u);
  EXPECT_TRUE(arena.allocate(1, kSomebody, more));
}

TEST(Arena, TakesWhatThereIsAndGoesOnLater) {
  Arena arena(4 * kMiB);
  const Extents other = movable(arena, kMiB);
  Extents extents;
  EXPECT_FALSE(arena.allocate(3 * kMiB + kMiB / 2, kSomebody, extents));
  EXPECT_EQ(extents.size(), 2u);
  EXPECT_EQ(arena.used_bytes(), 4 * kMiB);
  arena.release(other, Use::kMovable);
  EXPECT_TRUE(arena.allocate(3 * kMiB + kMiB / 2, kSomebody, extents));
  EXPECT_EQ(extents.size(), 3u);
  EXPECT_EQ(arena.used_bytes(), 3 * kMiB + kMiB / 2);
}

TEST(Arena, DrainsTheEmptiestSlabFirstAndSlabsOfOnePageLast) {
  Arena arena(8 * kMiB);
  int owners[4];
  const Extents whole = movable(arena, 2 * kMiB, &owners[3]);
  const Extents a = movable(arena, kMiB, &owners[0]);
  const Extents b = movable(arena, kMiB, &owners[1]);
  const Extents c = movable(arena, 4 * kKiB, &owners[2]);
  ASSERT_TRUE(arena.start_draining());
  EXPECT_EQ(owners_of_drained(arena), (std::vector<void*>{&owners[0], &owners[1]}))
      << "the emptiest slab has the newest page";
  arena.set_use(a, Use::kHeld);
  ASSERT_TRUE(arena.start_draining());
  EXPECT_EQ(owners_of_drained(arena), std::vector<void*>{&owners[2]});
  arena.release(c, Use::kMovable);
  EXPECT_FALSE(arena.draining()) << "the slab is free";
  arena.set_use(a, Use::kMovable);
  ASSERT_TRUE(arena.start_draining());
  EXPECT_EQ(owners_of_drained(arena), (std::vector<void*>{&owners[0], &owners[1]}));
  arena.release(a, Use::kMovable);
  arena.release(b, Use::kMovable);
  ASSERT_TRUE(arena.start_draining());
  EXPECT_EQ(owners_of_drained(arena), std::vector<void*>{&owners[3]});
  arena.release(whole, Use::kMovable);
  EXPECT_FALSE(arena.start_draining());
}

TEST(Arena, ASlabWithAHeldExtentIsNotDrained) {
  Arena arena(4 * kMiB);
  const Extents held = movable(arena, kMiB);
  const Extents beside = movable(arena, kMiB);
  arena.set_use(held, Use::kHeld);
  EXPECT_FALSE(arena.start_draining());
  arena.set_use(held, Use::kMovable);
  EXPECT_TRUE(arena.start_draining());
  arena.set_use(beside, Use::kHeld);
  EXPECT_FALSE(arena.draining());
}

TEST(Arena, NothingIsTakenFromASlabThatIsBeingDrained) {
  Arena arena(2 * kMiB);
  const Extents a = movable(arena, kMiB);
  ASSERT_TRUE(arena.start_draining());
  Extents more;
  EXPECT_FALSE(arena.allocate(4 * kKiB, kSomebody, more));
  arena.release(a, Use::kMovable);
  EXPECT_TRUE(arena.allocate(4 * kKiB, kSomebody, more));
}

TEST(Arena, SmallHeldExtentsShareASlab) {
  Arena arena(64 * kMiB);
  std::vector<Extents> pages;
  for (uint64_t i = 0; i < 64 * kMiB / (64 * kKiB); ++i) pages.push_back(movable(arena, 64 * kKiB));
  // Two holes in each slab, and four in one of them.
  constexpr size_t kPerSlab = Arena::kSlabBytes / (64 * kKiB);
  for (size_t i = 0; i < pages.size(); ++i) {
    const size_t holes = i / kPerSlab == 7 ? 4 : 2;
    if (i % kPerSlab % 5 == 0 && i % kPerSlab / 5 < holes) arena.release(pages[i], Use::kMovable);
  }
  std::vector<Extents> fills(6);
  std::map<uintptr_t, int> slabs;
  for (Extents& fill : fills) {
    ASSERT_TRUE(arena.allocate(64 * kKiB, kSomebody, fill));
    ++slabs[slab_of(fill)];
  }
  EXPECT_EQ(slabs.size(), 2u);
  EXPECT_EQ(slabs[slab_of(pages[7 * kPerSlab + 1])], 4);
}

TEST(Arena, ALowerLimitReturnsFreeMemoryToTheSystem) {
  Arena arena(8 * kMiB);
  Extents extents;
  ASSERT_TRUE(arena.allocate(8 * kMiB, kSomebody, extents));
  EXPECT_EQ(arena.committed_bytes(), 8 * kMiB);
  arena.set_limit(4 * kMiB);
  EXPECT_TRUE(arena.over_limit());
  EXPECT_FALSE(arena.take_past_limit()) << "none is free";
  arena.release(extents, Use::kHeld);
  while (const std::optional<uint32_t> slab = arena.take_past_limit()) {
    arena.uncommit(*slab);
    arena.put_uncommitted(*slab);
  }
  EXPECT_EQ(arena.committed_bytes(), 4 * kMiB);
  EXPECT_FALSE(arena.over_limit());
  EXPECT_EQ(arena.free_slabs(), 2u);
  Extents more;
  EXPECT_FALSE(arena.allocate(6 * kMiB, kSomebody, more));
  arena.set_limit(8 * kMiB);
  EXPECT_TRUE(arena.allocate(6 * kMiB, kSomebody, more));
}

/// Random allocations, changes of use, drains and releases: extents never overlap, all bytes come
/// back, and in the end the arena serves whole pages again.
TEST(Arena, NeverHandsOutAByteTwice) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    Arena arena(64 * kMiB);
    struct Held {
      std::unique_ptr<int> owner = std::make_unique<int>();
      Extents extents;
      Use use = Use::kHeld;
    };
    std::vector<Held> held;
    std::map<const std::byte*, size_t> taken;  // start -> size
    auto drop = [&](size_t i) {
      std::swap(held[i], held.back());
      for (const Extent& e : held.back().extents) taken.erase(e.data);
      arena.release(held.back().extents, held.back().use);
      held.pop_back();
    };
    auto drop_of_owner = [&](void* owner) {
      const auto found = std::ranges::find(held, owner, [](Held& h) { return h.owner.get(); });
      ASSERT_NE(found, held.end());
      ASSERT_EQ(found->use, Use::kMovable);
      drop(static_cast<size_t>(found - held.begin()));
    };
    for (int step = 0; step < 20'000; ++step) {
      const uint32_t chance = random() % 16;
      if (chance < 7 || held.empty()) {
        const uint64_t bytes =
            random() % 8 == 0 ? random() % kPageBytes + 1 : random() % (200 * kKiB) + 1;
        Held h;
        if (!arena.allocate(bytes, h.owner.get(), h.extents)) {
          arena.release(h.extents, Use::kHeld);
          continue;
        }
        for (const Extent& e : h.extents) {
          EXPECT_EQ(reinterpret_cast<uintptr_t>(e.data) % e.size, 0u);
          const auto next = taken.lower_bound(e.data);
          if (next != taken.end()) ASSERT_LE(e.data + e.size, next->first);
          if (next != taken.begin())
            ASSERT_LE(std::prev(next)->first + std::prev(next)->second, e.data);
          taken.emplace(e.data, e.size);
        }
        held.push_back(std::move(h));
      } else if (chance < 11) {
        Held& any = held[random() % held.size()];
        any.use = any.use == Use::kHeld ? Use::kMovable : Use::kHeld;
        arena.set_use(any.extents, any.use);
      } else if (chance == 11 && arena.start_draining()) {
        const size_t free = arena.free_slabs();
        while (arena.draining()) drop_of_owner(owners_of_drained(arena).front());
        EXPECT_GT(arena.free_slabs(), free);
      } else {
        drop(random() % held.size());
      }
    }
    while (!held.empty()) drop(0);
    EXPECT_EQ(arena.used_bytes(), 0u);
    Extents all;
    EXPECT_TRUE(arena.allocate(64 * kMiB, kSomebody, all));
  }
}

}  // namespace
}  // namespace cachey::store
