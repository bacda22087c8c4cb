#include "cache/range_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;

class RangeReaderTest : public ReaderHarness {
 protected:
  using ReaderHarness::ReaderHarness;

  static std::optional<ErrorKind> kind_of(const Got& got) {
    return got.error ? std::optional(got.error->kind()) : std::nullopt;
  }
};

TEST_F(RangeReaderTest, MissThenHit) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const Got miss = read(spec("o"), {10, 1000}).get();
  expect_whole(miss, {10, 1000});
  EXPECT_EQ(miss.first_cached_at, 0);
  EXPECT_EQ(miss.tier, Tier::kMiss);
  EXPECT_EQ(miss.first_bucket, "b");
  EXPECT_EQ(miss.size, 40 * kMiB);
  settle();
  const Got hit = read(spec("o"), {0, kPageBytes}).get();
  expect_whole(hit, {0, kPageBytes});
  EXPECT_GT(hit.first_cached_at, 0);
  EXPECT_EQ(hit.tier, Tier::kMemory);
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(RangeReaderTest, EveryBorderIsExact) {
  const uint64_t size = 3 * kPageBytes + 7;
  origin_.put("b", "o", {.size = size});
  const uint64_t edges[] = {0,
                            1,
                            kPageBytes - 1,
                            kPageBytes,
                            kPageBytes + 1,
                            2 * kPageBytes,
                            3 * kPageBytes - 1,
                            3 * kPageBytes,
                            size - 1,
                            size,
                            size + 100};
  for (const uint64_t begin : edges) {
    for (const uint64_t end : edges) {
      if (begin >= end || begin >= size) continue;
      const Got got = read(spec("o"), {begin, end}).get();
      expect_whole(got, {begin, std::min(end, size)});
      EXPECT_EQ(got.later_pages, (std::min(end, size) - 1) / kPageBytes - begin / kPageBytes);
    }
  }
}

TEST_F(RangeReaderTest, OneFillHoweverManyAsk) {
  origin_.put("b", "o", {.size = 64 * kMiB});
  origin_.behave({.head_delay = 30ms, .read_delay = 1ms});
  std::vector<std::future<Got>> clients;
  for (uint64_t i = 0; i < 1000; ++i) clients.push_back(read(spec("o"), {i, kMiB + i * 3 + 1}));
  for (uint64_t i = 0; i < clients.size(); ++i)
    expect_whole(clients[i].get(), {i, kMiB + i * 3 + 1});
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(RangeReaderTest, AHeadAsksForTheFirstPageOnly) {
  origin_.put("b", "o", {.size = 64 * kMiB});
  origin_.behave({.head_delay = 10ms});
  const Got head = read(spec("o"), {0, 64 * kMiB}, 1, RangeReader::Use::kHead).get();
  EXPECT_EQ(head.range, (ByteRange{0, 64 * kMiB}));
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(RangeReaderTest, AFarOffsetIsFetchedFirstAndEveryByteOnce) {
  origin_.put("b", "o", {.size = kPageBytes});
  std::atomic<bool> rest_is_held = true;
  origin_.behave_by([&rest_is_held](const origin::GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number > 0) behaviour.held = [&rest_is_held] { return rest_is_held.load(); };
    return behaviour;
  });
  const ByteRange tail{kPageBytes - 64 * kKiB, kPageBytes};
  const Got got = read(spec("o"), tail).get();
  expect_whole(got, tail);
  rest_is_held = false;
  const Got whole = read(spec("o"), {0, kPageBytes}).get();
  expect_whole(whole, {0, kPageBytes});
  const auto asked = origin_.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].range, tail);
  EXPECT_EQ(asked[1].range, (ByteRange{0, kPageBytes - 64 * kKiB}));
  EXPECT_EQ(asked[1].if_match, "\"v1\"");
  EXPECT_EQ(origin_.bytes_sent(), kPageBytes);
}

TEST_F(RangeReaderTest, AJoinerGetsAtOnceWhatIsThere) {
  origin_.put("b", "o", {.size = kPageBytes});
  std::atomic<bool> half_is_held = true;
  origin_.behave({.held = [this, &half_is_held] {
    return half_is_held && origin_.bytes_sent() >= kPageBytes / 2;
  }});
  auto first = read(spec("o"), {0, kPageBytes});
  while (origin_.bytes_sent() < kPageBytes / 2) std::this_thread::sleep_for(1ms);
  const Got joined = read(spec("o"), {5 * kMiB, 6 * kMiB}).get();
  expect_whole(joined, {5 * kMiB, 6 * kMiB});
  half_is_held = false;
  EXPECT_EQ(joined.first_cached_at, 0);
  EXPECT_EQ(joined.tier, Tier::kMiss);
  expect_whole(first.get(), {0, kPageBytes});
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(RangeReaderTest, PastTheEndIsAnErrorWithTheSize) {
  origin_.put("b", "o", {.size = 1000});
  const Got far = read(spec("o"), {1000, 1001}).get();
  ASSERT_TRUE(far.error);
  EXPECT_EQ(kind_of(far), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(far.error->object_size(), 1000u);
  expect_whole(read(spec("o"), {0, 10}).get(), {0, 10});
  const size_t asked = origin_.asked().size();
  const Got known = read(spec("o"), {5 * kPageBytes, 5 * kPageBytes + 1}).get();
  EXPECT_EQ(known.error->object_size(), 1000u);
  EXPECT_EQ(origin_.asked().size(), asked + 1) << "the object may have grown";
}

TEST_F(RangeReaderTest, AJoinerBelowTheEndDoesNotInheritTheLeadersRangeError) {
  origin_.put("b", "o", {.size = 2 * kMiB});
  origin_.behave({.head_delay = 50ms});
  auto leader = read(spec("o"), {5 * kMiB, 6 * kMiB});
  auto joiner = read(spec("o"), {0, kMiB});
  EXPECT_EQ(kind_of(leader.get()), ErrorKind::kRangeNotSatisfiable);
  expect_whole(joiner.get(), {0, kMiB});
}

TEST_F(RangeReaderTest, APageThatIsNotThereNeverSpoilsAGoodAnswer) {
  origin_.put("b", "o", {.size = 1000});
  expect_whole(read(spec("o"), {0, 3 * kPageBytes}).get(), {0, 1000});
}

TEST_F(RangeReaderTest, FallsBackToTheSecondBucketAndNeverToAThird) {
  origin_.put("c", "o", {.size = 1000});
  const Got got = read(spec("o", {"a", "c"}), {0, 10}).get();
  expect_whole(got, {0, 10});
  EXPECT_EQ(got.first_bucket, "c");
  const Got third = read(spec("x", {"a", "b", "c"}), {0, 10}).get();
  EXPECT_EQ(kind_of(third), ErrorKind::kNotFound);
  EXPECT_EQ(origin_.asked().size(), 4u);
}

TEST_F(RangeReaderTest, AllPartsOfAPageComeFromTheTwoBucketsThatItBeganWith) {
  for (const char* bucket : {"a", "b", "c"}) origin_.put(bucket, "o", {.size = kPageBytes});
  origin_.behave_by([this](const origin::GetRequest&, size_t number) {
    for (int i = 0; number == 0 && i < 3; ++i) {  // so that the third bucket ranks first
      for (const char* bucket : {"a", "b"})
        buckets_.failed(bucket, std::to_string(i), Error(ErrorKind::kUpstream, "500"));
    }
    return FakeOrigin::Behaviour{};
  });
  const std::shared_ptr<FetchSpec> parted = spec("o", {"a", "b", "c"});
  parted->config.parts = 4;
  expect_whole(read(parted, {0, kPageBytes}).get(), {0, kPageBytes});
  settle();
  EXPECT_EQ(origin_.asked().size(), 4u);
  for (const FakeOrigin::Asked& asked : origin_.asked()) EXPECT_EQ(asked.bucket, "a");
}

TEST_F(RangeReaderTest, AFollowerOnTheSameTermsFailsWithItsLeader) {
  origin_.behave("bad", {.head_delay = 50ms, .error = Error(ErrorKind::kTimeout, "late")});
  auto leader = read(spec("o", {"bad"}), {0, 10});
  auto follower = read(spec("o", {"bad"}), {0, 10});
  EXPECT_EQ(kind_of(leader.get()), ErrorKind::kTimeout);
  EXPECT_EQ(kind_of(follower.get()), ErrorKind::kTimeout);
}

TEST_F(RangeReaderTest, AFollowerOnOtherTermsDoesNotInheritAFailure) {
  origin_.put("good", "o", {.size = 1000});
  origin_.behave("bad", {.head_delay = 50ms, .error = Error(ErrorKind::kTimeout, "late")});
  auto leader = read(spec("o", {"bad"}), {0, 10});
  while (origin_.asked().empty()) std::this_thread::sleep_for(1ms);
  auto follower = read(spec("o", {"good"}), {0, 10});
  EXPECT_EQ(kind_of(leader.get()), ErrorKind::kTimeout);
  expect_whole(follower.get(), {0, 10});
}

TEST_F(RangeReaderTest, AFollowerDoesNotInheritThatItsLeadersTurnDidNotCome) {
  origin_.put("b", "o", {.size = 1000});
  origin_.behave_by([](const origin::GetRequest&, size_t number) {
    if (number > 0) return FakeOrigin::Behaviour{};
    return FakeOrigin::Behaviour{.head_delay = 50ms,
                                 .error = Error(ErrorKind::kOverloaded, "no turn")};
  });
  auto leader = read(spec("o"), {0, 10});
  while (origin_.asked().empty()) std::this_thread::sleep_for(1ms);
  auto follower = read(spec("o"), {0, 10});
  EXPECT_EQ(kind_of(leader.get()), ErrorKind::kOverloaded);
  expect_whole(follower.get(), {0, 10});
}

TEST_F(RangeReaderTest, APageThatFailedAheadIsAskedForOnceMoreWhenItIsDue) {
  origin_.put("b", "o", {.size = 2 * kPageBytes});
  const std::shared_ptr<FetchSpec> once = spec("o");
  once->config.attempts_max = 1;
  const auto failures = std::make_shared<std::atomic<int>>(1);
  origin_.behave_by([failures](const origin::GetRequest& request, size_t) {
    if (request.range.begin < kPageBytes) return FakeOrigin::Behaviour{.read_delay = 10ms};
    if (failures->fetch_sub(1) <= 0) return FakeOrigin::Behaviour{};
    return FakeOrigin::Behaviour{.error = Error(ErrorKind::kUpstream, "not now")};
  });
  expect_whole(read(once, {0, 2 * kPageBytes}).get(), {0, 2 * kPageBytes});
  EXPECT_EQ(origin_.asked().size(), 3u);
}

TEST_F(RangeReaderTest, APageThatFailsAheadAndAgainEndsTheAnswer) {
  origin_.put("b", "o", {.size = 2 * kPageBytes});
  const std::shared_ptr<FetchSpec> once = spec("o");
  once->config.attempts_max = 1;
  origin_.behave_by([](const origin::GetRequest& request, size_t) {
    if (request.range.begin < kPageBytes) return FakeOrigin::Behaviour{.read_delay = 10ms};
    return FakeOrigin::Behaviour{.error = Error(ErrorKind::kUpstream, "not now")};
  });
  const Got got = read(once, {0, 2 * kPageBytes}).get();
  EXPECT_EQ(kind_of(got), ErrorKind::kUpstream);
  EXPECT_EQ(got.bytes, kPageBytes);
  EXPECT_EQ(origin_.asked().size(), 3u);
}

TEST_F(RangeReaderTest, ABrokenBodyIsTakenUpAtTheNextByte) {
  origin_.put("b", "o", {.size = kPageBytes});
  origin_.behave({.read_delay = 5ms, .cut_after = 3 * kMiB});
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  EXPECT_EQ(origin_.bytes_sent(), kPageBytes) << "nothing was fetched twice";
}

TEST_F(RangeReaderTest, ABodyThatMayNotBeTakenUpEndsTheAnswerAndTheNextIsFresh) {
  origin_.put("b", "o", {.size = kPageBytes});
  origin_.behave({.read_delay = 5ms, .cut_after = 3 * kMiB});
  const std::shared_ptr<FetchSpec> once = spec("o");
  once->config.attempts_max = 1;
  const Got cut = read(once, {0, kPageBytes}).get();
  ASSERT_TRUE(cut.error);
  EXPECT_TRUE(cut.opened);
  EXPECT_EQ(kind_of(cut), ErrorKind::kUpstream);
  EXPECT_EQ(cut.bytes, 3 * kMiB) << "what had come in is sent";
  origin_.behave(FakeOrigin::Behaviour{});
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
}

TEST_F(RangeReaderTest, WhoGotBytesOfADamagedBodyIsNotServedTheRestOfAnother) {
  origin_.put("b", "o", {.size = kPageBytes});
  origin_.behave_by([](const origin::GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.read_delay = 10ms, .damaged = number == 0};
  });
  auto leader = read(spec("o"), {0, kPageBytes});
  while (origin_.asked().empty()) std::this_thread::sleep_for(1ms);
  auto joiner =
      read(spec("o", {"b", "c"}), {0, kPageBytes});  // other terms, which may retry other failures
  for (auto* client : {&leader, &joiner}) {
    const Got got = client->get();
    EXPECT_EQ(kind_of(got), ErrorKind::kDamaged);
    EXPECT_TRUE(got.opened);
    EXPECT_LT(got.bytes, kPageBytes);
  }
  settle();
  EXPECT_EQ(origin_.asked().size(), 1u);
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
}

TEST_F(RangeReaderTest, AChangedObjectIsNeverMixed) {
  origin_.put("b", "o", {.size = 3 * kPageBytes, .seed = 1, .etag = "\"v1\""});
  expect_whole(read(spec("o"), {0, 100}).get(), {0, 100});
  settle();
  origin_.put("b", "o", {.size = 3 * kPageBytes, .seed = 2, .etag = "\"v2\""});
  const Got mixed = read(spec("o"), {0, 2 * kPageBytes}, 1).get();
  ASSERT_TRUE(mixed.error);
  EXPECT_EQ(kind_of(mixed), ErrorKind::kChanged);
  EXPECT_TRUE(mixed.right);
  EXPECT_LE(mixed.bytes, kPageBytes);
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}, 2).get(), {0, 2 * kPageBytes});
}

TEST_F(RangeReaderTest, AKnownMismatchIsToldBeforeAnyByte) {
  origin_.put("b", "o", {.size = 3 * kPageBytes, .seed = 1, .etag = "\"v1\""});
  expect_whole(read(spec("o"), {kPageBytes, kPageBytes + 9}).get(), {kPageBytes, kPageBytes + 9});
  settle();
  origin_.put("b", "o", {.size = 3 * kPageBytes, .seed = 2, .etag = "\"v2\""});
  origin_.behave({.head_delay = 10ms});
  const Got got = read(spec("o"), {0, 2 * kPageBytes}, 2).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(kind_of(got), ErrorKind::kChanged);
  EXPECT_FALSE(got.opened);
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}, 2).get(), {0, 2 * kPageBytes});
}

TEST_F(RangeReaderTest, AnObjectThatChangesDuringASplitFillIsNotMixed) {
  origin_.put("b", "o", {.size = kPageBytes, .seed = 1, .etag = "\"v1\""});
  origin_.behave({.read_delay = 10ms});
  auto tail = read(spec("o"), {8 * kMiB, kPageBytes});
  while (origin_.bytes_sent() < kMiB) std::this_thread::sleep_for(1ms);
  origin_.put("b", "o", {.size = kPageBytes, .seed = 2, .etag = "\"v2\""});
  auto front = read(spec("o"), {0, kPageBytes}, 2);
  expect_whole(tail.get(), {8 * kMiB, kPageBytes});
  const Got changed = front.get();
  EXPECT_TRUE(changed.error.has_value());
  EXPECT_EQ(changed.bytes, 0u);
  expect_whole(read(spec("o"), {0, kPageBytes}, 2).get(), {0, kPageBytes});
}

TEST_F(RangeReaderTest, PagesPastTheFirstTebibyteAreReadLikeAnyOther) {
  const uint64_t far = 40 * kTiB + 5;
  origin_.put("b", "huge", {.size = 45 * kTiB});
  expect_whole(read(spec("huge"), {far, far + 100}).get(), {far, far + 100});
}

class TightMemory : public RangeReaderTest {
 protected:
  TightMemory() : RangeReaderTest(4 * kPageBytes, FillConfig{.split_after = 0}) {}
};

TEST_F(TightMemory, MoreDataThanMemoryIsStillRight) {
  for (int i = 0; i < 12; ++i)
    origin_.put("b", "o" + std::to_string(i), {.size = 20 * kMiB, .seed = 7});
  for (int round = 0; round < 2; ++round) {
    std::vector<std::future<Got>> clients;
    for (int i = 0; i < 12; ++i) {
      clients.push_back(read(spec("o" + std::to_string(i)), {0, 20 * kMiB}, 7));
      if (i % 3 == 2) {
        for (auto& client : clients) expect_whole(client.get(), {0, 20 * kMiB});
        clients.clear();
      }
    }
  }
  EXPECT_LE(memory_.used_bytes(), memory_.limit_bytes());
  EXPECT_GT(memory_.stats().evictions, 0u);
}

TEST_F(TightMemory, TooManyFillsAreShedAndTheRestIsServed) {
  const MonoTime until = clock_.mono() + 2s;  // well past the admission timeout
  origin_.behave({.held = [this, until] { return clock_.mono() < until; }});
  std::vector<std::future<Got>> clients;
  for (int i = 0; i < 40; ++i) {
    origin_.put("b", "o" + std::to_string(i), {.size = kPageBytes});
    clients.push_back(read(spec("o" + std::to_string(i)), {0, 100}));
  }
  int served = 0;
  for (auto& client : clients) {
    const Got got = client.get();
    if (!got.error)
      ++served;
    else
      EXPECT_EQ(kind_of(got), ErrorKind::kOverloaded);
  }
  EXPECT_EQ(served, 3) << "a part of four pages is for pieces and for fills that begin";
}

}  // namespace
}  // namespace cachey::cache
