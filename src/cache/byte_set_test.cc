#include "cache/byte_set.h"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

namespace cachey::cache {
namespace {

TEST(ByteSet, GrowsInPlaceAndJoinsWhatItTouches) {
  ByteSet set;
  set.add({100, 110});
  set.add({110, 120});
  EXPECT_EQ(set.ranges(), 1u);
  set.add({0, 50});
  EXPECT_EQ(set.ranges(), 2u);
  EXPECT_EQ(set.run_end(0), 50u);
  EXPECT_EQ(set.run_end(50), 50u);
  EXPECT_EQ(set.run_end(105), 120u);
  set.add({50, 100});
  EXPECT_EQ(set.ranges(), 1u);
  EXPECT_EQ(set.run_end(0), 120u);
}

TEST(ByteSet, AgreesWithABitmap) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    ByteSet set;
    std::bitset<256> bits;
    for (int step = 0; step < 12; ++step) {
      const uint64_t begin = random() % 240;
      const uint64_t end = begin + 1 + random() % 15;
      set.add({begin, end});
      for (uint64_t i = begin; i < end; ++i) bits.set(i);
      for (uint64_t at = 0; at < 256; ++at) {
        uint64_t run = at;
        while (run < 256 && bits.test(run)) ++run;
        ASSERT_EQ(set.run_end(at), run);
      }
    }
  }
}

}  // namespace
}  // namespace cachey::cache
