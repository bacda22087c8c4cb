#include "cache/warm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

/// Without a disk.
class WarmTest : public WarmHarness {
 protected:
  explicit WarmTest(uint64_t memory = 512 * kMiB, origin::GateLimits gate = {})
      : WarmHarness(memory, Disk::kNone, gate) {}

  /// The most fills at a time until the request ends.
  int64_t most_fills_of(const WarmHarness::Result& warmed) {
    int64_t most = 0;
    while (!*warmed) {
      most = std::max(most, cache_metrics_.fills_in_flight.load());
      world_.pass(1ms);
    }
    return most;
  }
};

class NarrowGate : public WarmTest {
 protected:
  NarrowGate() : WarmTest(512 * kMiB, {.requests = 4}) {}
};

struct FixedVerdict final : Condition {
  explicit FixedVerdict(Verdict v) : verdict(v) {}
  [[nodiscard]] Verdict judge(const ObjectInfo& /*version*/) const override { return verdict; }
  Verdict verdict;
};

TEST_F(WarmTest, AllPagesAreWholeAtItsEndAndAreFetchedOnce) {
  put("o", 3 * kPageBytes + 9);
  const auto warmed = warm("o", {0, 64 * kPageBytes});
  ASSERT_TRUE(warmed) << warmed.error().message();
  EXPECT_EQ(warmed->pages, 4u);
  EXPECT_EQ(warmed->fetched, 4u);
  EXPECT_EQ(warmed->bytes, 3 * kPageBytes + 9);
  EXPECT_EQ(warmed->source->info.size, 3 * kPageBytes + 9);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(page("o", i)->phase(), Page::Phase::kWhole);
  EXPECT_EQ(gets(), 4u);
  const auto again = warm("o", {5, 3 * kPageBytes + 1});
  EXPECT_EQ(again->pages, 4u);
  EXPECT_EQ(again->fetched, 0u);
  EXPECT_EQ(again->bytes, 0u);
  EXPECT_EQ(read("o", {0, kPageBytes}).value(), kPageBytes);
  EXPECT_EQ(gets(), 4u);
}

TEST_F(WarmTest, PagesBesideTheRangeAreNotFetched) {
  put("o", 5 * kPageBytes);
  EXPECT_EQ(warm("o", {kPageBytes + 1, 2 * kPageBytes + 1})->pages, 2u);
  EXPECT_EQ(gets(), 2u);
  EXPECT_EQ(page("o", 0), nullptr);
  EXPECT_EQ(page("o", 3), nullptr);
}

TEST_F(WarmTest, IsNoUseOfAPage) {
  put("o", kPageBytes);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(warm("o", {0, 1}));
  EXPECT_TRUE(page("o")->cold());
  EXPECT_EQ(cache_metrics_.totals().accesses, 0u);
  ASSERT_TRUE(read("o", {0, 1}));
  EXPECT_FALSE(page("o")->cold());
}

TEST_F(WarmTest, ARequestHasABoundedNumberOfPagesUnderWay) {
  page_size_ = kSmall;
  put("o", 64 * kSmall.bytes());
  origin_.behave({.head_delay = 20ms});
  const WarmHarness::Result warmed = start(request("o", {0, 64 * kSmall.bytes()}));
  EXPECT_EQ(most_fills_of(warmed), Warms::kPagesOfRequest);
  EXPECT_EQ((*warmed)->value().fetched, 64u);
}

TEST_F(WarmTest, AllRequestsTogetherHaveABoundedNumberOfPagesUnderWay) {
  page_size_ = kSmall;
  put("o", 64 * kSmall.bytes());
  std::vector<WarmHarness::Result> others;
  origin_.behave({.head_delay = 20ms});
  for (int client = 0; client < 20; ++client) {
    const std::string object = std::to_string(client);
    put(object, 64 * kSmall.bytes());
    WarmRequest one = request(object, {0, 64 * kSmall.bytes()});
    one.client = object;
    others.push_back(start(std::move(one)));
  }
  const WarmHarness::Result last = start(request("o", {0, 64 * kSmall.bytes()}));
  EXPECT_LE(most_fills_of(last), int64_t{Warms::kPagesMax});
  settle();
  for (const WarmHarness::Result& other : others) EXPECT_TRUE((*other)->has_value());
}

TEST_F(WarmTest, LargePagesTakeAnEighthOfTheMemory) {
  put("o", 6 * kPageBytes);
  origin_.behave({.head_delay = 20ms});
  const WarmHarness::Result warmed = start(request("o", {0, 6 * kPageBytes}));
  const int64_t most = most_fills_of(warmed);
  EXPECT_GE(most, 2);
  EXPECT_LE(most, 4);  // of 512 MiB
  EXPECT_TRUE((*warmed)->has_value());
}

TEST_F(WarmTest, AClientWithManyRequestsLeavesPlacesToOthers) {
  page_size_ = kSmall;
  std::vector<WarmHarness::Result> many;
  origin_.behave({.head_delay = 100ms});
  for (int i = 0; i < 500; ++i) {
    put(std::to_string(i), 9);
    many.push_back(start(request(std::to_string(i), {0, 9})));
  }
  put("other", 9);
  WarmRequest other = request("other", {0, 9});
  other.client = "d";
  const WarmHarness::Result warmed = start(std::move(other));
  world_.pass(250ms);
  EXPECT_TRUE(warmed->has_value()) << "the other client's page waited for 500 pages";
  EXPECT_FALSE(many.back()->has_value());
}

TEST_F(WarmTest, PastTheMostThatWaitRequestsAreShedAtOnce) {
  page_size_ = kSmall;
  origin_.behave({.head_delay = 100ms});
  std::vector<WarmHarness::Result> all;
  for (size_t i = 0; i < Warms::kWaitingMax + 100; ++i) {
    put(std::to_string(i), 9);
    all.push_back(start(request(std::to_string(i), {0, 9})));
  }
  ASSERT_TRUE(all.back()->has_value());
  EXPECT_EQ((*all.back())->error().kind(), ErrorKind::kOverloaded);
}

TEST_F(WarmTest, WithoutFreeMemoryARequestIsShedAfterItsPatience) {
  put("o", kPageBytes);
  auto taken = memory_.bodies().try_admit("demand", 400 * kMiB);
  ASSERT_TRUE(taken);
  const WarmHarness::Result warmed = start(request("o", {0, 1}));
  world_.pass(Warms::kPatience / 2);
  EXPECT_FALSE(warmed->has_value());
  world_.pass(Warms::kPatience);
  ASSERT_TRUE(warmed->has_value());
  EXPECT_EQ((*warmed)->error().kind(), ErrorKind::kOverloaded);
  EXPECT_GT((*warmed)->error().retry_after(), 0s);
  EXPECT_EQ(gets(), 0u);
}

TEST_F(NarrowGate, NeverTakesTheLastQuarterOfABucketsTurns) {
  page_size_ = kSmall;
  put("o", 32 * kSmall.bytes());
  put("d", 9);
  origin_.behave("b", {.head_delay = 1s});
  const WarmHarness::Result warmed = start(request("o", {0, 32 * kSmall.bytes()}));
  world_.pass(2500ms);  // the bucket's name is proven
  const size_t before = gets();
  const auto until = world_.clock().mono() + 1100ms;
  ASSERT_TRUE(read("d", {0, 9}));
  EXPECT_LE(world_.clock().mono(), until) << "demand waited for a turn";
  EXPECT_GT(gets(), before);
  settle();
  EXPECT_TRUE((*warmed)->has_value()) << (*warmed)->error().message();
}

TEST_F(NarrowGate, AReaderMakesAQueuedWarmFillDemand) {
  page_size_ = kSmall;
  put("o", 32 * kSmall.bytes());
  origin_.behave("b", {.head_delay = 1s});
  const WarmHarness::Result warmed = start(request("o", {0, 32 * kSmall.bytes()}));
  world_.pass(2500ms);
  const uint64_t begin = 15 * kSmall.bytes();  // its fill waits at the gate
  ASSERT_EQ(page("o", 15)->phase(), Page::Phase::kPending);
  const size_t fills = gets();
  const auto until = world_.clock().mono() + 1100ms;
  EXPECT_EQ(read("o", {begin, begin + 9}).value(), 9u);
  EXPECT_LE(world_.clock().mono(), until);
  EXPECT_FALSE(page("o", 15)->cold());
  settle();
  EXPECT_EQ(gets(), 32u) << "one GET a page; before the read " << fills;
}

TEST_F(WarmTest, JoinsTheFillOfAReader) {
  put("o", kPageBytes);
  origin_.behave({.head_delay = 50ms});
  const std::shared_ptr<FetchSpec> made = spec("o");
  made->wishes.warm = false;
  const PagePtr asked = cache_.table().find_or_create(made, 0, FillOrder::kFromBegin).page;
  cache_.fills().want(*asked, 0);
  cache_.fills().start(world_.worker(), asked, made, {0, 1}, std::nullopt);
  const auto warmed = warm("o", {0, 1});
  EXPECT_EQ(warmed->fetched, 1u);
  EXPECT_EQ(gets(), 1u);
  EXPECT_FALSE(page("o")->cold());
}

/// The memory of a server that has run for a while.
TEST_F(WarmTest, WhenTheClientLeavesOnlyThePagesUnderWayAreFetched) {
  page_size_ = kSmall;
  put("o", 64 * kSmall.bytes());
  origin_.behave({.head_delay = 20ms});
  std::stop_source client;
  const auto warmed =
      start(request("o", {0, 64 * kSmall.bytes()}), {MonoTime::max(), client.get_token()});
  world_.pass(50ms);
  client.request_stop();
  world_.pass(10ms);
  ASSERT_TRUE(warmed->has_value());
  EXPECT_EQ((*warmed)->error().kind(), ErrorKind::kCancelled);
  const auto under_way = static_cast<size_t>(cache_metrics_.fills_in_flight.load());
  const size_t asked = gets();
  settle();
  EXPECT_EQ(gets(), asked);
  EXPECT_LE(under_way, Warms::kPagesOfRequest);
  EXPECT_EQ(memory_.stats().pages, asked) << "what was under way came";
}

TEST_F(WarmTest, AfterItsDeadlineWhatIsHereStays) {
  put("o", 5 * kPageBytes);
  origin_.behave({.head_delay = 1s});
  const auto warmed = warm(request("o", {0, 5 * kPageBytes}), {world_.clock().mono() + 3s, {}});
  ASSERT_FALSE(warmed);
  EXPECT_EQ(warmed.error().kind(), ErrorKind::kTimeout);
  settle();
  EXPECT_GE(memory_.stats().pages, 3u);
  EXPECT_EQ(warm("o", {0, 5 * kPageBytes})->pages, 5u);
  EXPECT_EQ(gets(), 5u);
}

TEST_F(WarmTest, OnlyIfCachedIsACheck) {
  put("o", 2 * kPageBytes);
  ASSERT_TRUE(warm("o", {0, kPageBytes}));
  const auto check = [this](ByteRange range) {
    WarmRequest one = request("o", range);
    const std::shared_ptr<FetchSpec> made = spec("o");
    made->wishes.only_if_cached = true;
    one.spec = made;
    return warm(std::move(one));
  };
  EXPECT_EQ(check({0, kPageBytes})->fetched, 0u);
  EXPECT_EQ(check({0, 2 * kPageBytes}).error().kind(), ErrorKind::kNotCached);
  EXPECT_EQ(gets(), 1u);
}

TEST_F(WarmTest, MoreThanTheMostPagesAreRefusedOnceTheSizeIsKnown) {
  page_size_ = kSmall;
  put("o", 65 * kSmall.bytes());
  EXPECT_EQ(warm("o", {0, kObjectBytesMax}).error().kind(), ErrorKind::kBadRequest);
  EXPECT_EQ(gets(), 1u);
}

TEST_F(WarmTest, AVersionThatMayRefuseTheRequestEndsIt) {
  put("o", 4 * kPageBytes);
  const FixedVerdict fails(Verdict::kFails);
  WarmRequest one = request("o", {0, 4 * kPageBytes});
  one.condition = &fails;
  EXPECT_TRUE(warm(std::move(one))->may_refuse);
  settle();
  EXPECT_EQ(gets(), 1u);
  const std::shared_ptr<FetchSpec> made = spec("o");
  made->wishes.object_size = 9;
  WarmRequest other = request("o", {0, 9});
  other.spec = made;
  EXPECT_TRUE(warm(std::move(other))->may_refuse);
}

TEST_F(WarmTest, AnErrorOfTheStoreIsTheRequests) {
  EXPECT_EQ(warm("none", {0, 1}).error().kind(), ErrorKind::kNotFound);
  put("o", kPageBytes);
  EXPECT_EQ(warm("o", {kPageBytes, kPageBytes + 1}).error().kind(),
            ErrorKind::kRangeNotSatisfiable);
}

TEST_F(WarmTest, AnObjectThatChangesMeanwhileIsNotMixed) {
  page_size_ = kSmall;
  put("o", 64 * kSmall.bytes());
  origin_.behave({.head_delay = 20ms});
  const WarmHarness::Result warmed = start(request("o", {0, 64 * kSmall.bytes()}));
  world_.pass(50ms);
  put("o", 64 * kSmall.bytes(), 2);
  settle();
  EXPECT_EQ((*warmed)->error().kind(), ErrorKind::kChanged);
}

}  // namespace
}  // namespace cachey::cache
