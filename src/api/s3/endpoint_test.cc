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
  for (const char* target : {"/", "/bkt", "/bkt/", "/bkt?list-type=2", "/bkt/o?acl",
                             "/bkt/o?versionId=1", "/bkt/o?location"})
    EXPECT_EQ(status(kGet, target), 501u) << target;
  EXPECT_EQ(status(kGet, "/bkt/o", {{"x-amz-request-payer", "requester"}}), 501u);
  EXPECT_EQ(status(kGet, "/bkt/o", {{"x-amz-server-side-encryption-customer-key", "k"}}), 501u);
  EXPECT_EQ(status(kGet, "/-b/x"), 400u);
  EXPECT_EQ(status(kGet, "/bkt/%zz"), 400u);
  EXPECT_EQ(world.asked(), "");
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
