// Warm requests over a disk.

#include <gtest/gtest.h>

#include <cerrno>

#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class WarmDisk : public WarmHarness {
 protected:
  WarmDisk() : WarmHarness(64 * kMiB, Disk::kYes) {}
};

TEST_F(WarmDisk, MoreThanTheMemoryIsOnTheDiskAtItsEnd) {
  put("o", 6 * kPageBytes);
  const auto warmed = warm("o", {0, 6 * kPageBytes});
  ASSERT_TRUE(warmed) << warmed.error().message();
  EXPECT_EQ(warmed->fetched, 6u);
  EXPECT_EQ(disk_->usage().pages, 6u);
  EXPECT_LE(memory_.used_bytes(), 48 * kMiB);
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, 0);
  EXPECT_EQ(read("o", {0, 6 * kPageBytes}).value(), 6 * kPageBytes);
  EXPECT_EQ(gets(), 6u);
  EXPECT_EQ(warm("o", {0, 6 * kPageBytes})->fetched, 0u);
}

TEST_F(WarmDisk, APageOfAReaderIsOnTheDiskToo) {
  put("o", kPageBytes);
  origin_.behave({.head_delay = 50ms});
  const WarmHarness::Result warmed = start(request("o", {0, 1}));
  EXPECT_EQ(read("o", {0, 1}).value(), 1u);
  settle();
  EXPECT_TRUE((*warmed)->has_value());
  EXPECT_EQ(disk_->usage().pages, 1u);
}

TEST_F(WarmDisk, PagesThatTheDiskDoesNotTakeMustFitIntoMemory) {
  put("o", 6 * kPageBytes);
  device_.fail_writes(EIO, 1'000);
  EXPECT_EQ(warm("o", {0, 6 * kPageBytes}).error().kind(), ErrorKind::kNoRoom);
  EXPECT_EQ(disk_->usage().pages, 0u);
  device_.fail_writes(EIO, 0);
}

TEST_F(WarmDisk, APageThatOnlyItsReadersHaveIsFetched) {
  put("o", kPageBytes);
  ASSERT_TRUE(warm("o", {0, 1}));
  const PagePtr fetched = page("o");
  cache_.table().remove(*fetched);
  fetched->discard();
  const PagePtr held = cache_.table().find_or_create(spec("o"), 0, FillOrder::kFromBegin).page;
  ASSERT_NE(cache_.disk_reads().adopt_from_disk(world_.worker(), *held), nullptr);
  disk_->remove(world_.worker(), "k", "o");
  const auto warmed = warm("o", {0, 1});
  ASSERT_TRUE(warmed) << warmed.error().message();
  EXPECT_EQ(warmed->fetched, 1u);
  EXPECT_EQ(gets(), 2u);
  EXPECT_EQ(disk_->usage().pages, 1u);
}

TEST_F(WarmDisk, AHangingDiskEndsTheRequestWithItsDeadline) {
  put("o", 4 * kPageBytes);
  device_.hang();
  const auto warmed = warm(request("o", {0, 4 * kPageBytes}), {world_.clock().mono() + 2s, {}});
  EXPECT_EQ(warmed.error().kind(), ErrorKind::kTimeout);
  EXPECT_LE(gets(), 4u);
  device_.release();
}

TEST_F(WarmDisk, ReadersPagesStayInMemoryWhileMoreThanTheMemoryIsWarmed) {
  page_size_ = kSmall;
  for (int i = 0; i < 500; ++i) {
    const std::string object = "hot" + std::to_string(i);
    put(object, 64 * kKiB);
    for (int uses = 0; uses < 3; ++uses) ASSERT_TRUE(read(object, {0, 9}));
  }
  settle();
  for (int i = 0; i < 16; ++i) {
    const std::string object = std::to_string(i);
    put(object, 64 * 64 * kKiB);
    const auto warmed = warm(object, {0, 64 * 64 * kKiB});
    ASSERT_TRUE(warmed) << warmed.error().message();
  }
  int there = 0;
  for (int i = 0; i < 500; ++i) {
    const PagePtr one = page("hot" + std::to_string(i));
    there += one != nullptr && one->phase() == Page::Phase::kWhole ? 1 : 0;
  }
  EXPECT_EQ(there, 500);
}

}  // namespace
}  // namespace cachey::cache
