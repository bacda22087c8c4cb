// Which pages a reader asks for ahead of its position: the exact requests to the origin.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LookAheadTest : public ReaderHarness {
 protected:
  explicit LookAheadTest(std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(256 * kMiB, FillConfig{}, std::move(disk)) {}

  void forget_page(uint32_t index) {
    const PagePtr page = cache_.table().find(spec("o")->key.view(), index);
    cache_.table().remove(*page);
    page->discard();
  }

  static constexpr ByteRange kFar{0, kGiB};
};

TEST_F(LookAheadTest, ASmallObjectCostsOneRequestWhateverIsAskedFor) {
  for (const uint64_t end : {uint64_t{4096}, kPageBytes, kPageBytes + 1, 2 * kPageBytes, kGiB}) {
    const std::string object = std::to_string(end);
    origin_.put("b", object, {.size = 4096});
    expect_whole(read(spec(object), {0, end}).get(), {0, 4096});
    settle();
    EXPECT_THAT(newly_fetched(), ElementsAre(0)) << end;
    for (int i = 0; i < 10; ++i) {
      expect_whole(read(spec(object), {0, end}).get(), {0, 4096});
      expect_whole(read(spec(object), {100, end}).get(), {100, 4096});
    }
    EXPECT_THAT(newly_fetched(), IsEmpty()) << "hits of 0-" << end;
  }
}

TEST_F(LookAheadTest, TheLastPageOfALargeObjectCostsNoRequestForTheNext) {
  const uint64_t size = 2 * kPageBytes + 5;
  origin_.put("b", "o", {.size = size});
  for (int round = 0; round < 2; ++round) {
    for (uint64_t at = 0; at < size; at += 12 * kMiB) {
      const ByteRange range{at, at + 24 * kMiB};
      expect_whole(read(spec("o"), range).get(), {at, std::min(range.end, size)});
    }
  }
  settle();
  EXPECT_THAT(newly_fetched(), UnorderedElementsAre(0, 1, 2));
}

TEST_F(LookAheadTest, NothingIsAskedForAheadOfAnUnknownSize) {
  origin_.put("b", "o", {.size = 5 * kPageBytes});
  std::atomic<bool> body_is_held = true;
  origin_.behave({.head_delay = 20ms, .held = [&body_is_held] { return body_is_held.load(); }});
  auto client = read(spec("o"), {0, 5 * kPageBytes});
  while (origin_.asked().empty()) std::this_thread::sleep_for(1ms);
  EXPECT_THAT(newly_fetched(), ElementsAre(0));
  while (origin_.asked().size() < 3) std::this_thread::sleep_for(1ms);  // once the head has come
  EXPECT_THAT(newly_fetched(), ElementsAre(1, 2)) << "before the first byte of the body";
  body_is_held = false;
  expect_whole(client.get(), {0, 5 * kPageBytes});
  settle();
  EXPECT_THAT(newly_fetched(), ElementsAre(3, 4));
}

TEST_F(LookAheadTest, AKnownSizeIsEnoughToAskAheadOfAColdPage) {
  origin_.put("b", "o", {.size = 2 * kPageBytes + 5});
  const ByteRange last{2 * kPageBytes, 2 * kPageBytes + 5};
  expect_whole(read(spec("o"), last).get(), last);
  settle();
  EXPECT_THAT(newly_fetched(), ElementsAre(2));
  origin_.behave({.head_delay = 100ms});
  auto client = read(spec("o"), kFar);
  while (origin_.asked().size() < 3) std::this_thread::sleep_for(1ms);
  EXPECT_THAT(newly_fetched(), ElementsAre(0, 1));
  expect_whole(client.get(), {0, 2 * kPageBytes + 5});
}

TEST_F(LookAheadTest, APageThatIsNoMoreIsAskedForAheadOnceAndOnceMoreWhenItIsDue) {
  origin_.put("b", "o", {.size = 4 * kPageBytes});
  expect_whole(read(spec("o"), {0, 100}).get(), {0, 100});
  settle();
  EXPECT_THAT(newly_fetched(), ElementsAre(0));
  origin_.put("b", "o", {.size = kMiB, .seed = 2, .etag = "\"v2\""});
  const Got got = read(spec("o"), kFar).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kChanged) << "the answer's version has the page";
  EXPECT_EQ(got.bytes, kPageBytes);
  settle();
  EXPECT_THAT(newly_fetched(), UnorderedElementsAre(1, 2, 1));
  for (int i = 0; i < 10; ++i) expect_whole(read(spec("o"), kFar, 2).get(), {0, kMiB});
  EXPECT_THAT(newly_fetched(), ElementsAre(0)) << "the new version; its size is known";
}

TEST_F(LookAheadTest, AnObjectThatShrankIsReadToItsNewEnd) {
  origin_.put("b", "o", {.size = 4 * kPageBytes});
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}).get(), {0, 2 * kPageBytes});
  settle();
  EXPECT_THAT(newly_fetched(), UnorderedElementsAre(0, 1));
  forget_page(0);
  origin_.put("b", "o", {.size = kPageBytes + 7, .seed = 2, .etag = "\"v2\""});
  origin_.behave_by([](const origin::GetRequest& request, size_t) {
    FakeOrigin::Behaviour behaviour;  // the 416 for page 2 comes before the head of page 0
    if (request.range.begin == 0) behaviour.head_delay = 100ms;
    return behaviour;
  });
  const Got got = read(spec("o"), kFar, 2).get();
  settle();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kChanged) << "page 1 was there in the old version";
  EXPECT_EQ(got.bytes, 0u);
  EXPECT_THAT(newly_fetched(), UnorderedElementsAre(0, 2));
  expect_whole(read(spec("o"), kFar, 2).get(), {0, kPageBytes + 7});
  EXPECT_THAT(newly_fetched(), ElementsAre(1));
}

TEST_F(LookAheadTest, AnOldAnswerAboutTheEndSaysNothingOfANewerVersion) {
  PageTable& table = cache_.table();
  const FetchSpecPtr asked = spec("o");
  const KeyView key = asked->key.view();
  origin_.put("b", "o", {.size = 2 * kPageBytes});
  const MonoTime before = clock_.mono();
  expect_whole(read(spec("o"), {0, 100}).get(), {0, 100});
  EXPECT_EQ(table.ended_by(key, "b", kPageBytes, before), nullptr) << "an older answer";
  EXPECT_EQ(table.ended_by(key, "b", 2 * kPageBytes, clock_.mono()), nullptr) << "its very end";
  EXPECT_EQ(table.ended_by(key, "c", kPageBytes, clock_.mono()), nullptr) << "another bucket";
  const ObjectSourcePtr ended = table.ended_by(key, "b", kPageBytes, clock_.mono());
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(table.forget(key, *ended), ObjectVersions::Forgotten::kObject);
  EXPECT_FALSE(table.object_size(key).has_value());
  EXPECT_EQ(table.find(key, 0), nullptr);
}

class LookAheadOverADisk : public LookAheadTest {
 protected:
  LookAheadOverADisk() : LookAheadTest(store::DiskTierConfig{}) {}
};

TEST_F(LookAheadOverADisk, AHitOnDiskCostsNoRequest) {
  for (const uint64_t size : {uint64_t{4096}, kPageBytes + 5}) {
    const std::string object = std::to_string(size);
    origin_.put("b", object, {.size = size});
    expect_whole(read(spec(object), {0, size}).get(), {0, size});
    settle();
    forget_memory();
    const size_t before = origin_.asked().size();
    for (int i = 0; i < 3; ++i) {
      expect_whole(read(spec(object), kFar).get(), {0, size});
      const uint64_t last_page = (size - 1) / kPageBytes * kPageBytes;
      expect_whole(read(spec(object), {last_page, kGiB}).get(), {last_page, size});
    }
    EXPECT_EQ(origin_.asked().size(), before);
  }
}

TEST_F(LookAheadOverADisk, AnObjectThatShrankLeavesTheDisk) {
  origin_.put("b", "o", {.size = 3 * kPageBytes});
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}).get(), {0, 2 * kPageBytes});
  settle();
  forget_memory();
  origin_.put("b", "o", {.size = kMiB, .seed = 2, .etag = "\"v2\""});
  const Got got = read(spec("o"), kFar).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kChanged);
  settle();
  EXPECT_LE(disk_->usage().pages, 1u) << "the old version's are gone";
  expect_whole(read(spec("o"), kFar, 2).get(), {0, kMiB});
}

}  // namespace
}  // namespace cachey::cache
