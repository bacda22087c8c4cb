#include "api/s3/outages.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;

class OutagesTest : public ::testing::Test {
 protected:
  void fail(std::string_view bucket, int times) {
    for (int i = 0; i < times; ++i) outages_.failed(bucket, now_);
  }
  [[nodiscard]] bool may_ask(std::string_view bucket) { return outages_.may_ask(bucket, now_); }

  Outages outages_;
  MonoTime now_ = MonoTime(100s);
};

TEST_F(OutagesTest, AFailureOrTwoMayBeOfOneObject) {
  fail("b", Outages::kFailuresMin - 1);
  EXPECT_TRUE(may_ask("b"));
  EXPECT_EQ(outages_.buckets_out(), 0u);
}

TEST_F(OutagesTest, OneRequestASecondAsksForTheOthers) {
  fail("b", Outages::kFailuresMin);
  EXPECT_EQ(outages_.buckets_out(), 1u);
  EXPECT_FALSE(may_ask("b"));
  now_ += 1s - 1ns;
  EXPECT_FALSE(may_ask("b"));
  now_ += 1ns;
  EXPECT_TRUE(may_ask("b"));
  EXPECT_FALSE(may_ask("b")) << "one asks already";
  now_ += 1s;
  EXPECT_TRUE(may_ask("b")) << "that one may have been given up";
}

TEST_F(OutagesTest, TheFirstAnswerEndsIt) {
  fail("b", Outages::kFailuresMin);
  outages_.answered("b");
  EXPECT_TRUE(may_ask("b"));
  fail("b", Outages::kFailuresMin - 1);
  EXPECT_TRUE(may_ask("b")) << "counted anew";
}

TEST_F(OutagesTest, OneWaitsForALateAnswer) {
  EXPECT_TRUE(outages_.may_wait("b"));
  EXPECT_FALSE(outages_.may_wait("b"));
  EXPECT_TRUE(outages_.may_wait("other"));
  fail("b", Outages::kFailuresMin);
  EXPECT_TRUE(outages_.answered("b"));
  EXPECT_FALSE(outages_.may_wait("b")) << "the wait goes on";
  EXPECT_TRUE(may_ask("b"));
  outages_.ended_wait("b");
  EXPECT_TRUE(outages_.may_wait("b"));
  outages_.ended_wait("nobody");
}

TEST_F(OutagesTest, BeginAndEndAreToldOnce) {
  fail("b", Outages::kFailuresMin - 1);
  EXPECT_FALSE(outages_.answered("b")) << "the bucket was not out";
  fail("b", Outages::kFailuresMin - 1);
  EXPECT_TRUE(outages_.failed("b", now_));
  EXPECT_FALSE(outages_.failed("b", now_));
  EXPECT_TRUE(outages_.answered("b"));
  EXPECT_FALSE(outages_.answered("b"));
}

TEST_F(OutagesTest, AnswersBetweenFailuresKeepTheBucketIn) {
  for (int i = 0; i < 100; ++i) {
    fail("b", Outages::kFailuresMin - 1);
    outages_.answered("b");
  }
  EXPECT_TRUE(may_ask("b"));
}

TEST_F(OutagesTest, BucketsDoNotConcernEachOther) {
  fail("b", Outages::kFailuresMin);
  EXPECT_TRUE(may_ask("c"));
  outages_.answered("c");
  EXPECT_FALSE(may_ask("b"));
}

TEST_F(OutagesTest, TheNumberOfBucketsIsBounded) {
  fail("first", Outages::kFailuresMin);
  for (size_t i = 0; i < Outages::kKept.entries; ++i) fail(fmt::format("{}", i), 1);
  EXPECT_TRUE(may_ask("first"));
  const std::string too_long(Outages::kKept.key_bytes + 1, 'x');
  fail(too_long, Outages::kFailuresMin);
  EXPECT_TRUE(may_ask(too_long));
}

}  // namespace
}  // namespace cachey::api::s3
