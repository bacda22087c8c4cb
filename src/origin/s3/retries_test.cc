#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin/s3/retry.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST(S3Retries, AStoreThatOnlySays503IsRetriedFiftyTimesInAll) {
  ScriptedServer server([](Peer& peer, int) {
    while (!peer.read_request().empty()) peer.send(response("503 Service Unavailable", "", ""));
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 600; ++i) ASSERT_EQ(s3.fetch().error, ErrorKind::kThrottled);
  EXPECT_EQ(s3.counters().retries.load(), 50u);
  EXPECT_EQ(s3.counters().requests.load(), 650u);
  EXPECT_EQ(s3.counters().retries_refused.load(), 575u);
}

TEST(S3Retries, SuccessesEarnRetries) {
  std::atomic<bool> well{false};
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      peer.send(well ? part_of("content", request) : error_response("503 Slow Down", "SlowDown"));
    }
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 51; ++i) ASSERT_FALSE(s3.fetch().ok);
  const uint64_t spent = s3.counters().retries.load();
  EXPECT_EQ(spent, RetryTokens::kTokensMax / 5);
  well = true;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(s3.fetch().ok);
  well = false;
  ASSERT_FALSE(s3.fetch().ok);
  EXPECT_EQ(s3.counters().retries.load(), spent + 2);
}

TEST(S3Retries, ARetryThatSucceedsGivesBackWhatItCost) {
  std::atomic<int> asked{0};
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      peer.send(asked++ % 2 == 0 ? response("500 Internal Server Error", "", "")
                                 : part_of("content", request));
    }
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(s3.fetch().ok);
  EXPECT_EQ(s3.counters().retries.load(), 100u);
}

TEST(S3Retries, AConnectionOfAServerInTroubleIsNotUsedAgainABusyOnesIs) {
  const std::pair<std::string, int> answers[] = {
      {error_response("503 Slow Down", "SlowDown"), 1},
      {response("429 Too Many Requests", "", ""), 1},
      {response("503 Service Unavailable", "", ""), 3},
      {error_response("500 Internal Server Error", "InternalError"), 3},
      {error_response("400 Bad Request", "RequestTimeout"), 3},
  };
  for (const auto& [answer, connections] : answers) {
    SCOPED_TRACE(answer);
    ScriptedServer server([&](Peer& peer, int) {
      while (!peer.read_request().empty()) peer.send(answer);
    });
    S3Harness s3(server.port());
    EXPECT_FALSE(s3.fetch().ok);
    EXPECT_EQ(s3.counters().requests.load(), 3u);
    EXPECT_EQ(server.accepted(), connections);
  }
}

TEST(S3Retries, WhatIsFinalIsNotRetried) {
  for (const char* status : {"400 Bad Request", "403 Forbidden", "404 Not Found", "409 Conflict",
                             "412 Precondition Failed", "501 Not Implemented", "505 No"}) {
    SCOPED_TRACE(status);
    ScriptedServer server([&](Peer& peer, int) {
      while (!peer.read_request().empty()) peer.send(response(status, "", "<html>words</html>"));
    });
    S3Harness s3(server.port());
    EXPECT_FALSE(s3.fetch().ok);
    EXPECT_EQ(s3.counters().requests.load(), 1u);
  }
}

TEST(S3Retries, TheStoresWishIsHeededItsRetryAfterIsNot) {
  ScriptedServer server([](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    const std::string wish = "x-amz-retry-after: 30\r\nRetry-After: 60\r\n";
    peer.send(connection == 0 ? error_response("500 x", "InternalError", wish)
                              : part_of("content", request));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(20'000));
}

TEST(S3Retries, TheAttemptsTimeCoversTheErrorsText) {
  ScriptedServer server([](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send("HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n<Error>");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.limits.stall_timeout = milliseconds(60'000);
  GetRequest request = S3Harness::request();
  request.config.attempt_timeout = milliseconds(40);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(s3.fetch(std::move(request)).ok);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(20'000));
  EXPECT_EQ(s3.counters().requests.load(), 3u);
}

}  // namespace
}  // namespace cachey::origin
