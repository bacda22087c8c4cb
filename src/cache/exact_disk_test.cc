// Parts of pages on the disk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class ExactDisk : public ReaderHarness {
 protected:
  explicit ExactDisk(uint64_t memory = 256 * kMiB, MayHave may_have = any_bucket)
      : ReaderHarness(memory, FillConfig{}, quick_disk(), Index::kRead, std::move(may_have)) {}

  Got get(ByteRange range, uint64_t seed = 1, const std::string& bucket = "b") {
    auto made = spec("o", {bucket});
    made->wishes.exact = true;
    const Got got = read(std::move(made), range, seed).get();
    settle();
    return got;
  }
  void forget_memory() {
    ReaderHarness::forget_memory();
    EXPECT_EQ(memory_.used_bytes(), 0u);
  }
};

TEST_F(ExactDisk, PartsAreReadBackWithoutTheStore) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  const ByteRange ranges[] = {{4, 10}, {kMiB - 5, kMiB + 70'000}, {3 * kMiB + 1, 9 * kMiB + 17}};
  for (const ByteRange& range : ranges) expect_whole(get(range), range);
  EXPECT_EQ(newly_asked().size(), 3u);
  EXPECT_EQ(disk_->usage().parts, 2u + 4u) << "cut at multiples of 2 MiB";
  forget_memory();
  for (const ByteRange& range : ranges) {
    const Got got = get(range);
    expect_whole(got, range);
    EXPECT_GT(got.first_cached_at, 0);
  }
  const ByteRange inside{4 * kMiB + 100, 8 * kMiB + 3};
  expect_whole(get(inside), inside);
  EXPECT_TRUE(newly_asked().empty());
  EXPECT_EQ(cache_metrics_.of("k").cache_hit_disk.total(), 3u);
}

TEST_F(ExactDisk, OnlyWhatTheDiskLacksIsFetched) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({kMiB, kMiB + 200'000}), {kMiB, kMiB + 200'000});
  forget_memory();
  (void)newly_asked();
  expect_whole(get({kMiB - 1000, kMiB + 300'000}), {kMiB - 1000, kMiB + 300'000});
  EXPECT_THAT(newly_asked(),
              ElementsAre(ByteRange{kMiB - 1000, kMiB}, ByteRange{kMiB + 200'000, kMiB + 300'000}));
}

TEST_F(ExactDisk, ASmallIslandOnTheDiskCostsNoRequest) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({5000, 6000}), {5000, 6000});
  forget_memory();
  (void)newly_asked();
  expect_whole(get({0, 100'000}), {0, 100'000});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{0, 100'000}));
  forget_memory();
  expect_whole(get({5500, 5600}), {5500, 5600});
  expect_whole(get({0, 100'000}), {0, 100'000});
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(ExactDisk, ANewPartEndsBeforeASmallOneThatReachesPastIt) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({90'000, 110'000}), {90'000, 110'000});
  forget_memory();
  (void)newly_asked();
  expect_whole(get({50'000, 100'000}), {50'000, 100'000});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{50'000, 90'000}));
  auto cached_only = spec("o");
  cached_only->wishes.only_if_cached = true;
  expect_whole(read(cached_only, {50'000, 110'000}).get(), {50'000, 110'000});
  expect_whole(get({100'000, 110'000}), {100'000, 110'000});
  EXPECT_TRUE(newly_asked().empty()) << "the parts have no byte in common";
}

TEST_F(ExactDisk, AWholePageOnTheDiskServesExactReaders) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  settle();
  forget_memory();
  (void)newly_asked();
  EXPECT_GT(get({kMiB, kMiB + 10}).first_cached_at, 0);
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(ExactDisk, PartsLeaveTheDiskOnceTheirPageIsThere) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({kMiB, 5 * kMiB}), {kMiB, 5 * kMiB});
  EXPECT_GT(disk_->usage().parts, 0u);
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  settle();
  EXPECT_EQ(disk_->usage().parts, 0u);
  EXPECT_EQ(disk_->usage().pages, 1u);
  EXPECT_THAT(newly_asked(), UnorderedElementsAre(ByteRange{kMiB, 5 * kMiB}, ByteRange{0, kMiB},
                                                  ByteRange{5 * kMiB, kPageBytes}));
}

TEST_F(ExactDisk, APartThatTheDiskDoesNotGiveIsFetched) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({kMiB, kMiB + 200'000}), {kMiB, kMiB + 200'000});
  forget_memory();
  (void)newly_asked();
  device_.fail_reads(EIO, 1);
  expect_whole(get({kMiB + 5, kMiB + 10}), {kMiB + 5, kMiB + 10});
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{kMiB + 5, kMiB + 10}));
}

TEST_F(ExactDisk, PartsOfAnOldVersionAreNotServed) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, 100'000}), {0, 100'000});
  origin_.put("b", "o", {.size = 40 * kMiB, .seed = 2, .etag = "\"v2\""});
  expect_whole(get({kMiB, kMiB + 10}, 2), {kMiB, kMiB + 10});
  forget_memory();
  expect_whole(get({0, 100'000}, 2), {0, 100'000});
}

TEST_F(ExactDisk, AClientThatReadsByteAfterByteKeepsBounds) {
  origin_.put("b", "o", {.size = kPageBytes});
  for (uint64_t at = 0; at < 300; ++at) expect_whole(get({at, at + 1}), {at, at + 1});
  EXPECT_LE(disk_->usage().parts, 300u);
  forget_memory();
  expect_whole(get({0, 300}), {0, 300});
}

class ExactDiskOfOtherBuckets : public ExactDisk {
 protected:
  ExactDiskOfOtherBuckets()
      : ExactDisk(256 * kMiB, [this](std::string_view, std::string_view bucket) {
          return bucket != "b" || allowed_.load();
        }) {}
  std::atomic<bool> allowed_ = true;
};

TEST_F(ExactDiskOfOtherBuckets, PartsOfABucketThatTheKindMayNotHaveAreNotServed) {
  origin_.put("b", "o", {.size = 40 * kMiB});
  expect_whole(get({0, 100'000}), {0, 100'000});
  forget_memory();
  allowed_ = false;
  origin_.put("c", "o", {.size = 40 * kMiB, .seed = 2});
  expect_whole(get({0, 100'000}, 2, "c"), {0, 100'000});
  EXPECT_EQ(newly_asked().size(), 2u);
}

/// Random exact and ordinary reads in little memory, on a device of which operations fail.
class ExactDiskModel : public ReaderHarness, public ::testing::WithParamInterface<unsigned> {
 protected:
  ExactDiskModel() : ReaderHarness(64 * kMiB, FillConfig{}, quick_disk()) {}
};

TEST_P(ExactDiskModel, EveryByteIsRight) {
  constexpr uint64_t kSizes[] = {100, 3 * kMiB + 17, kPageBytes + 5 * kMiB};
  std::mt19937 random(GetParam());
  for (size_t i = 0; i < std::size(kSizes); ++i)
    origin_.put("b", std::to_string(i), {.size = kSizes[i]});
  for (int round = 0; round < 40; ++round) {
    if (random() % 5 == 0) device_.fail_reads(EIO, 2);
    if (random() % 9 == 0) device_.fail_writes(EIO, 1);
    std::vector<std::pair<ByteRange, std::future<Got>>> clients;
    for (int i = 0; i < 6; ++i) {
      const size_t object = random() % std::size(kSizes);
      const uint64_t lengths[] = {1, 5'000, 200'000, 5 * kMiB};
      const uint64_t length = 1 + random() % lengths[random() % std::size(lengths)];
      const uint64_t begin = random() % kSizes[object];
      const FetchSpecPtr of = [&] {
        auto made = spec(std::to_string(object));
        made->wishes.exact = random() % 8 != 0;
        return made;
      }();
      auto got = read(of, {begin, begin + length});
      clients.emplace_back(ByteRange{begin, std::min(begin + length, kSizes[object])},
                           std::move(got));
    }
    for (auto& [range, client] : clients) expect_whole(client.get(), range);
    if (round % 10 != 9) continue;
    settle();
    ReaderHarness::forget_memory();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ExactDiskModel, ::testing::Range(0u, 8u));

}  // namespace
}  // namespace cachey::cache
