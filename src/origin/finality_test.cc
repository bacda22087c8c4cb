#include "origin/finality.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

ErrorKind told(ErrorKind first, ErrorKind second) {
  const Error a(first, "");
  const Error b(second, "");
  return less_final(a, b).kind();
}

TEST(Finality, MissingOnlyWhereBothSaySo) {
  EXPECT_EQ(told(ErrorKind::kNotFound, ErrorKind::kNotFound), ErrorKind::kNotFound);
  for (const ErrorKind other : {ErrorKind::kTimeout, ErrorKind::kThrottled, ErrorKind::kUpstream,
                                ErrorKind::kDenied, ErrorKind::kArchived}) {
    EXPECT_EQ(told(ErrorKind::kNotFound, other), other);
    EXPECT_EQ(told(other, ErrorKind::kNotFound), other);
  }
}

TEST(Finality, DeniedOnlyWhereNothingMayPass) {
  EXPECT_EQ(told(ErrorKind::kDenied, ErrorKind::kTimeout), ErrorKind::kTimeout);
  EXPECT_EQ(told(ErrorKind::kUpstream, ErrorKind::kDenied), ErrorKind::kUpstream);
  EXPECT_EQ(told(ErrorKind::kUpstream, ErrorKind::kThrottled), ErrorKind::kThrottled);
}

TEST(Finality, OfTwoEndsTheFurtherOneIsTold) {
  const Error near = Error::range_not_satisfiable(4);
  const Error far = Error::range_not_satisfiable(17);
  const Error unknown = Error::range_not_satisfiable(std::nullopt);
  EXPECT_EQ(less_final(near, far).object_size(), 17u);
  EXPECT_EQ(less_final(far, near).object_size(), 17u);
  EXPECT_EQ(less_final(unknown, near).object_size(), 4u);
  EXPECT_EQ(less_final(near, unknown).object_size(), 4u);
}

TEST(Finality, AToldEndStandsAboveOtherFailures) {
  const Error told = Error::range_not_satisfiable(4);
  const Error unknown = Error::range_not_satisfiable(std::nullopt);
  const Error throttled(ErrorKind::kThrottled, "");
  const Error missing(ErrorKind::kNotFound, "");
  EXPECT_EQ(less_final(throttled, told).object_size(), 4u);
  EXPECT_EQ(less_final(told, throttled).object_size(), 4u);
  EXPECT_EQ(less_final(missing, told).object_size(), 4u);
  EXPECT_EQ(less_final(unknown, throttled).kind(), ErrorKind::kThrottled);
  EXPECT_EQ(less_final(missing, unknown).kind(), ErrorKind::kRangeNotSatisfiable);
}

TEST(Finality, AnotherBucketMayHaveWhatOneLacks) {
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kRangeNotSatisfiable));
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kOverloaded));
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kNotFound));
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kTimeout));
}

TEST(Finality, WhatIsRefusedSaysNothingOfTheStoreAndIsNotAskedAgain) {
  EXPECT_FALSE(is_store_failure(ErrorKind::kRefused));
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kRefused));
  EXPECT_TRUE(is_final_for_bucket(ErrorKind::kRefused));
  EXPECT_EQ(told(ErrorKind::kRefused, ErrorKind::kNotFound), ErrorKind::kRefused);
  EXPECT_EQ(told(ErrorKind::kRefused, ErrorKind::kUpstream), ErrorKind::kUpstream);
}

TEST(Finality, DamageIsTheStores) {
  EXPECT_TRUE(is_store_failure(ErrorKind::kDamaged));
  EXPECT_TRUE(worth_another_bucket(ErrorKind::kDamaged));
  EXPECT_FALSE(is_final_for_bucket(ErrorKind::kDamaged));
}

TEST(Finality, WhatTheStoreSaysOfTheObjectSettlesTheBucket) {
  for (const ErrorKind kind : {ErrorKind::kNotFound, ErrorKind::kRangeNotSatisfiable,
                               ErrorKind::kArchived, ErrorKind::kChanged, ErrorKind::kDenied}) {
    EXPECT_TRUE(is_final_for_bucket(kind));
  }
  EXPECT_FALSE(is_final_for_bucket(ErrorKind::kUpstream));
  EXPECT_FALSE(is_final_for_bucket(ErrorKind::kTimeout));
}

struct HealthRow {
  ErrorKind kind;
  ErrorCause cause;
  FailureTerms terms;
  bool counts;
};

TEST(Finality, WhatCountsAgainstABucketsHealth) {
  constexpr ErrorCause kUnknown = ErrorCause::kUnknown;
  constexpr FailureTerms kOwn{.proven_bucket = true};
  constexpr FailureTerms kLimits{.clients_limits = true, .proven_bucket = true};
  constexpr FailureTerms kAddressing{.clients_addressing = true, .proven_bucket = true};
  constexpr FailureTerms kUnproven{};
  const HealthRow rows[] = {
      {ErrorKind::kUpstream, kUnknown, kOwn, true},
      {ErrorKind::kUpstream, kUnknown, kLimits, true},
      {ErrorKind::kUpstream, kUnknown, kAddressing, false},
      {ErrorKind::kUpstream, kUnknown, kUnproven, true},
      {ErrorKind::kUpstream, ErrorCause::kUnusableAnswer, kOwn, false},
      {ErrorKind::kUpstream, ErrorCause::kUnknownHost, kOwn, true},
      {ErrorKind::kUpstream, ErrorCause::kUnknownHost, kAddressing, false},
      {ErrorKind::kUpstream, ErrorCause::kUnknownHost, kUnproven, false},
      {ErrorKind::kUpstream, ErrorCause::kNoAddress, kUnproven, false},
      {ErrorKind::kTimeout, ErrorCause::kUnknownHost, kUnproven, false},
      {ErrorKind::kUpstream, ErrorCause::kCertificate, kOwn, true},
      {ErrorKind::kUpstream, ErrorCause::kCertificate, kAddressing, false},
      {ErrorKind::kUpstream, ErrorCause::kTlsHandshake, kAddressing, false},
      {ErrorKind::kUpstream, ErrorCause::kConnectionRefused, kOwn, true},
      {ErrorKind::kTimeout, kUnknown, kOwn, true},
      {ErrorKind::kTimeout, kUnknown, kLimits, false},
      {ErrorKind::kTimeout, kUnknown, kAddressing, false},
      {ErrorKind::kThrottled, kUnknown, kLimits, true},
      {ErrorKind::kDamaged, kUnknown, kOwn, true},
      {ErrorKind::kNotFound, kUnknown, kOwn, false},
      {ErrorKind::kDenied, kUnknown, kOwn, false},
      {ErrorKind::kRefused, kUnknown, kOwn, false},
      {ErrorKind::kChanged, kUnknown, kOwn, false},
      {ErrorKind::kOverloaded, kUnknown, kOwn, false},
      {ErrorKind::kCancelled, kUnknown, kOwn, false},
      {ErrorKind::kInternal, kUnknown, kOwn, false},
  };
  for (const HealthRow& row : rows) {
    EXPECT_EQ(speaks_against_bucket(Error(row.kind, "", row.cause), row.terms), row.counts)
        << to_string(row.kind) << " of row " << &row - rows;
  }
}

}  // namespace
}  // namespace cachey::origin
