#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "api/s3/testing/endpoint_world.h"

// The endpoint and objects that are absent, with --negative-ttl.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using World = EndpointWorld;

struct AbsenceRow {
  const char* policy;
  std::chrono::seconds later;  // the second request, after the first one
  bool is_asked;
};

constexpr AbsenceRow kAbsenceRows[] = {
    {"5", 4s, false},  {"5", 6s, true},      {"5", 11s, true},     {"60", 9s, false},
    {"60", 11s, true}, {"never", 9s, false}, {"never", 11s, true}, {"always", 1s, true},
};

TEST(Absence, IsRememberedForTheShorterOfTwoTimes) {
  for (const AbsenceRow& row : kAbsenceRows) {
    for (const auto method : {net::Method::kGet, net::Method::kHead}) {
      World world(row.policy, false, 10s);
      EXPECT_EQ(world.ask({}, method, "/bkt/new").status, 404u);
      (void)world.asked();
      world.pass(row.later);
      EXPECT_EQ(world.ask({}, method, "/bkt/new").status, 404u);
      EXPECT_EQ(world.asked() != "", row.is_asked) << row.policy << " " << row.later.count();
    }
  }
}

TEST(Absence, EndsWhenTheStoreHasTheObject) {
  World world("5", false, 10s);
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/new").status, 404u);
  world.pass(1ms);
  world.origin().put("bkt", "new", {.size = 10});
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/new").status, 404u);
  const std::vector<net::Field> anew{{"cache-control", "no-cache"}};
  EXPECT_EQ(world.ask(anew, net::Method::kGet, "/bkt/new").status, 200u);
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/new").status, 200u);
}

/// The HEAD said 404 and the GET of a byte that explains it 416: the object came, and is empty.
TEST(Absence, AnObjectThatComesEmptyMeanwhileIsAskedForAgain) {
  World world("always");
  EXPECT_EQ(world.ask().status, 200u);
  world.pass(1s);
  world.origin().behave("bkt", {.backoff = 500ms, .error = Error::range_not_satisfiable(0)});
  const net::Request request(net::Method::kGet, "/bkt/o", {});
  RecordingWriter writer;
  (void)world.begin(request, writer);
  world.pass(200ms);
  world.origin().behave("bkt", {});
  world.put({.size = 0, .etag = "\"empty\""});
  world.pass(2s);
  EXPECT_EQ(writer.status, 200u) << writer.text;
  EXPECT_EQ(writer.fields["ETag"], "\"empty\"");
}

TEST(Absence, AnEmptyObjectThatTheStoreDoesNotTellOfIsAFailure) {
  World world("always");
  EXPECT_EQ(world.ask().status, 200u);
  world.pass(1s);
  (void)world.asked();
  world.origin().behave("bkt", {.error = Error::range_not_satisfiable(0)});
  EXPECT_EQ(world.ask().status, 500u);
  EXPECT_EQ(world.asked(), "HH");
}

}  // namespace
}  // namespace cachey::api::s3
