// Warm requests of pages that memory alone has: which share of memory they may take.

#include <gtest/gtest.h>

#include <vector>

#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class SmallWarmMemory : public WarmHarness {
 protected:
  SmallWarmMemory() : WarmHarness(64 * kMiB) {}
};

TEST_F(SmallWarmMemory, MoreThanFitsIsNeverReportedAsDone) {
  put("o", 10 * kPageBytes);
  const auto all = warm("o", {0, 10 * kPageBytes});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().kind(), ErrorKind::kNoRoom);
  EXPECT_LE(memory_.used_bytes(), 48 * kMiB) << "the last quarter is not for them";
}

TEST_F(SmallWarmMemory, WarmPagesAreNotEvictedByLaterWarmPages) {
  page_size_ = kSmall;
  size_t done = 0;
  for (int i = 0; i < 2000; ++i) {
    put(std::to_string(i), kSmall.bytes());
    const auto warmed = warm(std::to_string(i), {0, kSmall.bytes()});
    if (!warmed) {
      EXPECT_EQ(warmed.error().kind(), ErrorKind::kNoRoom);
      break;
    }
    ++done;
  }
  EXPECT_GT(done, 600u);
  EXPECT_LT(done, 800u);
  for (size_t i = 0; i < done; ++i) {
    EXPECT_NE(page(std::to_string(i)), nullptr) << i << " of " << done;
  }
}

TEST_F(SmallWarmMemory, PagesThatWereReadStayWhileMoreIsWarmed) {
  page_size_ = kSmall;
  for (int i = 0; i < 800; ++i) {  // fills the memory
    const std::string object = "hot" + std::to_string(i);
    put(object, kSmall.bytes());
    for (int uses = 0; uses < 3; ++uses) ASSERT_TRUE(read(object, {0, 9}));
  }
  for (int i = 0; i < 2000; ++i) {
    const std::string object = "warm" + std::to_string(i);
    put(object, kSmall.bytes());
    (void)warm(object, {0, kSmall.bytes()});
  }
  int there = 0;
  for (int i = 0; i < 800; ++i) there += page("hot" + std::to_string(i)) != nullptr ? 1 : 0;
  EXPECT_EQ(there, 800);
}

TEST_F(SmallWarmMemory, InFullMemoryASmallShareIsRoomForManyRequestsAtOnce) {
  page_size_ = kSmall;
  for (int i = 0; i < 1200; ++i) {
    const std::string object = "hot" + std::to_string(i);
    put(object, kSmall.bytes());
    ASSERT_TRUE(read(object, {0, 9}));
  }
  origin_.behave({.head_delay = 20ms});
  std::vector<WarmHarness::Result> all;
  for (int client = 0; client < 4; ++client) {
    const std::string object = std::to_string(client);
    put(object, 20 * kSmall.bytes());  // 5 MiB together
    WarmRequest one = request(object, {0, 20 * kSmall.bytes()});
    one.client = object;
    all.push_back(start(std::move(one)));
  }
  settle();
  for (const WarmHarness::Result& one : all)
    EXPECT_TRUE((*one)->has_value()) << (*one)->error().message();
}

TEST_F(SmallWarmMemory, RequestsForTheSamePagesTakeTheirShareOnce) {
  page_size_ = *PageSize::of(256 * kKiB);
  for (int i = 0; i < 300; ++i) {
    const std::string object = "hot" + std::to_string(i);
    put(object, page_size_.bytes());
    ASSERT_TRUE(read(object, {0, 9}));
  }
  put("o", 6 * kMiB);
  origin_.behave({.head_delay = 20ms});
  std::vector<WarmHarness::Result> all;
  for (const char* client : {"c", "d"}) {
    WarmRequest one = request("o", {0, 6 * kMiB});
    one.client = client;
    all.push_back(start(std::move(one)));
  }
  settle();
  for (const WarmHarness::Result& one : all)
    EXPECT_TRUE((*one)->has_value()) << (*one)->error().message();
  EXPECT_EQ(gets(), 300u + 24u);
}

TEST_F(SmallWarmMemory, APageThatIsReadGivesItsShareBack) {
  page_size_ = kSmall;
  put("o", kSmall.bytes());
  ASSERT_TRUE(warm("o", {0, 1}));
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, int64_t{64 * kKiB});
  ASSERT_TRUE(read("o", {0, 1}));
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, 0);
}

TEST_F(SmallWarmMemory, APageOfTwoRequestsCountsOnce) {
  page_size_ = kSmall;
  put("o", kSmall.bytes());
  origin_.behave({.head_delay = 20ms});
  const WarmHarness::Result one = start(request("o", {0, 1}));
  const WarmHarness::Result other = start(request("o", {0, 1}));
  settle();
  ASSERT_TRUE((*one)->has_value() && (*other)->has_value());
  EXPECT_EQ(gets(), 1u);
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, int64_t{64 * kKiB});
  ASSERT_TRUE(read("o", {0, 1}));
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, 0);
}

TEST_F(SmallWarmMemory, AnEvictedPageGivesItsShareBack) {
  put("o", kPageBytes);
  ASSERT_TRUE(warm("o", {0, 1}));
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, int64_t{kPageBytes});
  PagePtr gone = page("o");
  cache_.table().remove(*gone);
  gone->discard();
  gone.reset();
  EXPECT_EQ(cache_metrics_.warm.unread_bytes, 0);
}

}  // namespace
}  // namespace cachey::cache
