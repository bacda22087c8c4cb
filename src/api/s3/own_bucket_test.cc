#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "api/s3/testing/endpoint_world.h"

// The endpoint beside readers of /fetch that name other buckets of the kind (C0-Bucket). These are
// said to hold the same objects, and may lag behind.

namespace cachey::api::s3 {
namespace {

using origin::FakeOrigin;
using World = EndpointWorld;

std::string object_bytes(uint64_t seed, uint64_t size) {
  std::string bytes(size, '\0');
  for (uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(origin::object_byte(seed, i));
  return bytes;
}

/// The store has new bytes of the same size in `bkt`, old ones in `replica`.
void lag(World& world) {
  world.put({.size = World::kObjectBytes, .seed = 2, .etag = "\"new\""});
  const FakeOrigin::Object old{.size = World::kObjectBytes, .seed = 1, .etag = "\"old\""};
  world.origin().put("replica", "o", old);
}

constexpr const char* kPolicies[] = {"always", "5", "never"};
constexpr const char* kRanges[] = {"bytes=0-", "bytes=7-20", "bytes=-30"};

TEST(OwnBucket, PagesOfAnotherBucketDoNotAnswer) {
  for (const char* policy : kPolicies) {
    for (const char* range : kRanges) {
      for (const bool exact : {false, true}) {
        World world(policy);
        lag(world);
        EXPECT_EQ(world.fetch("replica", exact), "");
        const RecordingWriter got = world.ask({{"range", range}});
        EXPECT_EQ(got.status, 206u);
        EXPECT_EQ(got.fields.at("ETag"), "\"new\"");
        EXPECT_TRUE(!got.text.empty() && object_bytes(2, World::kObjectBytes).contains(got.text))
            << policy << " " << range << " " << exact;
        EXPECT_EQ(world.ask().text, object_bytes(2, World::kObjectBytes)) << policy << " " << range;
      }
    }
  }
}

TEST(OwnBucket, PagesOfAnotherBucketThatComeLaterDoNotAnswer) {
  World world("always");
  (void)world.ask();
  lag(world);
  world.pass(std::chrono::milliseconds(1));
  EXPECT_EQ(world.ask({}, net::Method::kHead).fields.at("ETag"), "\"new\"");
  EXPECT_EQ(world.fetch("replica", false), "");
  const RecordingWriter got = world.ask();
  EXPECT_EQ(got.fields.at("ETag"), "\"new\"");
  EXPECT_EQ(got.text, object_bytes(2, World::kObjectBytes));
}

TEST(OwnBucket, AnotherBucketDoesNotAnswerForAnObjectThatIsGone) {
  for (const char* policy : kPolicies) {
    World world(policy);
    lag(world);
    world.origin().behave("bkt", {.error = Error(ErrorKind::kNotFound, "gone")});
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(world.fetch("replica", false), "");
      EXPECT_EQ(world.ask().status, 404u) << policy;
      EXPECT_EQ(world.ask({{"range", "bytes=-10"}}).status, 404u) << policy;
      EXPECT_EQ(world.ask({}, net::Method::kHead).status, 404u) << policy;
    }
  }
}

}  // namespace
}  // namespace cachey::api::s3
