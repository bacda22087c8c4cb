#include "origin/s3/bucket_attempts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <latch>
#include <map>
#include <stop_token>
#include <string>

#include "base/metrics.h"
#include "origin/testing/forward_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// What is not 0: by bucket, the outcomes.
std::map<std::string, std::map<std::string, uint64_t>> counted(const BucketAttempts& attempts) {
  std::map<std::string, std::map<std::string, uint64_t>> all;
  for (const BucketAttempts::Totals& totals : attempts.totals()) {
    for (size_t i = 0; i < kAttemptOutcomes; ++i) {
      const auto outcome = static_cast<AttemptOutcome>(i);
      const std::string name(to_string(outcome));
      if (totals.of(outcome) != 0) all[totals.bucket][name] = totals.of(outcome);
    }
  }
  return all;
}

TEST(BucketAttempts, MadeUpNamesShareOneEntryUnlessTheStoreFails) {
  BucketAttempts attempts;
  for (int i = 0; i < 500; ++i) {
    attempts.count("made up " + std::to_string(i), 1, AttemptOutcome::kNotFound);
    attempts.count("made up " + std::to_string(i), 1, AttemptOutcome::kRefused);
  }
  attempts.count("b", 1, AttemptOutcome::kRefused);
  EXPECT_FALSE(attempts.is_good("b"));
  attempts.count("b", 1, AttemptOutcome::kOk);
  attempts.count("b", 1, AttemptOutcome::kRefused);
  EXPECT_TRUE(attempts.is_good("b"));
  EXPECT_THAT(counted(attempts),
              UnorderedElementsAre(
                  Pair("b", UnorderedElementsAre(Pair("ok", 1), Pair("4xx", 1))),
                  Pair("other", UnorderedElementsAre(Pair("not_found", 500), Pair("4xx", 501)))));
}

TEST(BucketAttempts, NamesOfADeadStoreAreBoundedAndLeavePlacesForOthers) {
  BucketAttempts attempts;
  for (size_t i = 0; i < 10 * BucketAttempts::kUnprovenMax; ++i) {
    attempts.count("dead " + std::to_string(i), 1, AttemptOutcome::kConnect);
  }
  EXPECT_EQ(attempts.totals().size(), BucketAttempts::kUnprovenMax + 1);
  for (size_t i = 0; i < 2 * BucketAttempts::kBucketsMax; ++i) {
    attempts.count("good " + std::to_string(i), 1, AttemptOutcome::kOk);
  }
  EXPECT_EQ(attempts.totals().size(),
            BucketAttempts::kUnprovenMax + BucketAttempts::kBucketsMax + 1);
  const auto all = counted(attempts);
  EXPECT_TRUE(all.contains("good 99"));
  EXPECT_FALSE(all.contains("good 100"));
  EXPECT_THAT(all.at("other"),
              UnorderedElementsAre(Pair("ok", BucketAttempts::kBucketsMax),
                                   Pair("connect", 9 * BucketAttempts::kUnprovenMax)));
}

TEST(BucketAttempts, MetricsHaveEachOutcomeAndTheTimes) {
  Metrics metrics;
  BucketAttempts attempts;
  attempts.add_metrics(metrics);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("bucket=")));
  attempts.count("b", 1, AttemptOutcome::kOk, 20ms);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE cachey_bucket_attempts_total counter\n"));
  EXPECT_THAT(text, HasSubstr("attempts_total{bucket=\"b\",outcome=\"ok\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("attempts_total{bucket=\"b\",outcome=\"5xx\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE cachey_bucket_first_byte_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_bucket{bucket=\"b\",le=\"0.01\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_bucket{bucket=\"b\",le=\"0.025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_sum{bucket=\"b\"} 0.02\n"));
}

TEST(BucketAttempts, ObjectsAreToldApartFromAttempts) {
  BucketAttempts attempts;
  attempts.count("b", 1, AttemptOutcome::kOk);
  const auto count = [&attempts](AttemptOutcome outcome, std::initializer_list<uint64_t> objects) {
    for (const uint64_t object : objects) attempts.count("b", object, outcome);
    return attempts.totals()[0];
  };
  EXPECT_EQ(count(AttemptOutcome::kDenied, {7, 7, 7, 7, 7}).denied_objects, 1u);
  EXPECT_EQ(count(AttemptOutcome::kDenied, {8, 9, 9}).denied_objects, 3u);
  EXPECT_EQ(count(AttemptOutcome::kServerError, {7, 7, 7}).failed_objects, 1u);
  EXPECT_EQ(count(AttemptOutcome::kTimeout, {7, 8}).failed_objects, 2u);
  EXPECT_EQ(count(AttemptOutcome::kConnect, {8, 8}).failed_objects, 4u);
  EXPECT_EQ(count(AttemptOutcome::kRefused, {1, 2, 3}).denied_objects, 3u);
}

TEST(BucketAttempts, CancelledOnesAreNeitherAnswersNorFailures) {
  BucketAttempts attempts;
  attempts.count("b", 1, AttemptOutcome::kOk);
  attempts.count("b", 2, AttemptOutcome::kCancelled);
  const BucketAttempts::Totals totals = attempts.totals()[0];
  EXPECT_EQ(totals.attempts(), 1u);
  EXPECT_EQ(totals.failures(), 0u);
  EXPECT_EQ(totals.of(AttemptOutcome::kCancelled), 1u);
}

/// What a get of a store that first gives a good answer and then this one is counted as.
std::map<std::string, uint64_t> outcomes_of(const std::string& answer) {
  std::atomic<int> asked{0};
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      if (asked++ == 0) {
        peer.send(part_of("content", request));
        continue;
      }
      if (answer == "silence") return peer.wait_until_closed();
      if (answer == "hang up") return;
      peer.send(answer);
    }
  });
  S3Harness s3(server.port());
  if (answer == "silence") s3.config.limits.first_byte_timeout = 500ms;
  s3.config.limits.attempts_max = 2;
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_FALSE(s3.fetch().ok);
  auto all = counted(s3.counters().attempts);
  EXPECT_EQ(all.size(), 1u);
  return all[S3Harness::request().bucket];
}

TEST(BucketAttempts, EachAttemptCountsByItsEnd) {
  const auto ok_and = [](const char* outcome, int count) {
    return UnorderedElementsAre(Pair("ok", 1), Pair(outcome, count));
  };
  EXPECT_THAT(outcomes_of(error_response("404 Not Found", "NoSuchKey")), ok_and("not_found", 1));
  EXPECT_THAT(outcomes_of(error_response("403 Forbidden", "AccessDenied")), ok_and("denied", 1));
  EXPECT_THAT(outcomes_of(error_response("403 Forbidden", "AllAccessDisabled")),
              ok_and("denied", 1));
  for (const char* code : {"InvalidObjectState", "SignatureDoesNotMatch", "InvalidAccessKeyId",
                           "RequestTimeTooSkewed"}) {
    EXPECT_THAT(outcomes_of(error_response("403 Forbidden", code)), ok_and("4xx", 1)) << code;
  }
  EXPECT_THAT(outcomes_of(error_response("400 Bad Request", "KeyTooLongError")), ok_and("4xx", 1));
  EXPECT_THAT(outcomes_of(error_response("404 Not Found", "XAdminUserNotFound")), ok_and("4xx", 1));
  EXPECT_THAT(outcomes_of(error_response("503 Slow Down", "SlowDown")), ok_and("throttled", 2));
  EXPECT_THAT(outcomes_of(error_response("400 Bad Request", "SlowDown")), ok_and("throttled", 2));
  EXPECT_THAT(outcomes_of(error_response("500 Internal Server Error", "InternalError")),
              ok_and("5xx", 2));
  EXPECT_THAT(outcomes_of("silence"), ok_and("timeout", 2));
  EXPECT_THAT(outcomes_of("hang up"), ok_and("broken", 2));
  EXPECT_THAT(outcomes_of(response("206 Partial Content", "Content-Range: nonsense\r\n", "x")),
              ok_and("broken", 1));
  EXPECT_THAT(outcomes_of(error_response("416 Range Not Satisfiable", "InvalidRange")),
              ElementsAre(Pair("ok", 2)));
}

TEST(BucketAttempts, AnAttemptWithoutAConnectionAndOneOfAHastyClientAreToldApart) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  GetRequest hasty = S3Harness::request();
  hasty.config.connect_timeout = 0ms;
  EXPECT_FALSE(s3.fetch(std::move(hasty)).ok);
  EXPECT_THAT(counted(s3.counters().attempts), ElementsAre());
  S3Harness gone(1);  // nothing listens there
  gone.config.limits.attempts_max = 2;
  EXPECT_FALSE(gone.fetch().ok);
  EXPECT_THAT(counted(gone.counters().attempts),
              ElementsAre(Pair(S3Harness::request().bucket, ElementsAre(Pair("connect", 2)))));
}

TEST(BucketAttempts, AnAttemptThatHangsUntilNobodyWaitsIsCounted) {
  std::latch reached(1);
  ScriptedServer server([&](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    reached.count_down();
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  std::stop_source stop;
  GetRequest request = S3Harness::request();
  request.stop = stop.get_token();
  std::future<Fetched> fetch = s3.start_fetch(std::move(request));
  reached.wait();
  rt::asio::post(s3.workers.workers()[0].io(), [&stop] { stop.request_stop(); });
  EXPECT_EQ(fetch.get().error, ErrorKind::kCancelled);
  EXPECT_THAT(counted(s3.counters().attempts),
              ElementsAre(Pair("other", ElementsAre(Pair("cancelled", 1)))));
}

TEST(BucketAttempts, AnAttemptThatAHastyClientEndsIsCancelled) {
  ScriptedServer server([](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  GetRequest hasty = S3Harness::request();
  hasty.config.first_byte_timeout = 100ms;
  hasty.config.attempts_max = 1;
  EXPECT_EQ(s3.fetch(std::move(hasty)).error, ErrorKind::kTimeout);
  EXPECT_THAT(counted(s3.counters().attempts),
              ElementsAre(Pair("other", ElementsAre(Pair("cancelled", 1)))));
}

TEST(BucketAttempts, FirstBytesAreOfAnswersThatAreNoFailures) {
  std::atomic<int> asked{0};
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      peer.send(asked++ % 2 == 1 ? response("500 Internal Server Error", "", "")
                                 : part_of("content", request));
    }
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(s3.fetch().ok);
  const auto totals = s3.counters().attempts.totals();
  ASSERT_EQ(totals.size(), 1u);
  EXPECT_EQ(totals[0].first_byte.count(), 3u);
  EXPECT_EQ(totals[0].attempts(), 5u);
  EXPECT_EQ(totals[0].failures(), 2u);
}

TEST_F(S3Forwards, ARefusalOfTheQuestionIsCountedOnce) {
  answer({ok("list"), error_response("404 Not Found", "NoSuchKey")});
  EXPECT_EQ(forward(list()).status, 200u);
  EXPECT_EQ(forward(list()).status, 404u);
  EXPECT_THAT(
      counted(s3_.counters().attempts),
      ElementsAre(Pair("bucket", UnorderedElementsAre(Pair("ok", 1), Pair("not_found", 1)))));
}

}  // namespace
}  // namespace cachey::origin
