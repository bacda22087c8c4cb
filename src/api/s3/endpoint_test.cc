#include "api/s3/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "api/s3/testing/endpoint_world.h"

namespace cachey::api::s3 {
namespace {

using World = EndpointWorld;

TEST(Endpoint, WordsAndOutcomesAreCounted) {
  World world;
  (void)world.ask();
  (void)world.ask({}, net::Method::kHead);
  (void)world.ask({}, net::Method::kGet, "/bkt/none");
  (void)world.ask({}, net::Method::kOther, "/bkt/o");
  const std::string text = world.metrics();
  for (const char* line : {"requests_total{operation=\"GetObject\",outcome=\"ok\"} 1",
                           "requests_total{operation=\"HeadObject\",outcome=\"ok\"} 1",
                           "requests_total{operation=\"GetObject\",outcome=\"NoSuchKey\"} 1",
                           "requests_total{operation=\"Other\",outcome=\"MethodNotAllowed\"} 1",
                           "cache_total{word=\"HIT\"} 1", "cache_total{word=\"MISS\"} 1"}) {
    EXPECT_TRUE(text.contains(std::string("cachey_s3api_") + line + "\n")) << line;
  }
}

TEST(Endpoint, AnAnswerThatWaitsForAQuestionIsNoHitInTheTimes) {
  World world;
  (void)world.ask();
  (void)world.ask();
  world.pass(std::chrono::seconds(1));
  EXPECT_EQ(world.ask({{"cache-control", "no-cache"}}).fields["X-Cache"], "REVALIDATED");
  const BodyMetrics bodies(world.all_metrics());
  for (const auto& [tier, count] : {std::pair{Tier::kMemory, 1}, {Tier::kMiss, 2}}) {
    EXPECT_EQ(bodies.first_byte(tier).snapshot().count(), count) << to_string(tier);
    EXPECT_EQ(bodies.request(tier).snapshot().count(), count) << to_string(tier);
  }
}

TEST(Endpoint, RefusesWhatItDoesNotServe) {
  World world;
  const auto status = [&world](net::Method method, std::string_view target,
                               std::vector<net::Field> fields = {}) {
    RecordingWriter got = world.ask(std::move(fields), method, target);
    EXPECT_EQ(got.fields["x-amz-request-id"].size(), 16u);
    return got.status;
  };
  using enum net::Method;
  for (const char* target : {"/bkt/o", "/bkt", "/", "*", "/bkt/o?tagging", "//"})
    EXPECT_EQ(status(kOther, target), 405u) << target;
  for (const char* target : {"/bkt?policy", "/bkt/o?torrent", "/bkt/o?acl&tagging", "/?acl",
                             "/bkt/o?location", "/bkt?list-type=3"})
    EXPECT_EQ(status(kGet, target), 501u) << target;
  EXPECT_EQ(status(kHead, "/bkt?versions"), 501u);
  EXPECT_EQ(status(kGet, "/-b/x"), 400u);
  EXPECT_EQ(status(kGet, "/bkt/%zz"), 400u);
  EXPECT_EQ(world.asked(), "");
  EXPECT_TRUE(world.forwarder().asked().empty());
}

TEST(Endpoint, PassesByWhatIsNotForTheCache) {
  using enum net::Method;
  const std::pair<const char*, std::vector<net::Field>> cases[] = {
      {"/bkt/o", {{"cache-control", "no-store"}}},
      {"/bkt/o", {{"x-amz-request-payer", "requester"}}},
      {"/bkt/o", {{"x-amz-expected-bucket-owner", "1"}}},
      {"/bkt/o", {{"x-amz-server-side-encryption-customer-key", "k"}}},
      {"/bkt/o?X-Amz-Request-Payer=requester", {}},
      {"/bkt/o?versionId=v", {}}};
  for (const auto& [target, fields] : cases) {
    World world;
    world.forwarder().answer({.body = "the store's", .lines = "ETag: \"v9\"\r\n"});
    for (int i = 0; i < 2; ++i) {
      const RecordingWriter got = world.ask(fields, kGet, target);
      EXPECT_EQ(got.text, "the store's") << target;
      EXPECT_EQ(got.fields.at("X-Cache"), "PASS");
    }
    EXPECT_EQ(world.forwarder().asked().size(), 2u);
    EXPECT_EQ(world.asked(), "");
    EXPECT_EQ(world.ask().fields.at("ETag"), "\"v1\"");  // not into the cache
  }
}

TEST(Endpoint, NeverOutOfTheCache) {
  World world;
  (void)world.ask();
  world.forwarder().answer({.body = "new"});
  EXPECT_EQ(world.ask({{"cache-control", "no-store"}}).text, "new");
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt?list-type=2").status, 501u);  // no list
  EXPECT_EQ(world.ask({{"cache-control", "only-if-cached"}}, net::Method::kGet, "/bkt").status,
            504u);
}

TEST(Endpoint, AnObjectWithTooManyAttributesPassesBy) {
  World world;
  world.put({.size = World::kObjectBytes, .attributes = std::string(9'000, 'a')});
  world.forwarder().answer({.status = 206, .body = "part", .lines = "x-amz-meta-a: b\r\n"});
  const RecordingWriter got =
      world.ask({{"range", "bytes=0-3"}}, net::Method::kGet, "/bkt/o?response-content-type=a/b");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.fields.at("x-amz-meta-a"), "b");
  EXPECT_EQ(world.forwarder().asked()[0].query.size(), 1u);
  EXPECT_EQ(world.forwarder().asked()[0].fields[0].value, "bytes=0-3");
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/o?x-amz-checksum-mode=%0d").status, 400u);
}

TEST(Endpoint, TellsTheRegionOfABucketWithoutAQuestion) {
  World world;
  const RecordingWriter got = world.ask({}, net::Method::kGet, "/bkt/?location");
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.fields.at("content-type"), "application/xml");
  EXPECT_EQ(got.text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint "
            "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-7</LocationConstraint>");
  EXPECT_EQ(world.asked(), "");
}

}  // namespace
}  // namespace cachey::api::s3
