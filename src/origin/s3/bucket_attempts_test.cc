#include "origin/s3/bucket_attempts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
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
    attempts.count("made up " + std::to_string(i), AttemptOutcome::kNotFound);
    attempts.count("made up " + std::to_string(i), AttemptOutcome::kRefused);
  }
  attempts.count("b", AttemptOutcome::kRefused);
  attempts.count("b", AttemptOutcome::kOk);
  attempts.count("b", AttemptOutcome::kRefused);
  EXPECT_THAT(counted(attempts),
              UnorderedElementsAre(
                  Pair("b", UnorderedElementsAre(Pair("ok", 1), Pair("4xx", 1))),
                  Pair("other", UnorderedElementsAre(Pair("not_found", 500), Pair("4xx", 501)))));
}

TEST(BucketAttempts, NamesOfADeadStoreAreBoundedAndLeavePlacesForOthers) {
  BucketAttempts attempts;
  for (size_t i = 0; i < 10 * BucketAttempts::kUnprovenMax; ++i) {
    attempts.count("dead " + std::to_string(i), AttemptOutcome::kConnect);
  }
  EXPECT_EQ(attempts.totals().size(), BucketAttempts::kUnprovenMax + 1);
  for (size_t i = 0; i < 2 * BucketAttempts::kBucketsMax; ++i) {
    attempts.count("good " + std::to_string(i), AttemptOutcome::kOk);
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
  attempts.count("b", AttemptOutcome::kOk, 20ms);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE cachey_bucket_attempts_total counter\n"));
  EXPECT_THAT(text, HasSubstr("attempts_total{bucket=\"b\",outcome=\"ok\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("attempts_total{bucket=\"b\",outcome=\"5xx\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE cachey_bucket_first_byte_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_bucket{bucket=\"b\",le=\"0.01\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_bucket{bucket=\"b\",le=\"0.025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("first_byte_seconds_sum{bucket=\"b\"} 0.02\n"));
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
  EXPECT_THAT(outcomes_of(error_response("403 Forbidden", "AccessDenied")), ok_and("4xx", 1));
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
