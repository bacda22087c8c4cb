#include "cache/piece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::cache {
namespace {

constexpr uint64_t kBlock = Pieces::kBlockBytes;

TEST(Pieces, AReadAtRandomLoadsItsBlocksOnly) {
  Pieces pieces;
  for (const uint64_t at : {5 * kBlock + 7, 3 * kBlock, 4 * kBlock, uint64_t{0}, kBlock}) {
    const uint64_t begin = at / kBlock * kBlock;
    EXPECT_EQ(pieces.to_load({at, at + 100}, kPageBytes, LoadAhead::kIfInARow),
              (ByteRange{begin, begin + kBlock}));
  }
  EXPECT_EQ(pieces.to_load({9 * kBlock - 1, 9 * kBlock + 1}, kPageBytes, LoadAhead::kIfInARow),
            (ByteRange{8 * kBlock, 10 * kBlock}));
}

TEST(Pieces, ReadsInARowLoadFurtherAndFurtherAhead) {
  Pieces pieces;
  uint64_t at = 0;
  uint64_t longest = 0;
  int loads = 0;
  for (; at < kPageBytes; ++loads) {
    const ByteRange range = pieces.to_load({at, at + 4096}, kPageBytes, LoadAhead::kIfInARow);
    ASSERT_EQ(range.begin, at);
    longest = std::max(longest, range.size());
    at = range.end;
  }
  EXPECT_EQ(longest, Pieces::kPieceBytesMax + kBlock);
  EXPECT_LT(loads, 20);
  EXPECT_EQ(at, kPageBytes) << "and not past the page's end";
}

TEST(Pieces, ALoadEndsAtThePagesEnd) {
  Pieces pieces;
  EXPECT_EQ(pieces.to_load({10, 20}, 100, LoadAhead::kIfInARow), (ByteRange{0, 100}));
}

TEST(Pieces, OnlyTheReaderOfTheEndOfARangeGoesOn) {
  Pieces pieces;
  for (uint64_t at = 0; at < 8 * kBlock; at += kBlock) {
    EXPECT_EQ(pieces.to_load({at, at + kBlock}, kPageBytes, LoadAhead::kNo),
              (ByteRange{at, at + kBlock}));
  }
}

}  // namespace
}  // namespace cachey::cache
