#include "aws/error_codes.h"

#include <gtest/gtest.h>

namespace cachey::aws {
namespace {

constexpr int kLastKind = static_cast<int>(ErrorKind::kInternal);

TEST(ErrorCodes, EachCodeIsFound) {
  for (const ErrorCode& code : error_codes()) {
    ASSERT_NE(find_error_code(code.code), nullptr) << code.code;
    EXPECT_EQ(find_error_code(code.code), &code);
    EXPECT_GE(code.status, 400) << code.code;
    EXPECT_LT(code.status, 600) << code.code;
  }
  for (const char* other : {"", "A", "NoSuchKe", "NoSuchKeys", "nosuchkey", "ZZZ"})
    EXPECT_EQ(find_error_code(other), nullptr) << other;
}

TEST(ErrorCodes, EachKindHasAnAnswerWithWords) {
  for (int kind = 0; kind <= kLastKind; ++kind) {
    const ErrorCode& code = error_code_of(static_cast<ErrorKind>(kind));
    EXPECT_FALSE(code.message.empty()) << code.code;
    const bool is_asked_for = static_cast<ErrorKind>(kind) == ErrorKind::kNotCached;
    EXPECT_TRUE(code.status != 502 && (code.status != 504 || is_asked_for)) << code.code;
  }
}

TEST(ErrorCodes, AClientReadsTheKindThatTheServerMeant) {
  for (const ErrorKind kind :
       {ErrorKind::kNotFound, ErrorKind::kRangeNotSatisfiable, ErrorKind::kDenied,
        ErrorKind::kArchived, ErrorKind::kThrottled, ErrorKind::kUpstream}) {
    EXPECT_EQ(error_code_of(kind).kind, kind);
  }
  EXPECT_EQ(error_code_of(ErrorKind::kPreconditionFailed).kind, ErrorKind::kChanged);
}

TEST(ErrorCodes, WhatAnotherTryMayCureIsSlowDown) {
  for (const ErrorKind kind : {ErrorKind::kThrottled, ErrorKind::kOverloaded, ErrorKind::kChanged,
                               ErrorKind::kCancelled}) {
    EXPECT_EQ(error_code_of(kind).code, "SlowDown");
  }
}

}  // namespace
}  // namespace cachey::aws
