// Stores that cannot do If-Match.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "origin/s3/operation.h"
#include "origin/s3/s3_origin.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

/// A store with an object that has the tag "v7". The store answers If-Match with `refusal`.
class S3Conditions : public ::testing::Test {
 protected:
  S3Conditions() : server_([this](Peer& peer, int) { serve(peer); }), s3_(server_.port()) {
    s3_.config.limits.attempts_max = 1;
  }
  ~S3Conditions() override { s3_.stop(); }

  void serve(Peer& peer) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      const bool conditional = request.find("\r\nif-match:") != std::string::npos;
      const MutexLock lock(mutex_);
      asked_ += conditional ? 'c' : '-';
      peer.send(conditional
                    ? refusal_
                    : "HTTP/1.1 206 x\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n"
                      "ETag: \"v7\"\r\n\r\nbytes");
    }
  }

  void refuse_with(std::string refusal) {
    const MutexLock lock(mutex_);
    refusal_ = std::move(refusal);
  }

  /// One letter a request since the last call: c with If-Match, - without.
  std::string asked() {
    const MutexLock lock(mutex_);
    return std::exchange(asked_, "");
  }

  Fetched fetch(const std::string& bucket, const std::string& tag) {
    GetRequest request = S3Harness::request();
    request.bucket = bucket;
    request.if_match = tag;
    return s3_.fetch(std::move(request));
  }

  Mutex mutex_;
  std::string refusal_ GUARDED_BY(mutex_);
  std::string asked_ GUARDED_BY(mutex_);
  ScriptedServer server_;
  S3Harness s3_;
};

TEST_F(S3Conditions, ARefusedConditionIsComparedHereAndLeftOutFromThenOn) {
  int number = 0;
  for (const char* status : {"412 x", "400 x", "501 x", "403 x", "405 x", "428 x"}) {
    SCOPED_TRACE(status);
    refuse_with(response(status, "", "<Error><Code>Odd</Code></Error>"));
    const std::string bucket = "bucket-" + std::to_string(number++);
    EXPECT_EQ(fetch(bucket, "\"v7\"").body, "bytes");
    EXPECT_EQ(asked(), "c-");
    EXPECT_EQ(fetch(bucket, "\"v7\"").body, "bytes");
    EXPECT_EQ(fetch(bucket, "\"v6\"").error, ErrorKind::kChanged);
    EXPECT_EQ(fetch(bucket, "").body, "bytes");
    EXPECT_EQ(asked(), "---");
  }
  EXPECT_EQ(s3_.counters().retries.load(), 0u);
}

TEST_F(S3Conditions, ARealChangeIsAChangeAndTeachesNothing) {
  refuse_with(error_response("412 x", "PreconditionFailed"));
  EXPECT_EQ(fetch("bucket-a", "\"v6\"").error, ErrorKind::kChanged);
  EXPECT_EQ(fetch("bucket-a", "\"v6\"").error, ErrorKind::kChanged);
  EXPECT_EQ(asked(), "c-c-");
}

TEST_F(S3Conditions, OtherFailuresAreNotOfTheCondition) {
  for (const char* status : {"404 x", "416 x", "500 x", "503 x", "429 x", "301 x"}) {
    refuse_with(response(status, "", ""));
    EXPECT_FALSE(fetch("bucket-b", "\"v7\"").ok) << status;
    EXPECT_EQ(asked(), "c") << status;
  }
}

TEST_F(S3Conditions, ATagThatNoRequestCanCarryIsComparedHere) {
  EXPECT_EQ(fetch("bucket-c", "\"a\x01\"").error, ErrorKind::kChanged);
  EXPECT_EQ(asked(), "-");
}

TEST(Conditions, IfMatchIsTriedAgainAfterATime) {
  Learnings learned;
  learned.no_if_match.set("odd", 1'000'000);
  S3Config config;
  config.endpoint = *parse_endpoint_url("http://127.0.0.1:9000");
  FixedRandom random{0.0};
  const auto if_match = [&](const char* bucket, int64_t now) {
    GetRequest request;
    request.bucket = bucket;
    request.key = "k";
    request.range = {0, 10};
    request.if_match = "\"e\"";
    return make_operation(request, "us-east-1", config, learned, now, random)->request.if_match;
  };
  EXPECT_EQ(if_match("odd", 1'000'000), "");
  EXPECT_EQ(if_match("odd", 1'000'000 + kNoIfMatchValid.count() - 1), "");
  EXPECT_EQ(if_match("odd", 1'000'000 + kNoIfMatchValid.count()), "\"e\"");
  EXPECT_EQ(if_match("even", 1'000'000), "\"e\"");
}

}  // namespace
}  // namespace cachey::origin
