#include "origin/s3/key_refusals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

KeyRefusals::Refusal refusal(std::string_view object_key,
                             ErrorCause cause = ErrorCause::kBadSignature) {
  return {.access_key = "AKIA", .object_key = object_key, .bucket_is_good = true, .cause = cause};
}

TEST(KeyRefusals, OddKeysAndUnknownBucketsShowNothingOnceTheAccessKeyWasAccepted) {
  KeyRefusals refusals;
  refusals.accepted("AKIA");
  for (const char* odd : {"a//b", "a/../b", "./a", "/a", "a/", "", "a b", "a+b", "a%2Fb", "a*b",
                          "\xc3\xa4", "a\nb", "a:b"}) {
    refusals.refused(refusal(odd));
  }
  KeyRefusals::Refusal elsewhere = refusal("plain", ErrorCause::kBadToken);
  elsewhere.bucket_is_good = false;
  refusals.refused(elsewhere);
  EXPECT_EQ(refusals.total(), 0u);
  EXPECT_EQ(refusals.objects(), 0u);

  refusals.refused(refusal("a b", ErrorCause::kUnknownAccessKey));
  refusals.refused(refusal("table/dt=2026-01-01/part-0.parquet"));
  EXPECT_EQ(refusals.total(), 2u);
  EXPECT_EQ(refusals.objects(), 2u);
}

TEST(KeyRefusals, OneObjectIsOneHoweverOftenClientsAskForIt) {
  KeyRefusals refusals;
  refusals.accepted("AKIA");
  for (int i = 0; i < 10; ++i) refusals.refused(refusal("plain"));
  EXPECT_EQ(refusals.total(), 10u);
  EXPECT_EQ(refusals.objects(), 1u);
}

TEST(KeyRefusals, EachRefusalOfTheAccessKeyItselfShowsSomethingWhateverTheObject) {
  KeyRefusals refusals;
  refusals.accepted("AKIA");
  for (const ErrorCause cause :
       {ErrorCause::kUnknownAccessKey, ErrorCause::kExpiredToken, ErrorCause::kBadToken}) {
    refusals.refused(refusal("plain", cause));
  }
  EXPECT_EQ(refusals.objects(), 3u);
}

TEST(KeyRefusals, EachRefusalShowsSomethingBeforeTheAccessKeyIsAccepted) {
  KeyRefusals refusals;
  refusals.accepted("AKIAOLD");  // before a rotation
  for (int i = 0; i < 3; ++i) refusals.refused(refusal("a b"));
  EXPECT_EQ(refusals.total(), 3u);
  EXPECT_EQ(refusals.objects(), 3u);
}

TEST(KeyRefusals, AreThoseOfGets) {
  std::atomic<bool> lost = false;
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      const bool refuse = lost || request.contains("odd");
      peer.send(refuse ? error_response("403 Forbidden", "SignatureDoesNotMatch")
                       : part_of("0123456789", request));
    }
  });
  S3Harness s3(server.port());
  const auto fetch = [&](const std::string& key) {
    GetRequest request = S3Harness::request();
    request.key = key;
    return s3.fetch(std::move(request)).ok;
  };
  const KeyRefusals& refusals = s3.counters().key_refusals;
  EXPECT_TRUE(fetch("a"));
  EXPECT_FALSE(fetch("odd key"));
  EXPECT_EQ(s3.counters().credentials_refused.load(), 1u);
  EXPECT_EQ(refusals.total(), 0u);
  lost = true;
  EXPECT_FALSE(fetch("a"));
  EXPECT_FALSE(fetch("b"));
  EXPECT_EQ(refusals.total(), 2u);
  EXPECT_EQ(refusals.objects(), 2u);
}

}  // namespace
}  // namespace cachey::origin
