#include "cache/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class ReadAheadTest : public ReaderHarness {
 protected:
  explicit ReadAheadTest(uint32_t pages = 2, uint64_t memory = 256 * kMiB,
                         std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(memory, FillConfig{.read_ahead_pages = pages}, std::move(disk)) {}

  /// Reads [begin, end) range by range, like a streaming client.
  void stream(uint64_t begin, uint64_t end, uint64_t step = 2 * kMiB) {
    for (uint64_t at = begin; at < end; at += step) {
      const ByteRange range{at, std::min(at + step, end)};
      expect_whole(read(spec("o"), range).get(), range);
    }
    settle();
  }

  /// The pages that the origin was asked for, in order.
  [[nodiscard]] std::vector<uint64_t> fetched() const {
    std::vector<uint64_t> pages;
    for (const auto& asked : origin_.asked()) pages.push_back(asked.range.begin / kPageBytes);
    return pages;
  }
};

TEST_F(ReadAheadTest, TwoPagesInARowFetchTheNext) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  stream(0, kPageBytes + kPageBytes / 2 - kMiB);
  EXPECT_THAT(fetched(), ElementsAre(0, 1));
  stream(kPageBytes + kPageBytes / 2 - kMiB, 2 * kPageBytes);
  EXPECT_THAT(fetched(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(cache_metrics_.read_ahead_pages.total(), 2u);
  const Got hit = read(spec("o"), {2 * kPageBytes, 2 * kPageBytes + 100}).get();
  EXPECT_GT(hit.first_cached_at, 0);
  stream(2 * kPageBytes, 3 * kPageBytes);
  EXPECT_THAT(fetched(), ElementsAre(0, 1, 2, 3, 4)) << "each page once";
}

TEST_F(ReadAheadTest, APageAtATimeIsASequenceToo) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  stream(0, 2 * kPageBytes, kPageBytes);
  EXPECT_THAT(fetched(), UnorderedElementsAre(0, 1, 2, 3));
}

TEST_F(ReadAheadTest, ReadsAtRandomFetchNothingMore) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  for (const uint64_t page : {1, 2, 5, 3}) {
    for (const uint64_t at : {9 * kMiB, 3 * kMiB, 12 * kMiB, kMiB}) {
      const ByteRange range{page * kPageBytes + at, page * kPageBytes + at + 2 * kMiB};
      expect_whole(read(spec("o"), range).get(), range);
    }
  }
  settle();
  EXPECT_EQ(cache_metrics_.read_ahead_pages.total(), 0u);
}

TEST_F(ReadAheadTest, OneWholePageIsNoSequence) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  stream(4 * kPageBytes, 5 * kPageBytes);
  EXPECT_THAT(fetched(), ElementsAre(4));
}

TEST_F(ReadAheadTest, NothingIsFetchedPastTheEnd) {
  origin_.put("b", "o", {.size = 2 * kPageBytes + 5});
  stream(0, 2 * kPageBytes + 5);
  EXPECT_THAT(fetched(), ElementsAre(0, 1, 2));
}

TEST_F(ReadAheadTest, AHeadIsNoRead) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  for (const uint64_t page : {0, 1}) {
    const ByteRange range{page * kPageBytes, (page + 1) * kPageBytes};
    EXPECT_TRUE(read(spec("o"), range, 1, RangeReader::Use::kHead).get().opened);
  }
  settle();
  EXPECT_EQ(cache_metrics_.read_ahead_pages.total(), 0u);
}

class NoReadAhead : public ReadAheadTest {
 protected:
  NoReadAhead() : ReadAheadTest(0) {}
};

TEST_F(NoReadAhead, FetchesWhatIsAskedFor) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  stream(0, 3 * kPageBytes);
  EXPECT_THAT(fetched(), ElementsAre(0, 1, 2));
}

/// Memory for two fills: the client's own, and one more.
class ReadAheadInLittleMemory : public ReadAheadTest {
 protected:
  ReadAheadInLittleMemory() : ReadAheadTest(8, 4 * kPageBytes) {}
};

TEST_F(ReadAheadInLittleMemory, NeverWaitsForMemory) {
  origin_.put("b", "o", {.size = 20 * kPageBytes});
  origin_.behave({.read_delay = std::chrono::milliseconds(2)});
  stream(0, 6 * kPageBytes, kPageBytes);
  EXPECT_GT(cache_metrics_.read_ahead_pages.total(), 0u);
  EXPECT_LE(memory_.used_bytes(), memory_.limit_bytes());
}

class ReadAheadOverADisk : public ReadAheadTest {
 protected:
  ReadAheadOverADisk() : ReadAheadTest(2, 256 * kMiB, store::DiskTierConfig{}) {}
};

TEST_F(ReadAheadOverADisk, WhatTheDiskHasIsNotFetched) {
  origin_.put("b", "o", {.size = 10 * kPageBytes});
  for (const uint64_t page : {2, 3}) {
    const ByteRange range{page * kPageBytes, page * kPageBytes + 100};
    expect_whole(read(spec("o"), range).get(), range);
  }
  settle();
  forget_memory();
  stream(0, 2 * kPageBytes);
  EXPECT_THAT(fetched(), ElementsAre(2, 3, 0, 1));
}

}  // namespace
}  // namespace cachey::cache
