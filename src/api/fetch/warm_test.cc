// HEAD with `warm=1` in C0-Config.

#include "cache/warm.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/fetch/config_header.h"
#include "api/fetch/fetch.h"
#include "api/testing/recording_writer.h"
#include "cache/testing/virtual_cache.h"

namespace cachey::api {
namespace {

using Fields = std::vector<net::Field>;

class FetchWarm : public ::testing::Test, protected cache::VirtualCache {
 protected:
  FetchWarm() { put(3 * kPageBytes + 7); }
  ~FetchWarm() override { settle(); }

  void put(uint64_t size, const std::string& etag = "\"v1\"") {
    origin_.put("kind", "object", {.size = size, .etag = etag});
  }
  RecordingWriter ask(Fields fields, RangeForms forms = RangeForms::kBothEnds,
                      net::Method method = net::Method::kHead) {
    Fetch fetch(cache_, fetch_metrics_, egress_, kClientLimitMax, forms);
    RecordingWriter writer;
    const net::Request request(method, "/fetch/kind/object", std::move(fields));
    world_.run(handle(fetch, request, writer));
    return writer;
  }
  RecordingWriter warm(std::string_view range, RangeForms forms = RangeForms::kBothEnds) {
    return ask({{"range", range}, {"c0-config", "warm=1"}}, forms);
  }
  static void expect_refused(const RecordingWriter& answer, unsigned status,
                             const std::string& text) {
    EXPECT_EQ(answer.status, status) << answer.text;
    EXPECT_NE(answer.text.find(text), std::string::npos) << answer.text;
    EXPECT_FALSE(answer.fields.contains("C0-Warm"));
  }
  [[nodiscard]] size_t gets() const { return origin_.asked().size(); }

 private:
  rt::Task<bool> handle(Fetch& fetch, const net::Request& request, RecordingWriter& writer) {
    const std::optional<Permit> permit = access_.admit(Scope::kClient, request);
    rt::Task<void> rest = fetch.handle(world_.worker(), request, *permit, writer);
    if (rest.valid()) co_await std::move(rest);
    co_return true;
  }

  FetchMetrics fetch_metrics_{metrics_, 10};
  Throughput egress_{Counter()};
  Access access_{metrics_, std::nullopt, {}};
};

TEST_F(FetchWarm, AnswersAsHeadDoesAndSaysWhatWasDone) {
  const RecordingWriter first = warm("bytes=9-999999999");
  EXPECT_EQ(first.status, 206u) << first.text;
  EXPECT_EQ(first.fields.at("Content-Range"), "bytes 9-50331654/50331655");
  EXPECT_EQ(first.fields.at("ETag"), "\"v1\"");
  EXPECT_EQ(first.fields.at("C0-Warm"), "pages=4; fetched=4; bytes=50331655");
  EXPECT_EQ(gets(), 4u);
  const RecordingWriter again = warm("bytes=0-16777216");
  EXPECT_EQ(again.fields.at("C0-Warm"), "pages=2; fetched=0; bytes=0");
  EXPECT_EQ(gets(), 4u);
}

TEST_F(FetchWarm, HeadWithoutWarmFetchesNoPage) {
  for (const char* config : {"", "warm=0", "warm=1 warm=0", "rt=5"}) {
    const RecordingWriter answer = ask({{"range", "bytes=0-9"}, {"c0-config", config}});
    EXPECT_EQ(answer.status, 206u);
    EXPECT_FALSE(answer.fields.contains("C0-Warm"));
  }
  for (const auto& asked : origin_.asked()) EXPECT_EQ(asked.ask, origin::Ask::kHead);
}

TEST_F(FetchWarm, WhatCannotBeWarmedIs400) {
  expect_refused(ask({{"range", "bytes=0-9"}, {"c0-config", "warm=1"}}, RangeForms::kBothEnds,
                     net::Method::kGet),
                 400, "only with HEAD");
  expect_refused(ask({{"range", "bytes=0-9"}, {"c0-config", "warm=1"}, {"c0-exact", "true"}}), 400,
                 "C0-Exact");
  expect_refused(ask({{"range", "bytes=0-9"}, {"c0-config", "warm=yes"}}), 400, "0 or 1");
  expect_refused(ask({{"c0-config", "warm=1"}}), 400, "Range header is required");
  expect_refused(warm("bytes=0-1073741824"), 400, "more than 64 pages");
  for (const char* range : {"bytes=9-", "bytes=-9"}) {
    expect_refused(warm(range, RangeForms::kAny), 400, "both ends");
    EXPECT_EQ(warm(range).status, 416u);
  }
  EXPECT_EQ(gets(), 0u);
}

TEST_F(FetchWarm, WithoutARangeIsTheWholeObject) {
  const RecordingWriter answer = ask({{"c0-config", "warm=1"}}, RangeForms::kAny);
  EXPECT_EQ(answer.status, 200u) << answer.text;
  EXPECT_EQ(answer.fields.at("C0-Warm"), "pages=4; fetched=4; bytes=50331655");
  EXPECT_FALSE(answer.fields.contains("Content-Range"));
}

TEST_F(FetchWarm, AnEmptyObjectHasNoPages) {
  put(0);
  const RecordingWriter answer = ask({{"c0-config", "warm=1"}}, RangeForms::kAny);
  EXPECT_EQ(answer.status, 200u) << answer.text;
  EXPECT_EQ(answer.fields.at("C0-Warm"), "pages=0; fetched=0; bytes=0");
  EXPECT_EQ(warm("bytes=0-9").status, 416u);
}

TEST_F(FetchWarm, AnObjectOfTooManyPagesIs400) {
  put(64 * kPageBytes + 1);
  expect_refused(ask({{"c0-config", "warm=1"}}, RangeForms::kAny), 400, "more than 64 pages");
  EXPECT_EQ(gets(), 1u);
}

TEST_F(FetchWarm, ARangePastTheEndIs416) {
  EXPECT_EQ(warm("bytes=50331655-50331660").status, 416u);
  EXPECT_EQ(warm("bytes=50331648-50331660").fields.at("C0-Warm"), "pages=1; fetched=0; bytes=0");
}

TEST_F(FetchWarm, PreconditionsHoldBeforePagesAreFetched) {
  const RecordingWriter answer =
      ask({{"range", "bytes=0-50331647"}, {"c0-config", "warm=1"}, {"if-match", "\"v9\""}});
  EXPECT_EQ(answer.status, 412u);
  size_t pages = 0;
  for (const auto& asked : origin_.asked()) pages += asked.ask == origin::Ask::kRange ? 1 : 0;
  EXPECT_EQ(pages, 1u);
  EXPECT_EQ(
      ask({{"range", "bytes=0-9"}, {"c0-config", "warm=1"}, {"if-none-match", "\"v1\""}}).status,
      304u);
}

TEST_F(FetchWarm, AnOldVersionRefusesNothing) {
  EXPECT_EQ(warm("bytes=0-9").status, 206u);
  world_.pass(std::chrono::milliseconds(1));
  put(2 * kPageBytes, "\"v2\"");
  const RecordingWriter answer =
      ask({{"range", "bytes=0-33554431"}, {"c0-config", "warm=1"}, {"if-match", "\"v2\""}});
  EXPECT_EQ(answer.status, 206u) << answer.text;
  EXPECT_EQ(answer.fields.at("ETag"), "\"v2\"");
  EXPECT_EQ(answer.fields.at("C0-Warm"), "pages=2; fetched=2; bytes=33554432");
}

TEST_F(FetchWarm, ASaidSizeCutsTheRangeAndIsChecked) {
  const Fields wrong = {
      {"range", "bytes=0-9"}, {"c0-config", "warm=1"}, {"c0-object-size", "1000"}};
  EXPECT_EQ(ask(wrong).status, 409u);
  const Fields right = {
      {"range", "bytes=0-99999999999"}, {"c0-config", "warm=1"}, {"c0-object-size", "50331655"}};
  EXPECT_EQ(ask(right).fields.at("C0-Warm"), "pages=4; fetched=3; bytes=33554439");
}

TEST_F(FetchWarm, OnlyIfCachedAsksTheStoreNothing) {
  const Fields check = {
      {"range", "bytes=0-9"}, {"c0-config", "warm=1"}, {"cache-control", "only-if-cached"}};
  expect_refused(ask(check), 504, "only-if-cached");
  EXPECT_EQ(gets(), 0u);
  EXPECT_EQ(warm("bytes=0-9").status, 206u);
  EXPECT_EQ(ask(check).fields.at("C0-Warm"), "pages=1; fetched=0; bytes=0");
}

TEST_F(FetchWarm, TheTimeOfTheRequestIsItsLimit) {
  origin_.behave({.head_delay = std::chrono::milliseconds(500)});
  const RecordingWriter answer = ask({{"range", "bytes=0-9"}, {"c0-config", "warm=1 ot=100"}});
  EXPECT_EQ(answer.status, 504u) << answer.text;
}

}  // namespace
}  // namespace cachey::api
