#include "api/s3/get_object.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "api/s3/testing/endpoint_world.h"

// Answers of the endpoint over a cache with a fake origin: what a client gets, and what the store
// is asked, for each state of an object and each request.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;
using ::testing::HasSubstr;
using ::testing::Not;
using World = EndpointWorld;

constexpr uint64_t kObjectBytes = World::kObjectBytes;

enum class State : uint8_t {
  kUnknown,       // nobody has asked for the object
  kFresh,         // it was read a moment ago
  kStale,         // it was read 10 s ago
  kChanged,       // as stale, and the store has another version of 2,000 bytes
  kChangedFresh,  // as fresh, and the store has that other version
  kGone,          // as stale, and the store does not have it any more
  kDown,          // as stale, and the store fails
  kDenied,        // as stale, and the store refuses
};

void bring(World& world, State state) {
  if (state == State::kUnknown) return;
  (void)world.ask();
  const bool fresh = state == State::kFresh || state == State::kChangedFresh;
  world.pass(fresh ? 100ms : 10s);
  FakeOrigin::Behaviour behaviour;
  switch (state) {
    case State::kChanged:
    case State::kChangedFresh:
      world.put({.size = 2000, .seed = 2, .etag = "\"v2\""});
      break;
    case State::kGone:
      behaviour.error = Error(ErrorKind::kNotFound, "gone");
      break;
    case State::kDown:
      behaviour.error = Error(ErrorKind::kUpstream, "down");
      break;
    case State::kDenied:
      behaviour.error = Error(ErrorKind::kDenied, "denied");
      break;
    default:
      break;
  }
  if (behaviour.error) world.origin().behave(behaviour);
  (void)world.asked();
}

struct ObjectRow {
  State state;
  const char* policy;
  const char* request;  // a field, or a method and a field
  unsigned status;
  const char* word;   // X-Cache; empty: an error
  const char* asked;  // of the store
  uint64_t bytes;     // Content-Length of what an object's answer has
};

constexpr const char* kGet = "";
constexpr const char* kRangeLine = "range: bytes=0-9";
constexpr const char* kTail = "range: bytes=-10";
constexpr const char* kPast = "range: bytes=1000-";
constexpr const char* kHead = "HEAD";
constexpr const char* kMatch = "if-match: \"v1\"";
constexpr const char* kOther = "if-match: \"v9\"";
constexpr const char* kNew = "if-none-match: \"v1\"";
constexpr const char* kAnew = "cache-control: no-cache";
constexpr const char* kCached = "cache-control: only-if-cached";

using enum State;

constexpr ObjectRow kTable[] = {
    {kUnknown, "5", kGet, 200, "MISS", "G", 1000},
    {kUnknown, "5", kRangeLine, 206, "MISS", "G", 10},
    {kUnknown, "5", kTail, 206, "MISS", "T", 10},
    {kUnknown, "5", "range: bytes=-2000", 206, "MISS", "T", 1000},
    {kUnknown, "5", "range: bytes=-0", 416, "", "H", 0},
    {kUnknown, "5", kHead, 200, "MISS", "H", 1000},
    {kUnknown, "5", kPast, 416, "", "GH", 0},
    {kUnknown, "5", kMatch, 200, "MISS", "G", 1000},
    {kUnknown, "5", kOther, 412, "", "G", 0},
    {kUnknown, "5", "if-unmodified-since: Sun, 06 Nov 2033 08:49:37 GMT", 200, "MISS", "G", 1000},
    {kUnknown, "always", kMatch, 200, "MISS", "G", 1000},
    {kUnknown, "always", kOther, 412, "", "G", 0},
    {kUnknown, "never", kOther, 412, "", "G", 0},
    {kUnknown, "5", kNew, 304, "MISS", "H", 0},
    {kUnknown, "never", kGet, 200, "MISS", "G", 1000},
    {kUnknown, "always", kGet, 200, "MISS", "G", 1000},
    {kUnknown, "5", kCached, 504, "", "", 0},
    {kUnknown, "never", kCached, 504, "", "", 0},

    {kFresh, "5", kGet, 200, "HIT", "", 1000},
    {kFresh, "5", kRangeLine, 206, "HIT", "", 10},
    {kFresh, "5", kTail, 206, "HIT", "", 10},
    {kFresh, "5", kHead, 200, "HIT", "", 1000},
    {kFresh, "5", kPast, 416, "", "H", 0},
    {kFresh, "5", kMatch, 200, "HIT", "", 1000},
    {kFresh, "5", kOther, 412, "", "H", 0},
    {kFresh, "5", kNew, 304, "HIT", "", 0},
    {kFresh, "5", kAnew, 200, "REVALIDATED", "H", 1000},
    {kFresh, "always", kGet, 200, "REVALIDATED", "H", 1000},
    {kFresh, "5", "pragma: no-cache", 200, "REVALIDATED", "H", 1000},
    {kFresh, "5", "cache-control: max-age=1", 200, "HIT", "", 1000},
    {kFresh, "5", kCached, 200, "HIT", "", 1000},
    {kFresh, "5", "cache-control: only-if-cached, no-cache", 504, "", "", 0},
    {kFresh, "always", kCached, 504, "", "", 0},

    {kStale, "5", kGet, 200, "REVALIDATED", "H", 1000},
    {kStale, "5", kRangeLine, 206, "REVALIDATED", "H", 10},
    {kStale, "5", kHead, 200, "REVALIDATED", "H", 1000},
    {kStale, "5", kMatch, 200, "HIT", "", 1000},
    {kStale, "5", kOther, 412, "", "H", 0},
    {kStale, "5", kNew, 304, "REVALIDATED", "H", 0},
    {kStale, "always", kMatch, 200, "REVALIDATED", "H", 1000},
    {kStale, "5", kCached, 504, "", "", 0},
    {kStale, "60", kCached, 200, "HIT", "", 1000},
    {kStale, "60", "cache-control: max-age=9", 200, "REVALIDATED", "H", 1000},
    {kStale, "never", "cache-control: max-age=9", 200, "REVALIDATED", "H", 1000},
    {kStale, "never", "cache-control: max-age=11", 200, "HIT", "", 1000},
    {kStale, "never", kCached, 200, "HIT", "", 1000},
    {kStale, "never", kGet, 200, "HIT", "", 1000},
    {kStale, "never", kPast, 416, "", "", 0},
    {kStale, "never", kOther, 412, "", "", 0},
    {kStale, "never", kNew, 304, "HIT", "", 0},

    {kChanged, "5", kGet, 200, "MISS", "HG", 2000},
    {kChanged, "5", kRangeLine, 206, "MISS", "HG", 10},
    {kChanged, "5", kPast, 206, "MISS", "HG", 1000},
    {kChanged, "5", kHead, 200, "MISS", "H", 2000},
    {kChanged, "5", kMatch, 200, "HIT", "", 1000},
    {kChanged, "5", "if-match: \"v2\"", 200, "MISS", "HG", 2000},
    {kChanged, "5", kNew, 200, "MISS", "HG", 2000},
    {kChanged, "never", kGet, 200, "HIT", "", 1000},
    {kChangedFresh, "5", kGet, 200, "HIT", "", 1000},
    {kChangedFresh, "5", kPast, 206, "MISS", "HG", 1000},
    {kChangedFresh, "5", "if-match: \"v2\"", 200, "MISS", "HG", 2000},
    {kChangedFresh, "always", kGet, 200, "MISS", "HG", 2000},

    {kGone, "5", kGet, 404, "", "H", 0},
    {kGone, "5", kHead, 404, "", "H", 0},
    {kGone, "5", kOther, 404, "", "H", 0},
    {kGone, "never", kGet, 200, "HIT", "", 1000},
    {kDenied, "5", kGet, 403, "", "H", 0},

    {kDown, "5", kGet, 200, "STALE", "H", 1000},
    {kDown, "5", kHead, 200, "STALE", "H", 1000},
    {kDown, "5", "cache-control: max-age=9", 500, "", "H", 0},
    {kDown, "5", "cache-control: max-age=11", 200, "STALE", "H", 1000},
    {kDown, "5", kPast, 500, "", "H", 0},
    {kDown, "5", kOther, 500, "", "H", 0},
    {kDown, "5", kMatch, 200, "HIT", "", 1000},
    {kDown, "never", kGet, 200, "HIT", "", 1000},
};

/// What the row's request gets now.
RecordingWriter ask(World& world, std::string_view request) {
  if (request == kHead) return world.ask({}, net::Method::kHead);
  if (request.empty()) return world.ask();
  const size_t colon = request.find(": ");
  return world.ask({{request.substr(0, colon), request.substr(colon + 2)}});
}

TEST(GetObject, AnswersByWhatIsKnownAndWhatTheStoreSays) {
  for (const ObjectRow& row : kTable) {
    World world(row.policy);
    bring(world, row.state);
    RecordingWriter got = ask(world, row.request);
    const std::string what =
        fmt::format("state {}, {}, \"{}\"", static_cast<int>(row.state), row.policy, row.request);
    EXPECT_EQ(got.status, row.status) << what << ": " << got.text;
    EXPECT_EQ(got.fields["X-Cache"], row.word) << what;
    EXPECT_EQ(world.asked(), row.asked) << what;
    EXPECT_TRUE(got.finished) << what;
    EXPECT_FALSE(got.fields["x-amz-request-id"].empty()) << what;
    if (row.status >= 300 || std::string_view(row.request) == kHead) continue;
    EXPECT_EQ(got.text.size(), row.bytes) << what;
  }
}

TEST(GetObject, OnlyIfCachedNeedsAllBytes) {
  World world("never");
  (void)ask(world, kHead);
  EXPECT_EQ(world.asked(), "H");
  const RecordingWriter got = ask(world, kCached);
  EXPECT_EQ(got.status, 504u);
  EXPECT_THAT(got.text, HasSubstr("<Code>NotCached</Code>"));
  EXPECT_EQ(world.ask({{"cache-control", "only-if-cached"}}, net::Method::kHead).status, 200u);
  EXPECT_EQ(world.asked(), "");
}

TEST(GetObject, AnObjectOfNoBytesIsServed) {
  World world;
  world.put({.size = 0});
  for (const char* request : {kGet, kTail, kHead}) {
    const RecordingWriter got = ask(world, request);
    EXPECT_EQ(got.status, 200u) << request;
    EXPECT_EQ(got.text, "") << request;
    EXPECT_FALSE(got.fields.contains("Content-Range")) << request;
  }
  for (const char* request : {kRangeLine, "range: bytes=-0", "range: bytes=0-"}) {
    EXPECT_EQ(ask(world, request).status, 416u) << request;
  }
}

TEST(GetObject, TheHeadIsTheSameForGetAndHead) {
  World world("5", true);
  (void)world.ask();
  const RecordingWriter get = world.ask();
  const RecordingWriter head = world.ask({}, net::Method::kHead);
  std::map<std::string, std::string> same = head.fields;
  same["x-amz-request-id"] = get.fields.at("x-amz-request-id");
  EXPECT_EQ(get.fields, same);
  EXPECT_THAT(get.lines, HasSubstr("Content-Type: a/b\r\n"));
  EXPECT_EQ(get.fields.at("ETag"), "\"v1\"");
  EXPECT_FALSE(get.fields.contains("X-Cache"));
  EXPECT_FALSE(get.fields.contains("C0-Status"));
}

TEST(GetObject, MetadataIsThatOfTheNewestAnswer) {
  World world;
  (void)world.ask();
  world.put({.size = kObjectBytes, .attributes = "Content-Type: c/d\r\nx-amz-meta-a: 1\r\n"});
  world.pass(10s);
  (void)world.asked();
  const RecordingWriter got = world.ask();
  EXPECT_THAT(got.lines, HasSubstr("Content-Type: c/d\r\nx-amz-meta-a: 1\r\n"));
  EXPECT_EQ(world.asked(), "H") << "no page is fetched again";
}

TEST(GetObject, AnObjectThatChangedSinceItsHeadIsOfTheNewVersion) {
  World world;
  const auto head_then_change = [&world] {
    world.put({.size = kObjectBytes});
    world.pass(10s);
    EXPECT_EQ(ask(world, kHead).fields.at("ETag"), "\"v1\"");
    world.put({.size = 2000, .seed = 2, .etag = "\"v2\""});
    world.pass(100ms);
    (void)world.asked();
  };
  head_then_change();
  RecordingWriter got = world.ask();
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.text.size(), 2000u);
  EXPECT_EQ(got.fields.at("ETag"), "\"v2\"");
  EXPECT_EQ(got.fields.at("X-Cache"), "MISS");
  EXPECT_EQ(world.asked(), "G");
}

TEST(GetObject, ATagOfAnOldHeadIsRefusedByTheNewVersion) {
  World world;
  (void)ask(world, kHead);
  world.put({.size = 2000, .seed = 2, .etag = "\"v2\""});
  world.pass(100ms);
  EXPECT_EQ(ask(world, kMatch).status, 412u);
}

TEST(GetObject, AClientThatLeavesIsCountedAndGetsNothing) {
  World world;
  FakeOrigin::Behaviour slow;
  slow.head_delay = 5s;
  world.origin().behave(slow);
  RecordingWriter writer;
  world.leave(writer);
  EXPECT_TRUE(writer.aborted);
  EXPECT_EQ(writer.status, 0u);
  EXPECT_TRUE(world.metrics().contains(
      "requests_total{operation=\"GetObject\",outcome=\"client_gone\"} 1\n"));
}

TEST(GetObject, AHeadThatWantsChecksumsAsksOnce) {
  const std::vector<net::Field> enabled{{"x-amz-checksum-mode", "ENABLED"}};
  for (const char* sum : {"", "x-amz-checksum-crc32: AAAAAA==\r\n"}) {
    World world;
    world.put({.size = kObjectBytes, .checksums = sum});
    EXPECT_THAT(world.ask(enabled).lines, Not(HasSubstr("x-amz-checksum")));
    world.pass(100ms);
    EXPECT_EQ(world.asked(), "G") << "a part tells of none";
    for (const char* asked : {"H", ""}) {
      EXPECT_THAT(world.ask(enabled, net::Method::kHead).lines, HasSubstr(sum));
      EXPECT_EQ(world.asked(), asked);
    }
    EXPECT_THAT(world.ask(enabled).lines, HasSubstr(sum));
    EXPECT_EQ(world.asked(), "");
  }
}

TEST(GetObject, A304HasOnlyTheFieldsOfOne) {
  World world;
  world.put(
      {.size = kObjectBytes, .attributes = "Content-Type: c/d\r\nCache-Control: private\r\n"});
  const RecordingWriter got = ask(world, kNew);
  EXPECT_EQ(got.status, 304u);
  EXPECT_EQ(got.fields.at("Cache-Control"), "private");
  EXPECT_FALSE(got.fields.contains("Content-Type"));
  EXPECT_EQ(got.fields.at("ETag"), "\"v1\"");
  EXPECT_TRUE(got.fields.contains("Last-Modified"));
}

TEST(GetObject, ParametersReplaceFieldsInThisAnswerOnly) {
  World world;
  const RecordingWriter got =
      world.ask({}, net::Method::kGet, "/bkt/o?response-content-type=x%2Fy");
  EXPECT_THAT(got.lines, HasSubstr("Content-Type: x/y\r\n"));
  EXPECT_THAT(got.lines, Not(HasSubstr("a/b")));
  EXPECT_THAT(world.ask().lines, HasSubstr("Content-Type: a/b\r\n"));
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/o?response-expires=%0d%0aX:1").status, 400u);
}

TEST(GetObject, ABodyThatBreaksOffIsNoWholeOne) {
  World world;
  FakeOrigin::Behaviour cut;
  cut.cut_after = 10;
  world.origin().behave(cut);
  const RecordingWriter got = world.ask();
  EXPECT_EQ(got.status, 200u);
  EXPECT_TRUE(got.aborted);
  EXPECT_FALSE(got.finished);
  EXPECT_THAT(world.metrics(), HasSubstr("{operation=\"GetObject\",outcome=\"broken_off\"} 1"));
}

}  // namespace
}  // namespace cachey::api::s3
