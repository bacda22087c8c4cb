// A cache with a disk tier: what its readers get, and what reaches the device and the origin.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "cache/object_look.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class DiskTest : public ReaderHarness {
 protected:
  explicit DiskTest(uint64_t memory = 256 * kMiB, MayHave may_have = any_bucket,
                    FillConfig fills = {})
      : ReaderHarness(memory, fills, quick_disk(), Index::kRead, std::move(may_have)) {}

  /// Puts the object on the disk, but not into memory.
  void put_on_disk(const std::string& object, uint64_t size) {
    origin_.put("b", object, {.size = size});
    expect_whole(read(spec(object), {0, size}).get(), {0, size});
    settle();
    forget_memory();
  }

  /// Reads `range` of page 0, which comes in slowly. Meanwhile page 1 comes in, in a newer version,
  /// and is written to the disk.
  std::future<Got> overtake_a_slow_page(ByteRange range) {
    origin_.put("b", "o", {.size = 2 * kPageBytes});
    origin_.behave({.read_delay = 30ms});
    std::future<Got> slow = read(spec("o"), range);
    while (origin_.bytes_sent() == 0) std::this_thread::sleep_for(1ms);
    overtaken_ = cache_.table().find(spec("o")->key.view(), 0);
    overtaken_->reading_began(clock_.mono());  // like a client that is slower than the origin
    origin_.put("b", "o", {.size = 2 * kPageBytes, .seed = 2, .etag = "\"v2\""});
    origin_.behave(origin::FakeOrigin::Behaviour{});
    const ByteRange second{kPageBytes, 2 * kPageBytes};
    expect_whole(read(spec("o"), second, 2).get(), second);
    while (disk_->stats().insertions == 0) std::this_thread::sleep_for(1ms);
    return slow;
  }

  void let_go_of_overtaken() {
    settle();
    if (overtaken_->reading_ended()) overtaken_->discard();
    overtaken_.reset();
  }

  PagePtr overtaken_;
};

TEST_F(DiskTest, WhatCameInIsReadBackWithoutTheOrigin) {
  put_on_disk("o", kPageBytes + 70'001);
  EXPECT_EQ(disk_->stats().insertions, 2u);
  EXPECT_EQ(memory_.used_bytes(), 0u);
  const Got got = read(spec("o"), {0, kPageBytes + 70'001}).get();
  expect_whole(got, {0, kPageBytes + 70'001});
  EXPECT_GT(got.first_cached_at, 0);
  EXPECT_EQ(got.tier, Tier::kDisk);
  EXPECT_EQ(got.first_bucket, "b");
  EXPECT_EQ(got.size, kPageBytes + 70'001);
  EXPECT_EQ(origin_.asked().size(), 2u);
  EXPECT_EQ(cache_metrics_.of("k").cache_hit_disk.total(), 2u);
  EXPECT_EQ(cache_metrics_.of("k").cache_hit_memory.total(), 0u);
}

TEST_F(DiskTest, AReadTakesTheBlocksItNeedsFromDiskAndInMemory) {
  put_on_disk("o", kPageBytes);
  const uint64_t before = device_.bytes_read();
  const ByteRange range{5 * kMiB + 100, 5 * kMiB + 4196};
  expect_whole(read(spec("o"), range).get(), range);
  settle();
  EXPECT_EQ(device_.bytes_read() - before, store::kDiskBlockBytes);
  EXPECT_EQ(memory_.used_bytes(), store::kDiskBlockBytes);
  const Got again = read(spec("o"), range).get();
  expect_whole(again, range);
  EXPECT_EQ(again.tier, Tier::kMemory);
  EXPECT_EQ(device_.bytes_read() - before, store::kDiskBlockBytes) << "the block is in memory now";
  EXPECT_EQ(cache_metrics_.of("k").cache_hit_memory.total(), 1u);
}

TEST_F(DiskTest, AHeadReadsNothing) {
  put_on_disk("o", kPageBytes);
  const uint64_t before = device_.bytes_read();
  const Got got = read(spec("o"), {0, kPageBytes}, 1, RangeReader::Use::kHead).get();
  EXPECT_GT(got.first_cached_at, 0);
  EXPECT_EQ(got.size, kPageBytes);
  settle();
  EXPECT_EQ(device_.bytes_read(), before);
  EXPECT_EQ(cache_.table().objects(), 0u) << "and leaves nothing behind";
}

class DiskWithHeads : public DiskTest {
 protected:
  DiskWithHeads() : DiskTest(256 * kMiB, any_bucket, FillConfig{.heads_bytes_max = kMiB}) {}
};

TEST_F(DiskWithHeads, ALookDropsWhatOnlyTheDiskHas) {
  const auto look = [this] {
    return ask(look_at(cache_, workers_[0], spec("o"), clock_.mono(), rt::Until(MonoTime::max())))
        .get();
  };
  const KeyView key{"k", "o"};
  put_on_disk("o", 1000);
  EXPECT_TRUE(look());
  EXPECT_NE(disk_->version_of(key.kind, key.object), nullptr) << "it is the same version";
  origin_.put("b", "o", {.size = 1000, .seed = 2, .etag = "\"v2\""});
  EXPECT_EQ((*look())->info.etag, "\"v2\"");
  EXPECT_EQ(disk_->version_of(key.kind, key.object), nullptr);
  put_on_disk("o", 1000);
  origin_.behave({.error = Error(ErrorKind::kNotFound, "404")});
  EXPECT_FALSE(look());
  EXPECT_EQ(disk_->version_of(key.kind, key.object), nullptr);
}

TEST_F(DiskTest, ReadersOfABlockShareOneRead) {
  put_on_disk("o", kPageBytes);
  const uint64_t before = device_.bytes_read();
  device_.hang();
  std::vector<std::future<Got>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(read(spec("o"), {kMiB, kMiB + 100}));
  EXPECT_EQ(clients.front().wait_for(20ms), std::future_status::timeout);
  device_.release();
  for (auto& client : clients) expect_whole(client.get(), {kMiB, kMiB + 100});
  EXPECT_EQ(device_.bytes_read() - before, store::kDiskBlockBytes);
}

TEST_F(DiskTest, ReadsInARowAreReadAhead) {
  put_on_disk("o", kPageBytes);
  const uint64_t before = disk_->stats().reads;
  for (uint64_t at = 0; at < kPageBytes; at += 64 * kKiB) {
    expect_whole(read(spec("o"), {at, at + 64 * kKiB}).get(), {at, at + 64 * kKiB});
  }
  EXPECT_LT(disk_->stats().reads - before, 40u) << "not one a request, which would be 256";
  settle();
  EXPECT_LE(disk_->stats().read_bytes, 2 * kPageBytes);
}

TEST_F(DiskTest, APageThatIsOnDiskIsNotWrittenAgain) {
  put_on_disk("o", kPageBytes);
  for (int i = 0; i < 3; ++i) {
    expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
    settle();
  }
  EXPECT_EQ(disk_->stats().written_bytes, kPageBytes);
}

TEST_F(DiskTest, ANewVersionTakesTheOldPagesOffTheDisk) {
  put_on_disk("o", 2 * kPageBytes);
  origin_.put("b", "o", {.size = 3 * kPageBytes, .seed = 2, .etag = "\"v2\""});
  const ByteRange third{2 * kPageBytes, 3 * kPageBytes};
  expect_whole(read(spec("o"), third, 2).get(), third);
  settle();
  EXPECT_EQ(disk_->usage().pages, 1u);
  expect_whole(read(spec("o"), {0, 3 * kPageBytes}, 2).get(), {0, 3 * kPageBytes});
}

TEST_F(DiskTest, AnAnswerIsOfOneVersionAlsoWhereTheDiskHasTheOldOne) {
  origin_.put("b", "o", {.size = 2 * kPageBytes});
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  settle();
  forget_memory();
  ASSERT_EQ(disk_->usage().pages, 1u);
  origin_.put("b", "o", {.size = 2 * kPageBytes, .seed = 2, .etag = "\"v2\""});
  const Got got = read(spec("o"), {0, 2 * kPageBytes}).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kChanged);
  EXPECT_TRUE(got.right);
  settle();
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}, 2).get(), {0, 2 * kPageBytes});
}

TEST_F(DiskTest, PagesOfTwoBucketsAreOnDiskBesideEachOther) {
  for (const char* bucket : {"a", "b"}) {
    origin_.put(bucket, "o", {.size = 2 * kPageBytes, .etag = std::string("\"") + bucket + "\""});
  }
  const ByteRange first{0, kPageBytes};
  const ByteRange second{kPageBytes, 2 * kPageBytes};
  expect_whole(read(spec("o", {"a"}), first).get(), first);
  expect_whole(read(spec("o", {"b"}), second).get(), second);
  settle();
  forget_memory();
  EXPECT_EQ(disk_->usage().pages, 2u);
  const Got got = read(spec("o", {"b"}), {0, 2 * kPageBytes}).get();
  expect_whole(got, {0, 2 * kPageBytes});
  EXPECT_EQ(got.first_bucket, "a");
  EXPECT_EQ(origin_.asked().size(), 2u);
}

TEST_F(DiskTest, AnotherBucketDoesNotOverruleAVersionThatOnlyTheDiskHas) {
  origin_.put("b", "o", {.size = 3 * kPageBytes});
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  settle();
  forget_memory();
  origin_.put("c", "o", {.size = 3 * kPageBytes - 1, .seed = 2, .etag = "\"c\""});
  const Got contested = read(spec("o", {"c"}), {kPageBytes, kPageBytes + 10}, 2).get();
  ASSERT_TRUE(contested.error);
  EXPECT_EQ(contested.error->kind(), ErrorKind::kChanged);
  settle();
  EXPECT_EQ(disk_->usage().pages, 1u);
  expect_whole(read(spec("o", {"c"}), {0, 10}).get(), {0, 10});
  // Once the version's own bucket has another one, too, it is old.
  forget_memory();
  origin_.put("b", "o", {.size = 3 * kPageBytes - 1, .seed = 2, .etag = "\"v2\""});
  const ByteRange second{kPageBytes, kPageBytes + 10};
  expect_whole(read(spec("o", {"c"}), second, 2).get(), second);
  settle();
  expect_whole(read(spec("o", {"c"}), {0, 10}, 2).get(), {0, 10});
}

TEST_F(DiskTest, APageThatWasOvertakenWhileItCameInIsNotKeptOnDisk) {
  auto slow = overtake_a_slow_page({0, kPageBytes});
  expect_whole(slow.get(), {0, kPageBytes});
  let_go_of_overtaken();
  EXPECT_EQ(disk_->usage().pages, 1u) << "the new version's";
  forget_memory();
  expect_whole(read(spec("o"), {0, 100}, 2).get(), {0, 100});
}

TEST_F(DiskTest, APageThatWasOvertakenAndCannotBeCompletedTakesNothingOfTheNewVersionAlong) {
  // The second half comes first; the first half is then asked for in the old version, and fails.
  auto slow = overtake_a_slow_page({kPageBytes / 2, kPageBytes});
  expect_whole(slow.get(), {kPageBytes / 2, kPageBytes});
  let_go_of_overtaken();
  EXPECT_EQ(disk_->usage().pages, 1u);
  EXPECT_NE(cache_.table().find(spec("o")->key.view(), 1), nullptr);
}

class LittleMemory : public DiskTest {
 protected:
  LittleMemory() : DiskTest(4 * kPageBytes) {}
};

TEST_F(LittleMemory, WhatLeavesMemoryIsStillOnDisk) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      const std::string object = "o" + std::to_string(i);
      if (round == 0) origin_.put("b", object, {.size = kPageBytes});
      expect_whole(read(spec(object), {0, kPageBytes}).get(), {0, kPageBytes});
      settle();  // else the write queue may be full, and drop a page
    }
  }
  EXPECT_EQ(origin_.asked().size(), 10u);
  EXPECT_EQ(disk_->stats().insertions, 10u);
  EXPECT_LE(memory_.used_bytes(), memory_.limit_bytes());
}

TEST_F(LittleMemory, ManyReadersAtRandomGetTheRightBytes) {
  constexpr int kObjects = 8;
  for (int i = 0; i < kObjects; ++i) put_on_disk("o" + std::to_string(i), kPageBytes + 12'345);
  std::minstd_rand random(1);
  for (int round = 0; round < 12; ++round) {
    std::vector<std::pair<std::future<Got>, ByteRange>> clients;
    for (int i = 0; i < 8; ++i) {
      const uint64_t begin = random() % (kPageBytes + 12'000);
      const uint64_t length = i % 4 == 0 ? 3 * kMiB : 1 + random() % 100'000;
      const ByteRange range{begin, std::min(begin + length, kPageBytes + 12'345)};
      clients.emplace_back(read(spec("o" + std::to_string(random() % kObjects)), range), range);
    }
    for (auto& [client, range] : clients) expect_whole(client.get(), range);
  }
  EXPECT_LE(memory_.used_bytes(), memory_.limit_bytes());
  EXPECT_EQ(origin_.asked().size(), size_t{2 * kObjects});
}

/// The disk has pages of bucket `b`, which the kind had in an earlier process.
class ForbiddenBucketTest : public DiskTest {
 protected:
  ForbiddenBucketTest()
      : DiskTest(256 * kMiB, [this](std::string_view kind, std::string_view bucket) {
          return kind == "k" && bucket != forbidden_;
        }) {}

  std::string forbidden_;
};

TEST_F(ForbiddenBucketTest, APageOfTheDiskFromAForbiddenBucketIsNoHit) {
  put_on_disk("o", kPageBytes + 1000);
  origin_.put("c", "o", {.size = 100, .seed = 2, .etag = "\"c\""});
  forbidden_ = "b";
  const Got past = read(spec("o", {"c"}), {200, 300}, 2).get();
  ASSERT_TRUE(past.error);
  EXPECT_EQ(past.error->object_size(), 100u) << "the size in the forbidden bucket is not told";
  const Got got = read(spec("o", {"c"}), {0, 100}, 2).get();
  expect_whole(got, {0, 100});
  EXPECT_EQ(got.first_bucket, "c");
  settle();
  forget_memory();
  const Got again = read(spec("o", {"c"}), {0, 100}, 2).get();
  expect_whole(again, {0, 100});
  EXPECT_EQ(again.first_bucket, "c");
  EXPECT_GT(again.first_cached_at, 0) << "the page took the place of the forbidden one";
}

TEST_F(ForbiddenBucketTest, TheVersionOfAForbiddenBucketContestsNothing) {
  put_on_disk("o", kPageBytes);
  origin_.put("c", "o", {.size = 2 * kPageBytes, .seed = 2, .etag = "\"c\""});
  forbidden_ = "b";
  const ByteRange second{kPageBytes, kPageBytes + 10};  // a page that the disk lacks
  expect_whole(read(spec("o", {"c"}), second, 2).get(), second);
}

TEST_F(ForbiddenBucketTest, AHeadTellsNothingOfAForbiddenBucket) {
  put_on_disk("o", 1000);
  forbidden_ = "b";
  const Got got = read(spec("o", {"c"}), {0, 10}, 1, RangeReader::Use::kHead).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace cachey::cache
