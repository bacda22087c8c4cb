#include "store/disk/extent_allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/testing/sanitized.h"

namespace cachey::store {
namespace {

constexpr uint32_t kChunk = ExtentAllocator::kUnitsPerChunk;

TEST(ExtentAllocator, AFullPageTakesAChunkWhole) {
  ExtentAllocator space(128, 128 + 3 * kChunk);
  for (int i = 0; i < 3; ++i) {
    ExtentList extents;
    ASSERT_TRUE(space.allocate(kChunk, extents));
    ASSERT_EQ(extents.size(), 1u);
    EXPECT_EQ((extents[0].first - 128) % kChunk, 0u);
  }
  EXPECT_EQ(space.free_units(), 0u);
  ExtentList none;
  EXPECT_FALSE(space.allocate(1, none));
}

TEST(ExtentAllocator, SmallPagesFillWhatOthersLeft) {
  ExtentAllocator space(0, 2 * kChunk);
  ExtentList big;
  ASSERT_TRUE(space.allocate(kChunk - 100, big));
  ExtentList small;
  ASSERT_TRUE(space.allocate(100, small));
  EXPECT_EQ(small[0].first / kChunk, big[0].first / kChunk);
  ExtentList full;
  EXPECT_TRUE(space.allocate(kChunk, full)) << "the other chunk is still whole";
}

TEST(ExtentAllocator, CutsAPageIntoPiecesOfWholeBlocks) {
  ExtentAllocator space(0, kChunk);
  std::vector<ExtentList> held(64);
  for (ExtentList& extents : held) ASSERT_TRUE(space.allocate(kChunk / 64, extents));
  for (size_t i = 0; i < held.size(); i += 2) space.release(held[i][0]);
  ExtentList pieces;
  ASSERT_TRUE(space.allocate(200, pieces));  // 64 + 64 + 64 + 8
  ASSERT_EQ(pieces.size(), 4u);
  for (size_t i = 0; i + 1 < pieces.size(); ++i) EXPECT_EQ(pieces[i].units % kUnitsPerBlock, 0u);
  const uint32_t before = space.free_units();
  ExtentList too_many;
  EXPECT_FALSE(space.allocate((kExtentsMax + 1) * 64, too_many));
  EXPECT_TRUE(too_many.empty());
  EXPECT_EQ(space.free_units(), before);
}

TEST(ExtentAllocator, AnEndThatIsNoWholeChunkIsUsedToo) {
  ExtentAllocator space(0, kChunk + 300);
  EXPECT_EQ(space.units(), kChunk + 300);
  ExtentList all;
  ASSERT_TRUE(space.allocate(kChunk, all));
  ExtentList rest;
  ASSERT_TRUE(space.allocate(300, rest));
  EXPECT_EQ(rest[0], (DiskExtent{kChunk, 300}));
  EXPECT_EQ(space.free_units(), 0u);
}

TEST(ExtentAllocator, NeverGivesAUnitTwiceAndTakesAllBack) {
  constexpr uint32_t kFirst = 128;
  constexpr uint32_t kEnd = kFirst + 5 * kChunk + 777;
  ExtentAllocator space(kFirst, kEnd);
  std::vector<bool> taken(kEnd);
  std::vector<ExtentList> held;
  std::mt19937 random(1);
  for (int round = 0; round < (kSanitized ? 2'000 : 20'000); ++round) {
    if (!held.empty() && random() % 100 < 48) {
      std::swap(held[random() % held.size()], held.back());
      for (const DiskExtent& extent : held.back()) {
        for (uint32_t u = extent.first; u < extent.first + extent.units; ++u) taken[u] = false;
        space.release(extent);
      }
      held.pop_back();
      continue;
    }
    const uint32_t units = random() % 10 == 0 ? 1 + random() % kChunk : 1 + random() % 64;
    ExtentList extents;
    if (!space.allocate(units, extents)) continue;
    uint32_t total = 0;
    for (const DiskExtent& extent : extents) {
      ASSERT_GE(extent.first, kFirst);
      ASSERT_LE(extent.first + extent.units, kEnd);
      total += extent.units;
      for (uint32_t u = extent.first; u < extent.first + extent.units; ++u) {
        ASSERT_FALSE(taken[u]);
        taken[u] = true;
      }
    }
    ASSERT_EQ(total, units);
    held.push_back(extents);
    ASSERT_EQ(space.free_units(), std::count(taken.begin() + kFirst, taken.end(), false));
  }
  for (const ExtentList& extents : held) {
    for (const DiskExtent& extent : extents) space.release(extent);
  }
  EXPECT_EQ(space.free_units(), space.units());
}

/// Extents of a space with regions, of one chunk each, some of which are avoided.
class Avoiding {
 public:
  static constexpr uint32_t kFirst = 128;
  static constexpr uint32_t kChunks = 9;

  void avoid(uint64_t regions) {
    avoided_ = regions;
    space_.avoid(regions);
    while (space_.settle()) {
    }
  }
  void allocate(uint32_t units) {
    ExtentList extents;
    if (!space_.allocate(units, extents)) return;
    for (const DiskExtent& extent : extents) {
      ASSERT_FALSE(is_avoided(extent));
      held_.push_back(extent);
    }
  }
  void release(size_t at) {
    if (held_.empty()) return;
    std::swap(held_[at % held_.size()], held_.back());
    space_.release(held_.back());
    held_.pop_back();
  }
  void probe(uint32_t region) {
    const auto unit = space_.take_avoided(kFirst + region * kChunk);
    if (!unit) return;
    ASSERT_TRUE(is_avoided(*unit));
    held_.push_back(*unit);
  }
  void check() {
    uint32_t free[2] = {0, 0};
    for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
      free[avoided_ >> chunk & 1] += kChunk;
    }
    for (const DiskExtent& extent : held_) free[is_avoided(extent) ? 1 : 0] -= extent.units;
    ASSERT_EQ(space_.free_units(), free[0]);
    ASSERT_EQ(space_.avoided_free_units(), free[1]);
  }
  void end() {
    avoid(0);
    while (!held_.empty()) release(0);
    EXPECT_EQ(space_.free_units(), space_.units());
    EXPECT_EQ(space_.free_chunks(), kChunks);
    EXPECT_EQ(space_.fixed_chunks(), 0u);
  }

 private:
  [[nodiscard]] bool is_avoided(DiskExtent extent) const {
    return (avoided_ >> ((extent.first - kFirst) / kChunk) & 1) != 0;
  }

  ExtentAllocator space_{kFirst, kFirst + kChunks* kChunk};
  uint64_t avoided_ = 0;
  std::vector<DiskExtent> held_;
};

TEST(ExtentAllocator, TakesNothingNewInRegionsThatAreAvoided) {
  Avoiding space;
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    const uint32_t what = random() % 100;
    if (what == 0) {
      space.avoid(random() % 512);
    } else if (what < 5) {
      space.probe(random() % Avoiding::kChunks);
    } else if (what < 50) {
      space.release(random());
    } else {
      space.allocate(random() % 10 == 0 ? 1 + random() % kChunk : 1 + random() % 64);
    }
    ASSERT_NO_FATAL_FAILURE(space.check());
  }
  space.end();
}

TEST(ExtentAllocator, AvoidsRegionsInSteps) {
  ExtentAllocator space(0, 64 * 1024 * kChunk - 1);  // 1 TiB
  space.avoid(0xf0);
  int steps = 1;
  while (space.settle()) ++steps;
  EXPECT_EQ(space.free_chunks(), 60u * 1024 - 1);
  EXPECT_GT(steps, 16);
  EXPECT_LT(steps, 64);
  EXPECT_FALSE(space.settle()) << "nothing is left to do";
}

TEST(ExtentAllocator, TakesTheVeryExtentOnce) {
  ExtentAllocator space(128, 128 + 2 * kChunk);
  EXPECT_TRUE(space.take({128, kChunk}));
  EXPECT_FALSE(space.take({128, 1}));
  EXPECT_TRUE(space.take({128 + kChunk, 10}));
  EXPECT_FALSE(space.take({128 + kChunk + 5, 10}));
  EXPECT_FALSE(space.take({0, 10})) << "before the data";
  EXPECT_FALSE(space.take({128 + 2 * kChunk - 5, 10})) << "past the end";
  EXPECT_FALSE(space.take({UINT32_MAX, UINT32_MAX}));
  space.finish_taking();
  ExtentList rest;
  EXPECT_TRUE(space.allocate(kChunk - 10, rest));
}

}  // namespace
}  // namespace cachey::store
