// Exact readers: only the bytes of their ranges are fetched and kept, in parts of pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class Exact : public ReaderHarness {
 protected:
  using ReaderHarness::ReaderHarness;

  [[nodiscard]] std::shared_ptr<FetchSpec> exact(std::string object) {
    auto made = spec(std::move(object));
    made->wishes.exact = true;
    return made;
  }
  Got get(ByteRange range, uint64_t seed = 1) { return get(exact("o"), range, seed); }
  Got get(FetchSpecPtr of, ByteRange range, uint64_t seed = 1) {
    const Got got = read(std::move(of), range, seed).get();
    settle();
    return got;
  }
};

TEST_F(Exact, OnlyTheBytesOfTheRangeAreFetchedAndKept) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const Got miss = get({4, 10});
  expect_whole(miss, {4, 10});
  EXPECT_EQ(miss.first_cached_at, 0);
  EXPECT_EQ(miss.size, 40 * kMiB);
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{4, 10}));
  EXPECT_EQ(memory_.used_bytes(), 4 * kKiB);
  const Got hit = get({4, 10});
  expect_whole(hit, {4, 10});
  EXPECT_GT(hit.first_cached_at, 0);
  EXPECT_TRUE(newly_asked().empty());
  const KindMetrics& metrics = cache_metrics_.of("k");
  EXPECT_EQ(metrics.access.total(), 2u);
  EXPECT_EQ(metrics.download.total(), 1u);
  EXPECT_EQ(metrics.cache_hit_memory.total(), 1u);
}

TEST_F(Exact, AnOrdinaryReadCompletesThePage) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({4, 10}), {4, 10});
  const Got ordinary = get(spec("o"), {4, 10});
  expect_whole(ordinary, {4, 10});
  EXPECT_EQ(ordinary.first_cached_at, 0);
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{4, 10}, ByteRange{0, kPageBytes}));
  EXPECT_EQ(memory_.used_bytes(), kPageBytes) << "no byte is kept twice";
  EXPECT_GT(get({4, 10}).first_cached_at, 0);
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(Exact, NoByteOfOverlappingRangesIsFetchedTwice) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const ByteRange ranges[] = {{100 * kKiB, 200 * kKiB},  // first
                              {150 * kKiB, 250 * kKiB},  // overlaps its end
                              {50 * kKiB, 120 * kKiB},   // overlaps its begin
                              {60 * kKiB, 240 * kKiB},   // nested
                              {250 * kKiB, 251 * kKiB},  // adjacent
                              {0, kMiB}};                // has all of them
  for (const ByteRange& range : ranges) expect_whole(get(range), range);
  EXPECT_THAT(newly_asked(),
              ElementsAre(ByteRange{100 * kKiB, 200 * kKiB}, ByteRange{200 * kKiB, 250 * kKiB},
                          ByteRange{50 * kKiB, 100 * kKiB}, ByteRange{250 * kKiB, 251 * kKiB},
                          ByteRange{0, 50 * kKiB}, ByteRange{251 * kKiB, kMiB}));
  EXPECT_EQ(origin_.bytes_sent(), kMiB);
}

TEST_F(Exact, ASmallIslandCostsNoRequest) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({100 * kKiB, 104 * kKiB}), {100 * kKiB, 104 * kKiB});
  expect_whole(get({200 * kKiB, 201 * kKiB}), {200 * kKiB, 201 * kKiB});
  (void)newly_asked();
  expect_whole(get({0, 201 * kKiB}), {0, 201 * kKiB});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{0, 200 * kKiB}));
  EXPECT_EQ(memory_.used_bytes(), 204 * kKiB) << "no byte is kept twice";
}

TEST_F(Exact, ConcurrentReadersShareTheLoads) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  origin_.behave({.head_delay = 30ms});
  std::vector<std::future<Got>> clients;
  for (uint64_t i = 0; i < 50; ++i) clients.push_back(read(exact("o"), {i, kMiB}));
  for (uint64_t i = 0; i < 50; ++i) expect_whole(clients[i].get(), {i, kMiB});
  settle();
  EXPECT_EQ(origin_.bytes_sent(), kMiB);
  EXPECT_LE(origin_.asked().size(), 2u) << "the second worker may have been first";
}

TEST_F(Exact, LargeRunsThatAreThereAreNotFetchedToCompleteAPage) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({kMiB, 3 * kMiB}), {kMiB, 3 * kMiB});
  expect_whole(get({3 * kMiB, 3 * kMiB + 5}), {3 * kMiB, 3 * kMiB + 5});
  expect_whole(get({9 * kMiB, 9 * kMiB + 5}), {9 * kMiB, 9 * kMiB + 5});
  (void)newly_asked();
  const Got all = get(spec("o"), {0, kPageBytes});
  expect_whole(all, {0, kPageBytes});
  EXPECT_THAT(newly_asked(),
              UnorderedElementsAre(ByteRange{0, kMiB}, ByteRange{3 * kMiB + 5, kPageBytes}));
  EXPECT_EQ(memory_.used_bytes(), kPageBytes);
  EXPECT_GT(get(spec("o"), {0, kPageBytes}).first_cached_at, 0);
}

TEST_F(Exact, APageOfWhichNothingIsMissingCostsNoRequest) {
  origin_.put("b", "o", {.size = 3 * kMiB + 7});
  expect_whole(get({0, kMiB}), {0, kMiB});
  expect_whole(get({kMiB, kMiB + 10}), {kMiB, kMiB + 10});
  expect_whole(get({kMiB + 10, 4 * kMiB}), {kMiB + 10, 3 * kMiB + 7});
  (void)newly_asked();
  expect_whole(get(spec("o"), {5, kPageBytes}), {5, 3 * kMiB + 7});
  EXPECT_TRUE(newly_asked().empty());
  EXPECT_GT(get(spec("o"), {0, kPageBytes}).first_cached_at, 0);
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(Exact, ARangeIsCutAtTheObjectsEnd) {
  origin_.put("b", "o", {.size = 100});
  expect_whole(get({90, 1000}), {90, 100});
  expect_whole(get({90, 1000}), {90, 100});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{90, 1000}));
  expect_whole(get({50, 1000}), {50, 100});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{50, 90}));
  const Got past = get({100, 200});
  ASSERT_TRUE(past.error);
  EXPECT_EQ(past.error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(past.error->object_size(), 100u);
  EXPECT_EQ(newly_asked().size(), 1u) << "a refusal needs the store's word";
}

TEST_F(Exact, AllOfAPageIsAnOrdinaryRead) {
  origin_.put("b", "o", {.size = kPageBytes + 100});
  expect_whole(get({0, kPageBytes}), {0, kPageBytes});
  EXPECT_GT(get(spec("o"), {5, 10}).first_cached_at, 0);
  expect_whole(get({kPageBytes, kPageBytes + 100}), {kPageBytes, kPageBytes + 100});
  EXPECT_GT(get(spec("o"), {kPageBytes, kPageBytes + 1}).first_cached_at, 0);
  EXPECT_EQ(newly_asked().size(), 2u);
}

TEST_F(Exact, ARangeOverABorderIsTwoParts) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const ByteRange range{kPageBytes - 10, kPageBytes + 10};
  const Got got = get(range);
  expect_whole(got, range);
  EXPECT_EQ(got.later_pages, 1u);
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{kPageBytes - 10, kPageBytes},
                                         ByteRange{kPageBytes, kPageBytes + 10}));
  expect_whole(get(range), range);
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(Exact, ANewVersionDropsThePartsOfTheOld) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, 10}), {0, 10});
  origin_.put("b", "o", {.size = 40 * kMiB, .seed = 2, .etag = "\"v2\""});
  expect_whole(get({100, 110}, 2), {100, 110});
  expect_whole(get({0, 10}, 2), {0, 10});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{0, 10}, ByteRange{100, 110}, ByteRange{0, 10}));
}

TEST_F(Exact, AnAnswerIsOfOneVersion) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, 10}), {0, 10});
  origin_.put("b", "o", {.size = 40 * kMiB, .seed = 2, .etag = "\"v2\""});
  const Got mixed = get({0, 20});
  ASSERT_TRUE(mixed.error);
  EXPECT_EQ(mixed.error->kind(), ErrorKind::kChanged);
  expect_whole(get({0, 20}, 2), {0, 20});
}

TEST_F(Exact, AFailureConcernsItsOwnReaders) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, 100}), {0, 100});
  origin_.behave({.error = Error(ErrorKind::kDenied, "no")});
  const Got failed = get({kMiB, kMiB + 10});
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->kind(), ErrorKind::kDenied);
  expect_whole(get({0, 100}), {0, 100});
  const Got ordinary = get(spec("o"), {0, 100});
  ASSERT_TRUE(ordinary.error);
  expect_whole(get({0, 100}), {0, 100});
  origin_.behave(FakeOrigin::Behaviour{});
  expect_whole(get({kMiB, kMiB + 10}), {kMiB, kMiB + 10});
}

TEST_F(Exact, AnObjectThatShrankIsNoRefusal) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, kMiB}), {0, kMiB});
  origin_.put("b", "o", {.size = 1000, .seed = 2, .etag = "\"v2\""});
  expect_whole(get(spec("o"), {0, 100}, 2), {0, 100});
}

TEST_F(Exact, BytesThatStillComeAreNotFetchedTwice) {
  origin_.put("b", "o", {.size = kPageBytes});
  std::atomic<bool> held = true;
  origin_.behave_by([&held, this](const origin::GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number == 0)
      behaviour.held = [&held, this] { return held && origin_.bytes_sent() >= kMiB; };
    return behaviour;
  });
  auto first = read(exact("o"), {kMiB, 5 * kMiB});
  while (origin_.bytes_sent() < kMiB) std::this_thread::sleep_for(1ms);
  auto all = read(spec("o"), {0, kPageBytes});
  while (origin_.asked().size() < 2) std::this_thread::sleep_for(1ms);
  held = false;
  expect_whole(first.get(), {kMiB, 5 * kMiB});
  expect_whole(all.get(), {0, kPageBytes});
  settle();
  EXPECT_EQ(origin_.bytes_sent(), kPageBytes);
  EXPECT_EQ(memory_.used_bytes(), kPageBytes);
}

TEST_F(Exact, APartThatFailsIsFetchedByThePage) {
  origin_.put("b", "o", {.size = kPageBytes});
  std::atomic<bool> held = true;
  origin_.behave_by([&held](const origin::GetRequest& request, size_t) {
    FakeOrigin::Behaviour behaviour;
    if (request.range.begin < kMiB || request.range.end > 5 * kMiB || !held) return behaviour;
    behaviour.held = [&held] { return held.load(); };
    behaviour.damaged = true;
    return behaviour;
  });
  auto first = read(exact("o"), {kMiB, 5 * kMiB});
  const FetchSpecPtr ordinary = spec("o");
  while (cache_.table().parts(ordinary->key.view(), 0).empty() ||
         !cache_.table().parts(ordinary->key.view(), 0).front()->has_head())
    std::this_thread::sleep_for(1ms);
  auto all = read(ordinary, {0, kPageBytes});
  while (origin_.asked().size() < 2) std::this_thread::sleep_for(1ms);
  held = false;
  EXPECT_TRUE(first.get().error);
  expect_whole(all.get(), {0, kPageBytes});
}

TEST_F(Exact, AHeadFetchesNoPage) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const Got head = read(exact("o"), {4, 10}, 1, RangeReader::Use::kHead).get();
  EXPECT_FALSE(head.error);
  EXPECT_EQ(head.range, (ByteRange{4, 10}));
  settle();
  EXPECT_LE(origin_.bytes_sent(), 1u);
  EXPECT_EQ(memory_.used_bytes(), 0u);
}

TEST_F(Exact, ManyPartsAreCompleted) {
  constexpr uint64_t kSmall = 64 * kKiB;
  constexpr uint64_t kMost = kSmall / PageTable::kBytesPerPart;
  origin_.put("b", "o", {.size = kMiB});
  const auto small = exact("o");
  small->page_size = *PageSize::of(kSmall);
  for (uint64_t i = 0; i < kMost; ++i)
    expect_whole(get(small, {9 * i, 9 * i + 1}), {9 * i, 9 * i + 1});
  EXPECT_EQ(newly_asked().size(), kMost);
  EXPECT_EQ(memory_.used_bytes(), kMost * 4 * kKiB);
  expect_whole(get(small, {kSmall - 1, kSmall}), {kSmall - 1, kSmall});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{0, kSmall}));
  EXPECT_EQ(memory_.used_bytes(), kSmall);
}

/// Memory for three pages.
class ExactInLittleMemory : public Exact {
 protected:
  ExactInLittleMemory() : Exact(64 * kMiB) {}
};

TEST_F(ExactInLittleMemory, PartsThatWereEvictedAreFetchedAgain) {
  origin_.put("b", "o", {.size = kPageBytes});
  for (uint64_t i = 0; i < 8; ++i) {
    const ByteRange range{2 * i * kMiB, (2 * i + 1) * kMiB};
    expect_whole(get(range), range);
  }
  for (int i = 0; i < 6; ++i) {
    const std::string other = "p" + std::to_string(i);
    origin_.put("b", other, {.size = kPageBytes});
    expect_whole(get(spec(other), {0, kPageBytes}), {0, kPageBytes});
  }
  expect_whole(get({0, kPageBytes - 1}), {0, kPageBytes - 1});
  expect_whole(get(spec("o"), {0, kPageBytes}), {0, kPageBytes});
}

}  // namespace
}  // namespace cachey::cache
