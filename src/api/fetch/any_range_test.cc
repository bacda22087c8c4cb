#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/fetch/config_header.h"
#include "api/fetch/fetch.h"
#include "api/testing/recording_writer.h"
#include "cache/testing/virtual_cache.h"

// Requests without a Range, for the last bytes, and with an If-Range.

namespace cachey::api {
namespace {

using origin::Ask;
using origin::FakeOrigin;

constexpr uint64_t kSize = kPageBytes + 7;
constexpr uint64_t kOtherSize = 1000;
using Fields = std::vector<net::Field>;

class AnyRangeTest : public ::testing::Test, protected cache::VirtualCache {
 protected:
  AnyRangeTest() : VirtualCache({.memory = 8 * kPageBytes}) { put(kSize); }

  void put(uint64_t size, const std::string& etag = "\"v1\"", uint64_t seed = 1) {
    FakeOrigin::Object object;
    object.size = size;
    object.etag = etag;
    object.seed = seed;
    origin_.put("kind", "object", object);
    seed_ = seed;
  }

  RecordingWriter fetch(Fields fields, net::Method method = net::Method::kGet) {
    RecordingWriter writer;
    const net::Request request(method, "/fetch/kind/object", std::move(fields));
    world_.run(handle(request, writer));
    return writer;
  }

  void expect_bytes(const RecordingWriter& answer, uint64_t first, uint64_t size) {
    EXPECT_TRUE(answer.finished);
    ASSERT_EQ(answer.text.size(), size);
    for (uint64_t i = 0; i < size; i += size < 100 ? 1 : 997) {
      ASSERT_EQ(static_cast<std::byte>(answer.text[i]), origin::object_byte(seed_, first + i)) << i;
    }
  }
  /// A 206 of bytes [first, last].
  void expect_part(const RecordingWriter& answer, uint64_t first, uint64_t last, uint64_t size) {
    EXPECT_EQ(answer.status, 206u);
    const std::string range =
        "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size);
    EXPECT_EQ(answer.fields.at("Content-Range"), range);
    expect_bytes(answer, first, last - first + 1);
  }
  void expect_whole(const RecordingWriter& answer, uint64_t size) {
    EXPECT_EQ(answer.status, 200u);
    EXPECT_FALSE(answer.fields.contains("Content-Range"));
    EXPECT_TRUE(answer.fields.contains("ETag"));
    EXPECT_EQ(answer.fields.at("accept-ranges"), "bytes");
    expect_bytes(answer, 0, size);
  }
  void expect_416(const RecordingWriter& answer, uint64_t size) {
    EXPECT_EQ(answer.status, 416u);
    EXPECT_EQ(answer.fields.at("Content-Range"), "bytes */" + std::to_string(size));
  }

  size_t asked(Ask ask) const {
    size_t count = 0;
    for (const FakeOrigin::Asked& request : origin_.asked()) count += request.ask == ask ? 1 : 0;
    return count;
  }

 private:
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kClient, request);
    rt::Task<void> rest = fetch_.handle(world_.worker(), request, permit, writer);
    if (rest.valid()) co_await std::move(rest);
    co_return true;
  }

  uint64_t seed_ = 1;
  FetchMetrics fetch_metrics_{metrics_, 10};
  Throughput egress_{metrics_.counter("egress", "")};
  Access access_{metrics_, {}, {}};
  Fetch fetch_{cache_, fetch_metrics_, egress_, kClientLimitMax, RangeForms::kAny};
};

TEST_F(AnyRangeTest, WithoutARangeItIsTheWholeObject) {
  expect_whole(fetch({}), kSize);
  EXPECT_EQ(asked(Ask::kHead), 0u);
  const size_t gets = asked(Ask::kRange);
  expect_whole(fetch({}), kSize);
  EXPECT_EQ(asked(Ask::kRange), gets);
  const RecordingWriter head = fetch({}, net::Method::kHead);
  EXPECT_EQ(head.status, 200u);
  EXPECT_FALSE(head.fields.contains("Content-Range"));
}

TEST_F(AnyRangeTest, AnOpenRange) {
  expect_part(fetch({{"range", "bytes=5-"}}), 5, kSize - 1, kSize);
  expect_part(fetch({{"range", "bytes=16777222-"}}), kSize - 1, kSize - 1, kSize);
  expect_416(fetch({{"range", "bytes=16777223-"}}), kSize);
}

TEST_F(AnyRangeTest, TheLastBytes) {
  expect_part(fetch({{"range", "bytes=-10"}}), kSize - 10, kSize - 1, kSize);
  EXPECT_EQ(asked(Ask::kHead), 1u) << "the size was not known";
  expect_part(fetch({{"range", "bytes=-1"}}), kSize - 1, kSize - 1, kSize);
  expect_part(fetch({{"range", "bytes=-16777223"}}), 0, kSize - 1, kSize);
  expect_part(fetch({{"range", "bytes=-99999999999"}}), 0, kSize - 1, kSize);
  EXPECT_EQ(asked(Ask::kHead), 1u);
  expect_416(fetch({{"range", "bytes=-0"}}), kSize);
}

TEST_F(AnyRangeTest, OfAnEmptyObject) {
  put(0);
  for (const Fields& fields : {Fields{}, Fields{{"range", "bytes=-5"}}}) {
    const RecordingWriter answer = fetch(fields);
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.fields.at("ETag"), "\"v1\"");
    EXPECT_TRUE(answer.finished);
    EXPECT_EQ(answer.text, "");
  }
  expect_416(fetch({{"range", "bytes=-0"}}), 0);
  expect_416(fetch({{"range", "bytes=0-"}}), 0);
  EXPECT_EQ(fetch({{"if-none-match", "\"v1\""}}).status, 304u);
  EXPECT_EQ(fetch({{"if-match", "\"v2\""}}).status, 412u);
}

TEST_F(AnyRangeTest, OfAnObjectThatHasGrownOrShrunk) {
  expect_part(fetch({{"range", "bytes=-10"}}), kSize - 10, kSize - 1, kSize);
  put(kOtherSize, "\"v2\"", 2);
  expect_416(fetch({{"range", "bytes=-0"}}), kOtherSize);
  expect_part(fetch({{"range", "bytes=-10"}}), kOtherSize - 10, kOtherSize - 1, kOtherSize);
  expect_whole(fetch({}), kOtherSize);
}

TEST_F(AnyRangeTest, AnIfRangeThatDoesNotHoldVoidsTheRange) {
  expect_part(fetch({{"range", "bytes=1-5"}, {"if-range", "\"v1\""}}), 1, 5, kSize);
  expect_part(fetch({{"range", "bytes=-5"}, {"if-range", "\"v1\""}}), kSize - 5, kSize - 1, kSize);
  expect_whole(fetch({{"range", "bytes=1-5"}, {"if-range", "\"v0\""}}), kSize);
  expect_whole(fetch({{"range", "bytes=-5"}, {"if-range", "\"v0\""}}), kSize);
  expect_whole(fetch({{"if-range", "\"v0\""}}), kSize);
}

// The cached version is not the one that the If-Range names, but the store's is.
TEST_F(AnyRangeTest, AnIfRangeIsNotVoidedByOldNews) {
  expect_whole(fetch({}), kSize);
  put(kOtherSize, "\"v2\"", 2);
  expect_part(fetch({{"range", "bytes=1-5"}, {"if-range", "\"v2\""}}), 1, 5, kOtherSize);
}

TEST_F(AnyRangeTest, PreconditionsComeFirst) {
  EXPECT_EQ(fetch({{"if-none-match", "*"}}).status, 304u);
  EXPECT_EQ(fetch({{"range", "bytes=-5"}, {"if-none-match", "\"v1\""}}).status, 304u);
  EXPECT_EQ(fetch({{"range", "bytes=-5"}, {"if-match", "\"v0\""}}).status, 412u);
  EXPECT_EQ(fetch({{"range", "bytes=-0"}, {"if-match", "\"v0\""}}).status, 412u);
}

TEST_F(AnyRangeTest, WhatTheClientKnowsHolds) {
  expect_part(fetch({{"range", "bytes=-5"}, {"c0-object-size", "16777223"}}), kSize - 5, kSize - 1,
              kSize);
  EXPECT_EQ(fetch({{"range", "bytes=-5"}, {"c0-object-size", "7"}}).status, 409u);
  EXPECT_EQ(fetch({{"c0-object-size", "7"}}).status, 409u);
  EXPECT_EQ(fetch({{"c0-exact", "true"}}).status, 400u) << "the object may be large";
}

TEST_F(AnyRangeTest, NothingIsAskedForCachedBytesOnly) {
  for (const Fields& fields : {Fields{{"cache-control", "only-if-cached"}},
                               Fields{{"cache-control", "only-if-cached"}, {"range", "bytes=-5"}}})
    EXPECT_EQ(fetch(fields).status, 504u);
  EXPECT_TRUE(origin_.asked().empty());
}

TEST_F(AnyRangeTest, WhatIsNoRangeStaysRefused) {
  for (const char* value : {"bytes=5-1", "bytes=0-1,3-4", "bytes=-", "items=0-"})
    EXPECT_EQ(fetch({{"range", value}}).status, 416u) << value;
}

TEST_F(AnyRangeTest, AnAbsentObjectIsAbsent) {
  origin_.behave({.error = Error(ErrorKind::kNotFound, "no such key")});
  EXPECT_EQ(fetch({}).status, 404u);
  EXPECT_EQ(fetch({{"range", "bytes=-5"}}).status, 404u);
}

}  // namespace
}  // namespace cachey::api
