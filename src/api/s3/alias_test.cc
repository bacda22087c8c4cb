#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "api/s3/aliases.h"
#include "api/s3/testing/endpoint_world.h"

// A bucket for S3 clients over the replicas `eu` and `us`.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Aliases, AnAliasStandsForItsReplicas) {
  const Aliases aliases({*DeclaredKind::parse("data=eu,us"), *DeclaredKind::parse("a=data")});
  EXPECT_THAT(*aliases.replicas_of("data"), ElementsAre("eu", "us"));
  EXPECT_THAT(*aliases.replicas_of("a"), ElementsAre("data"));
  for (const char* bucket : {"eu", "dat", "data2", "", "b"})
    EXPECT_EQ(aliases.replicas_of(bucket), nullptr) << bucket;
  EXPECT_THAT(aliases.named_by("data"), IsEmpty());
  EXPECT_THAT(aliases.named_by("eu"), ElementsAre("eu"));
  EXPECT_EQ(Aliases().replicas_of("data"), nullptr);
}

std::string bytes_of(uint64_t seed, uint64_t size = EndpointWorld::kObjectBytes) {
  std::string bytes(size, '\0');
  for (uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(origin::object_byte(seed, i));
  return bytes;
}

class AliasWorld : public EndpointWorld {
 public:
  explicit AliasWorld(const std::string& policy = "5", const char* alias = "data=eu,us")
      : EndpointWorld(policy, false, {}, {*DeclaredKind::parse(alias)}) {
    put("eu", {.size = kObjectBytes, .seed = 1, .etag = "\"eu\""});
    put("us", {.size = kObjectBytes, .seed = 1, .etag = "\"us\""});
  }
  void put(const std::string& bucket, FakeOrigin::Object object) {
    origin().put(bucket, "o", std::move(object));
  }
  RecordingWriter get(std::vector<net::Field> fields = {}) {
    RecordingWriter writer = ask(std::move(fields), net::Method::kGet, "/data/o");
    pass(100ms);
    return writer;
  }
  RecordingWriter head(std::vector<net::Field> fields = {}) {
    return ask(std::move(fields), net::Method::kHead, "/data/o");
  }
  void fail_at(const std::string& bucket, ErrorKind kind) {
    origin().behave(bucket, {.error = Error(kind, "x")});
  }
  void restore(const std::string& bucket) { origin().behave(bucket, {}); }
  /// The buckets that were asked since the last call.
  std::vector<std::string> buckets_asked() {
    std::vector<std::string> names;
    const std::vector<FakeOrigin::Asked> all = origin().asked();
    for (; seen_ < all.size(); ++seen_) names.push_back(all[seen_].bucket);
    return names;
  }

 private:
  size_t seen_ = 0;
};

TEST(Alias, ThePreferredReplicaAnswers) {
  AliasWorld world;
  const RecordingWriter got = world.get();
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.text, bytes_of(1));
  EXPECT_EQ(got.fields.at("ETag"), "\"eu\"");
  EXPECT_THAT(got.fields.at("C0-Status"), HasSubstr("; eu;"));
  EXPECT_THAT(world.buckets_asked(), ElementsAre("eu"));
  EXPECT_EQ(world.head().fields.at("ETag"), "\"eu\"");
  EXPECT_THAT(world.buckets_asked(), IsEmpty());
}

TEST(Alias, ADeadReplicaIsLeftForTheNext) {
  for (const ErrorKind kind : {ErrorKind::kUpstream, ErrorKind::kTimeout, ErrorKind::kThrottled,
                               ErrorKind::kDenied, ErrorKind::kNotFound}) {
    AliasWorld world("always");
    world.fail_at("eu", kind);
    EXPECT_EQ(world.head().status, 200u) << to_string(kind);
    const RecordingWriter got = world.get();
    EXPECT_EQ(got.status, 200u) << to_string(kind);
    EXPECT_EQ(got.text, bytes_of(1));
    EXPECT_THAT(got.fields.at("C0-Status"), HasSubstr("; us;"));
  }
}

TEST(Alias, WhatNoReplicaHasIs404) {
  AliasWorld world;
  for (const char* bucket : {"eu", "us"}) world.fail_at(bucket, ErrorKind::kNotFound);
  EXPECT_EQ(world.get().status, 404u);
  EXPECT_THAT(world.buckets_asked(), ElementsAre("eu", "us"));
  EXPECT_EQ(world.head().status, 404u);
}

/// The tag and the metadata that clients have seen stay while another replica answers.
TEST(Alias, TheHeadStaysThroughAFailover) {
  for (const char* policy : {"always", "5", "never"}) {
    AliasWorld world(policy);
    const RecordingWriter first = world.get();
    for (int i = 0; i < 6; ++i) {
      const bool eu_is_dead = i % 2 == 0;
      world.restore(eu_is_dead ? "us" : "eu");
      world.fail_at(eu_is_dead ? "eu" : "us", ErrorKind::kUpstream);
      world.pass(6s);
      const RecordingWriter head = world.head();
      const RecordingWriter got = world.get();
      for (const RecordingWriter* answer : {&head, &got}) {
        EXPECT_EQ(answer->fields.at("ETag"), "\"eu\"") << policy << i;
        EXPECT_EQ(answer->fields.at("Last-Modified"), first.fields.at("Last-Modified"));
      }
      EXPECT_EQ(got.text, bytes_of(1));
    }
    const std::string asked = world.asked();
    EXPECT_EQ(std::ranges::count(asked, 'G'), 1) << asked << ": the pages stay";
  }
}

/// The head of `eu` has come when its body is lost, and the request is answered by `us`.
TEST(Alias, AReplicaThatBringsNoByteIsNotTheAnswers) {
  AliasWorld world;
  world.origin().behave("eu", {.head_delay = 500ms, .read_delay = 1s, .cut_after = 0});
  const auto leader = world.begin_fetch("data", "eu");
  const net::Request request(net::Method::kGet, "/data/o", {});
  RecordingWriter got;
  const auto joined = world.begin(request, got);
  world.pass(600ms);
  world.fail_at("eu", ErrorKind::kUpstream);
  world.pass(20s);
  ASSERT_TRUE(leader->has_value());
  EXPECT_FALSE((*leader)->has_value());
  ASSERT_TRUE(joined->has_value());
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.text, bytes_of(1));
  EXPECT_EQ(got.fields.at("ETag"), "\"us\"");
  EXPECT_THAT(got.fields.at("C0-Status"), HasSubstr("; us;"));
}

TEST(Alias, TheTagOfAReplicaNamesItsVersionOnly) {
  AliasWorld world("5");
  (void)world.get();
  EXPECT_EQ(world.get({{"if-match", "\"eu\""}}).status, 200u);
  EXPECT_EQ(world.get({{"if-match", "\"us\""}}).status, 412u);
  EXPECT_EQ(world.get({{"if-none-match", "\"eu\""}}).status, 304u);
  EXPECT_EQ(world.get({{"if-none-match", "\"us\""}}).status, 200u);
}

/// `us` has the old version, of another size.
TEST(Alias, AReplicaThatLagsDoesNotBringTheOldVersionBack) {
  for (const char* policy : {"always", "5"}) {
    AliasWorld world(policy);
    EXPECT_EQ(world.get().text, bytes_of(1));
    world.put("eu", {.size = 700, .seed = 2, .etag = "\"new\""});
    world.pass(6s);
    EXPECT_EQ(world.get().text, bytes_of(2, 700));
    world.fail_at("eu", ErrorKind::kUpstream);
    world.pass(1s);
    for (int i = 0; i < 3; ++i) {
      const RecordingWriter got = world.get();
      if (got.status == 200) {
        EXPECT_EQ(got.text, bytes_of(2, 700)) << policy;
        EXPECT_EQ(got.fields.at("ETag"), "\"new\"");
      } else {
        EXPECT_GE(got.status, 500u);
      }
      EXPECT_NE(world.head().fields["ETag"], "\"us\"");
    }
    world.restore("eu");
    world.pass(70s);
    EXPECT_EQ(world.get().text, bytes_of(2, 700));
  }
}

TEST(Alias, TheReplicaOfTheAliasesNameDecides) {
  AliasWorld world("always", "data=eu,data");
  world.put("data", {.size = EndpointWorld::kObjectBytes, .seed = 1, .etag = "\"home\""});
  EXPECT_EQ(world.get().fields.at("ETag"), "\"eu\"");
  world.fail_at("eu", ErrorKind::kUpstream);
  EXPECT_EQ(world.get().fields.at("ETag"), "\"home\"");
  world.restore("eu");
  world.pass(60s);
  EXPECT_EQ(world.get().fields.at("ETag"), "\"home\"");
}

TEST(Alias, ItsLocationIsTold) {
  AliasWorld world;
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/data?location").status, 200u);
}

}  // namespace
}  // namespace cachey::api::s3
