// Which answers a read takes. Two buckets hold the same bytes under tags of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using ::testing::ElementsAre;

class ObjectReadVersions : public ObjectReadTest {
 protected:
  ObjectReadVersions() {
    origin_.put("b", "o", {.size = kSize, .etag = "\"b1\"", .last_modified = 1});
  }
  [[nodiscard]] static ObjectSourcePtr source(std::string bucket, std::string tag,
                                              uint64_t size = kSize) {
    return std::make_shared<ObjectSource>(ObjectInfo{std::move(tag), size, 0}, std::move(bucket));
  }
  /// Reads from the buckets in this order, with a version that the cache knows.
  Got get_knowing(ObjectSourcePtr known, const std::vector<std::string>& buckets,
                  ByteRange range = {0, kPageBytes}) {
    ReadTerms terms(buckets, buckets_.rank(buckets), "o", range, {});
    terms.kind = "home";
    terms.known = std::move(known);
    return world_.run(read(std::move(terms)));
  }
  [[nodiscard]] std::vector<std::string> if_matches() const {
    std::vector<std::string> all;
    for (const FakeOrigin::Asked& asked : origin_.asked()) all.push_back(asked.if_match);
    return all;
  }
};

TEST_F(ObjectReadVersions, AnExpectedVersionIsInsistedOnInItsBucketOnly) {
  VersionSet versions;
  versions.add(source("a", "\"v0\""));
  EXPECT_EQ(get({"a"}, {}, &versions).error->kind(), ErrorKind::kChanged);
  EXPECT_FALSE(get({"b"}, {}, &versions).error);
  EXPECT_THAT(if_matches(), ElementsAre("\"v0\"", ""));
  EXPECT_NE(versions.of("b"), nullptr) << "from now on b's version is insisted on, too";
  EXPECT_FALSE(get({"b"}, {}, &versions).error);
  EXPECT_EQ(if_matches().back(), "\"b1\"");
}

TEST_F(ObjectReadVersions, TheOtherBucketIsNotAskedIfTheVersionsOwnHasAnotherOne) {
  VersionSet versions;
  versions.add(source("a", "\"v0\""));
  EXPECT_EQ(get({"a", "b"}, {}, &versions).error->kind(), ErrorKind::kChanged);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(ObjectReadVersions, AWeakTagIsNotInsistedOn) {
  for (const char* bucket : {"a", "b"})
    origin_.put(bucket, "o", {.size = kSize, .etag = "W/\"1\""});
  origin_.behave_by([](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.cut_after = number == 0 ? std::optional(70'000) : std::nullopt};
  });
  EXPECT_FALSE(get().error);
  EXPECT_THAT(if_matches(), ElementsAre("", ""));
}

TEST_F(ObjectReadVersions, ABodyGoesOnFromABucketWithAnotherTag) {
  origin_.behave("a", {.cut_after = 10'000});
  const Got got = get({"a", "b"});
  EXPECT_FALSE(got.error) << got.error->message();
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, kSize);
}

class OtherSizes : public ObjectReadVersions, public ::testing::WithParamInterface<uint64_t> {};

TEST_P(OtherSizes, DoNotContinueABody) {
  origin_.put("b", "o", {.size = GetParam(), .seed = 2});
  origin_.behave("a", {.cut_after = 10'000});
  const Got got = get({"a", "b"});
  EXPECT_TRUE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_LT(got.bytes, kSize);
}

INSTANTIATE_TEST_SUITE_P(Sizes, OtherSizes, ::testing::Values(300'001, 299'999, 5000));

TEST_F(ObjectReadVersions, NoTwoVersionsOfABucketInOneBody) {
  // a, b, then a again with another tag.
  origin_.behave_by([this](const GetRequest& request, size_t number) {
    if (number == 2) origin_.put("a", "o", {.size = kSize, .seed = 2, .etag = "\"v2\""});
    if (number == 0) return FakeOrigin::Behaviour{.cut_after = 10'000};
    if (request.bucket == "b") return FakeOrigin::Behaviour{.cut_after = 10'000};
    return FakeOrigin::Behaviour{};
  });
  const Got got = get({"a", "b"});
  EXPECT_TRUE(got.error);
  EXPECT_TRUE(got.right);
}

TEST_F(ObjectReadVersions, ABucketThatContestsAKnownVersionFails) {
  const ObjectSourcePtr known = source("a", "\"v1\"");
  origin_.put("b", "o", {.size = kSize - 1, .seed = 2});
  const Got alone = get_knowing(known, {"b"});
  ASSERT_TRUE(alone.error);
  EXPECT_EQ(alone.error->kind(), ErrorKind::kChanged);
  const Got both = get_knowing(known, {"b", "a"});
  EXPECT_FALSE(both.error);
  EXPECT_EQ(both.bucket, 1u);
  EXPECT_TRUE(both.right);
  // That the object ends before bytes that the known version has is as bad.
  const Got past = get_knowing(known, {"b", "a"}, {kSize - 1, kSize + 10});
  EXPECT_FALSE(past.error);
  EXPECT_EQ(past.bytes, 1u);
  EXPECT_EQ(get_knowing(known, {"b"}, {kSize - 1, kSize}).error->kind(), ErrorKind::kChanged);
  EXPECT_EQ(get_knowing(known, {"b"}, {kSize, kSize + 1}).error->kind(),
            ErrorKind::kRangeNotSatisfiable);
}

TEST_F(ObjectReadVersions, TheVersionsOwnBucketAndTheHomeBucketSayWhatTheyHave) {
  const ObjectSourcePtr known = source("a", "\"v0\"", kSize + 1);
  EXPECT_FALSE(get_knowing(known, {"a"}).error);
  EXPECT_EQ(get_knowing(known, {"a"}, {kSize, kSize + 1}).error->kind(),
            ErrorKind::kRangeNotSatisfiable);
  origin_.put("home", "o", {.size = kSize});
  EXPECT_FALSE(get_knowing(known, {"home"}).error);
}

}  // namespace
}  // namespace cachey::origin
