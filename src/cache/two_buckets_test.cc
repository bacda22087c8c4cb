// Objects that two buckets hold: the same bytes under tags of their own, or not the same bytes.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using origin::FakeOrigin;

constexpr uint64_t kObjectSize = 3 * kPageBytes;
constexpr ByteRange kFirst{0, 100};
constexpr ByteRange kSecond{kPageBytes, kPageBytes + 100};

class TwoBuckets : public ReaderHarness {
 protected:
  TwoBuckets() {
    put("a", kObjectSize, 1, "\"a1\"");
    put("b", kObjectSize, 1, "\"b1\"");
  }
  void put(const std::string& bucket, uint64_t size, uint64_t seed, std::string etag) {
    origin_.put(bucket, "o", {.size = size, .seed = seed, .etag = std::move(etag)});
  }
  Got get(std::vector<std::string> buckets, ByteRange range, uint64_t seed = 1) {
    Got got = read(spec("o", std::move(buckets)), range, seed).get();
    settle();
    return got;
  }
  void expect_changed(const Got& got) {
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kChanged) << got.error->message();
    EXPECT_EQ(got.bytes, 0u);
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }
  [[nodiscard]] ObjectSourcePtr ruling() { return cache_.table().ruling(KeyView{"k", "o"}); }
};

TEST_F(TwoBuckets, PagesOfBothStandInOneAnswerAndNoneIsFetchedTwice) {
  expect_whole(get({"a"}, kFirst), kFirst);
  expect_whole(get({"b"}, kSecond), kSecond);
  const Got whole = get({"b", "a"}, {0, 2 * kPageBytes});
  expect_whole(whole, {0, 2 * kPageBytes});
  EXPECT_EQ(whole.first_bucket, "a");
  expect_whole(get({"a"}, {0, kObjectSize}), {0, kObjectSize});
  EXPECT_EQ(asked(), 3u);
}

TEST_F(TwoBuckets, ARequestForItsOwnBucketAloneReplacesThePagesOfAnother) {
  put("b", kObjectSize, 2, "\"b1\"");  // lags behind
  expect_whole(get({"b"}, kSecond, 2), kSecond);
  const auto own = spec("o", {"a"});
  own->wishes.own_buckets = true;
  for (int i = 0; i < 2; ++i) {
    expect_whole(read(own, {0, 2 * kPageBytes}).get(), {0, 2 * kPageBytes});
    settle();
    EXPECT_EQ(asked(), 3u);
  }
}

TEST_F(TwoBuckets, ABodyGoesOnFromTheOtherBucket) {
  origin_.behave("a", {.cut_after = kMiB + 5});
  expect_whole(get({"a", "b"}, {0, kPageBytes}), {0, kPageBytes});
  const size_t before = asked();
  expect_whole(get({"b"}, {0, kPageBytes}), {0, kPageBytes});
  EXPECT_EQ(asked(), before);
}

TEST_F(TwoBuckets, ABucketWithAnotherSizeTakesNothingFromTheOther) {
  for (const uint64_t size : {kObjectSize - 1, kObjectSize + 1, uint64_t{40}}) {
    put("b", size, 2, "\"b2\"");
    expect_whole(get({"a"}, kFirst), kFirst);
    expect_changed(get({"b"}, kSecond));
    const size_t before = asked();
    expect_whole(get({"a"}, kFirst), kFirst);
    EXPECT_EQ(asked(), before) << "the page is still there";
    const Got both = get({"b", "a"}, kSecond);
    expect_whole(both, kSecond);
    EXPECT_EQ(both.first_bucket, "a");
    for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
  }
}

TEST_F(TwoBuckets, AContestedVersionIsAskedForOnce) {
  expect_whole(get({"a"}, kFirst), kFirst);
  put("b", kObjectSize + 1, 2, "\"b2\"");
  expect_changed(get({"b"}, kSecond));
  const std::vector<FakeOrigin::Asked> all = origin_.asked();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.back().bucket, "a");
  EXPECT_EQ(all.back().ask, origin::Ask::kHead);
}

TEST_F(TwoBuckets, ANewerVersionPassesOnceTheOldOnesBucketNoLongerHasIt) {
  expect_whole(get({"a"}, kFirst), kFirst);
  put("b", kObjectSize + 1, 2, "\"b2\"");
  put("a", kObjectSize + 1, 2, "\"a2\"");
  expect_whole(get({"b"}, kSecond, 2), kSecond);
  expect_whole(get({"a"}, kFirst, 2), kFirst);
  EXPECT_EQ(ruling()->info.size, kObjectSize + 1);
}

TEST_F(TwoBuckets, ANewerVersionPassesIfTheOldOnesBucketNoLongerHasTheObject) {
  expect_whole(get({"a"}, kFirst), kFirst);
  put("b", kObjectSize + 1, 2, "\"b2\"");
  origin_.behave("a", {.error = Error(ErrorKind::kNotFound, "gone")});
  expect_whole(get({"b"}, kSecond, 2), kSecond);
  expect_whole(get({"b"}, kFirst, 2), kFirst);
}

TEST_F(TwoBuckets, AVersionWhoseBucketDoesNotAnswerStays) {
  expect_whole(get({"a"}, kFirst), kFirst);
  put("b", kObjectSize + 1, 2, "\"b2\"");
  for (const ErrorKind kind : {ErrorKind::kUpstream, ErrorKind::kTimeout, ErrorKind::kDenied}) {
    origin_.behave("a", {.error = Error(kind, "no")});
    expect_changed(get({"b"}, kSecond));
  }
  const size_t before = asked();
  expect_whole(get({"b"}, kFirst), kFirst);
  EXPECT_EQ(asked(), before);
}

TEST_F(TwoBuckets, ADownloadGoesOnWhileAnotherBucketContests) {
  put("b", kObjectSize + 1, 2, "\"b2\"");
  origin_.behave("a", {.read_delay = std::chrono::milliseconds(1)});
  auto download = read(spec("o", {"a"}), {0, kObjectSize});
  while (!ruling()) std::this_thread::yield();  // the version of "a" is the first that is known
  for (int i = 0; i < 10; ++i) {
    const Got other = get({"b"}, {2 * kPageBytes + i, kObjectSize}, 2);
    EXPECT_FALSE(other.error && other.error->kind() != ErrorKind::kChanged);
  }
  expect_whole(download.get(), {0, kObjectSize});
}

TEST_F(TwoBuckets, TheSizeOfABucketThatIsNotNamedIsNotTold) {
  put("b", 40, 2, "\"b2\"");
  expect_whole(get({"b"}, {0, 40}, 2), {0, 40});
  const Got named = get({"b"}, kSecond);
  EXPECT_EQ(named.error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(asked(), 2u);
  expect_changed(get({"a"}, kSecond));
  EXPECT_EQ(asked(), 4u);
}

TEST_F(TwoBuckets, PastTheEndOfAShortCopyTheOtherIsRead) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{4}}) {
    put("a", size, 2, "\"short\"");
    const ByteRange within{100, 200};
    const Got got = get({"a", "b"}, within);
    expect_whole(got, within);
    EXPECT_EQ(got.first_bucket, "b");
    expect_whole(get({"a", "b"}, kSecond), kSecond);
    for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
  }
}

TEST_F(TwoBuckets, PastTheEndOfBothTheLargerSizeIsTold) {
  put("a", 17, 1, "\"a1\"");
  put("b", 4, 1, "\"b1\"");
  for (const ByteRange past : {ByteRange{100, 200}, kSecond}) {
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{"a", "b"}, std::vector<std::string>{"b", "a"}}) {
      const Got got = get(names, past);
      ASSERT_TRUE(got.error);
      EXPECT_EQ(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
      EXPECT_EQ(got.error->object_size(), 17u);
      for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
    }
  }
}

/// A short copy that is known rules; what a longer one says is no conflict for the client.
TEST_F(TwoBuckets, PastTheEndOfAKnownShortCopyIsNoConflict) {
  put("a", 4, 2, "\"short\"");
  expect_whole(get({"a", "b"}, {0, 4}, 2), {0, 4});
  for (int i = 0; i < 2; ++i) {
    const Got got = get({"a", "b"}, kSecond);
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
    EXPECT_EQ(got.error->object_size(), 4u);
  }
  expect_whole(get({"a", "b"}, {0, 4}, 2), {0, 4});
}

/// The leader is past the end of every copy that answers; a reader that joined is not.
TEST_F(TwoBuckets, AReaderBeforeTheEndIsNotRefusedWithItsLeader) {
  put("a", 50, 1, "\"a1\"");
  origin_.behave("a", {.head_delay = std::chrono::milliseconds(30)});
  origin_.behave("b", {.head_delay = std::chrono::milliseconds(30),
                       .error = Error(ErrorKind::kThrottled, "503")});
  auto leader = read(spec("o", {"a", "b"}), {100, 200});
  auto joined = read(spec("o", {"a", "b"}), {0, 50});
  expect_whole(joined.get(), {0, 50});
  EXPECT_EQ(leader.get().error->kind(), ErrorKind::kRangeNotSatisfiable);
}

TEST_F(TwoBuckets, TheHomeBucketIsNotHinderedByAnother) {
  put("k", kObjectSize, 1, "\"k1\"");  // the kind's name
  put("b", 40, 2, "\"b2\"");
  expect_whole(get({"b"}, {0, 40}, 2), {0, 40});
  expect_whole(get({"k"}, kSecond), kSecond);
  expect_whole(get({"k"}, {0, kObjectSize}), {0, kObjectSize});
  EXPECT_EQ(ruling()->bucket, "k");
}

TEST_F(TwoBuckets, TheHomeBucketsEndCounts) {
  put("k", kPageBytes, 1, "\"k1\"");
  put("b", kObjectSize, 2, "\"b2\"");
  expect_whole(get({"b"}, kFirst, 2), kFirst);
  EXPECT_EQ(get({"k"}, kSecond).error->kind(), ErrorKind::kRangeNotSatisfiable);
  expect_whole(get({"k"}, kFirst), kFirst);
}

}  // namespace
}  // namespace cachey::cache
