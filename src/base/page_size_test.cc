#include "base/page_size.h"

#include <gtest/gtest.h>

namespace cachey {
namespace {

TEST(PageSize, IsAPowerOfTwoBetweenTheBounds) {
  EXPECT_EQ(PageSize().bytes(), kPageBytes);
  for (uint64_t bytes = kPageBytesMin; bytes <= kPageBytes; bytes *= 2) {
    ASSERT_TRUE(PageSize::of(bytes));
    EXPECT_EQ(PageSize::of(bytes)->bytes(), bytes);
  }
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, kPageBytesMin / 2, kPageBytesMin + 1,
                               3 * kMiB, kPageBytes * 2, UINT64_MAX}) {
    EXPECT_FALSE(PageSize::of(bytes)) << bytes;
  }
}

TEST(PageSize, FindsThePageOfEachByte) {
  const PageSize size = *PageSize::of(kMiB);
  EXPECT_EQ(size.index_of(0), 0);
  EXPECT_EQ(size.index_of(kMiB - 1), 0);
  EXPECT_EQ(size.index_of(kMiB), 1);
  EXPECT_EQ(size.offset_of(kMiB - 1), kMiB - 1);
  EXPECT_EQ(size.offset_of(3 * kMiB + 7), 7);
  EXPECT_EQ(size.begin_of(3), 3 * kMiB);
  EXPECT_EQ(size.range_of(3), (ByteRange{3 * kMiB, 4 * kMiB}));
}

TEST(PageSize, TheLastPageEndsWithTheObject) {
  const PageSize size = *PageSize::of(kMiB);
  EXPECT_EQ(size.bytes_of(0, 5), 5);
  EXPECT_EQ(size.bytes_of(0, kMiB), kMiB);
  EXPECT_EQ(size.bytes_of(1, kMiB), 0);
  EXPECT_EQ(size.bytes_of(1, kMiB + 5), 5);
  EXPECT_EQ(size.bytes_of(9, kMiB), 0);
}

TEST(PageSize, CountsThePagesOfARange) {
  const PageSize size = *PageSize::of(kMiB);
  EXPECT_EQ(size.pages_of({5, 5}), 0);
  EXPECT_EQ(size.pages_of({0, kMiB}), 1);
  EXPECT_EQ(size.pages_of({kMiB - 1, kMiB + 1}), 2);
}

TEST(PageSize, AnyPageNumberOfTheLargestObjectFits32Bits) {
  const PageSize size = *PageSize::of(kPageBytesMin);
  const uint32_t last = size.index_of(kObjectBytesMax - 1);
  EXPECT_EQ(last, 838'860'799);
  EXPECT_EQ(size.range_of(last).end, kObjectBytesMax);
}

}  // namespace
}  // namespace cachey
