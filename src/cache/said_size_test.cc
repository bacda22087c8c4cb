// C0-Object-Size: what a reader does if its client says how large the object is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Use = RangeReader::Use;

class SaidSize : public ReaderHarness {
 protected:
  void put(uint64_t size, uint64_t seed = 1) {
    origin_.put("b", "o",
                {.size = size, .seed = seed, .etag = "\"v" + std::to_string(seed) + "\""});
  }
  /// The range is cut at the said size already, as api does it.
  [[nodiscard]] std::future<Got> start(uint64_t said, ByteRange range, uint64_t seed = 1,
                                       Use use = Use::kBody) {
    const std::shared_ptr<FetchSpec> made = spec("o");
    made->wishes.object_size = said;
    return read(made, range, seed, use);
  }
  [[nodiscard]] Got get(uint64_t said, ByteRange range, uint64_t seed = 1, Use use = Use::kBody) {
    const Got got = start(said, range, seed, use).get();
    settle();
    return got;
  }
  static void expect_changed(const Got& got) {
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kChanged);
    EXPECT_THAT(got.error->message(), ::testing::HasSubstr("C0-Object-Size"));
    EXPECT_FALSE(got.opened);
  }
  static void expect_past_end(const Got& got, uint64_t size) {
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
    EXPECT_EQ(got.error->object_size(), size);
  }
};

TEST_F(SaidSize, TheRightSizeChangesNothing) {
  put(4096);
  for (int i = 0; i < 3; ++i) expect_whole(get(4096, {0, 4096}), {0, 4096});
  expect_whole(get(4096, {4095, 4096}), {4095, 4096});
  EXPECT_THAT(newly_fetched(), ElementsAre(0));
}

TEST_F(SaidSize, AnotherSizeIsRefusedAfterTheStoreWasAsked) {
  for (const Use use : {Use::kBody, Use::kHead}) {
    put(4096);
    for (const uint64_t said : {uint64_t{1}, uint64_t{4095}, uint64_t{4097}, kPageBytes}) {
      expect_changed(get(said, {0, std::min<uint64_t>(said, 100)}, 1, use));
      EXPECT_THAT(newly_fetched(), ElementsAre(0)) << said;
    }
    expect_past_end(get(kPageBytes, {4096, 5000}, 1, use), 4096);
    expect_past_end(get(3 * kPageBytes, {kPageBytes, kPageBytes + 1}, 1, use), 4096);
    for (const uint64_t page : newly_fetched()) EXPECT_LE(page, 1u);
  }
}

TEST_F(SaidSize, WhatIsCachedServesAndDoesNotRefuse) {
  put(4096);
  expect_whole(get(4096, {0, 10}), {0, 10});
  put(5000, 2);
  expect_whole(get(4096, {0, 10}), {0, 10});
  EXPECT_THAT(newly_fetched(), ElementsAre(0)) << "the cached version has that size";
  expect_whole(get(5000, {0, 5000}, 2), {0, 5000});
  EXPECT_THAT(newly_fetched(), ElementsAre(0, 0)) << "a look, then the page of the new version";
  expect_changed(get(4096, {0, 10}, 2));
  EXPECT_THAT(newly_fetched(), ElementsAre(0)) << "a look";
  expect_whole(get(5000, {0, 5000}, 2), {0, 5000});
  EXPECT_THAT(newly_fetched(), IsEmpty()) << "the page stays";
}

TEST_F(SaidSize, AHotPageOfAnotherSizeIsAskedFor) {
  put(4096);
  for (int i = 0; i < 20; ++i) expect_whole(get(4096, {0, 10}), {0, 10});
  EXPECT_THAT(newly_fetched(), ElementsAre(0));
  expect_changed(get(9, {0, 9}));
  EXPECT_THAT(newly_fetched(), ElementsAre(0));
}

TEST_F(SaidSize, PagesAreAskedForAheadOfTheFirstAnswer) {
  put(2 * kPageBytes + 5);
  origin_.behave({.head_delay = 100ms});
  auto client = start(2 * kPageBytes + 5, {0, 2 * kPageBytes + 5});
  while (origin_.asked().size() < 3) std::this_thread::sleep_for(1ms);
  EXPECT_THAT(newly_fetched(), ElementsAre(0, 1, 2)) << "before the first head";
  expect_whole(client.get(), {0, 2 * kPageBytes + 5});
  settle();
  EXPECT_THAT(newly_fetched(), IsEmpty());
}

TEST_F(SaidSize, NothingPastItIsAskedFor) {
  put(5 * kPageBytes);
  origin_.behave({.head_delay = 20ms});
  expect_changed(get(kPageBytes + 1, {0, kPageBytes + 1}));
  for (const uint64_t page : newly_fetched()) EXPECT_LE(page, 1u);
}

TEST_F(SaidSize, ALieHurtsNobodyElse) {
  put(kPageBytes + 9);
  origin_.behave({.head_delay = 30ms});
  auto liar = start(8 * kPageBytes, {0, 8 * kPageBytes});
  auto honest = read(spec("o"), {0, 8 * kPageBytes});
  expect_changed(liar.get());
  expect_whole(honest.get(), {0, kPageBytes + 9});
  settle();
}

TEST_F(SaidSize, TheReserveOfTheLastPageIsItsBytes) {
  put(kPageBytes + 9);
  const std::shared_ptr<FetchSpec> made = spec("o");
  made->wishes.object_size = kPageBytes + 9;
  EXPECT_EQ(cache_.fills().object_size(*made), kPageBytes + 9);
  const auto reserved = cache_.fills().try_reserve(*made, {kPageBytes, 2 * kPageBytes});
  ASSERT_TRUE(reserved);
  EXPECT_EQ(reserved->body.bytes(), store::Arena::rounded(9));
  EXPECT_EQ(cache_.fills().try_reserve(*made, {7 * kPageBytes, 8 * kPageBytes})->body.bytes(),
            kPageBytes)
      << "past the end";
  EXPECT_EQ(cache_.fills().object_size(*spec("o")), std::nullopt);
}

}  // namespace
}  // namespace cachey::cache
