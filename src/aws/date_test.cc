#include "aws/date.h"

#include <gtest/gtest.h>

#include <optional>

namespace cachey::aws {
namespace {

TEST(Date, TimesAreReadToTheSecond) {
  EXPECT_EQ(parse_timestamp("2009-02-13T23:31:30Z"), 1'234'567'890);
  EXPECT_EQ(parse_timestamp("2009-02-13t23:31:30.123456z"), 1'234'567'890);
  EXPECT_EQ(parse_timestamp("2009-02-14T01:31:30+02:00"), 1'234'567'890);
  EXPECT_EQ(parse_timestamp("2009-02-13T22:01:30-01:30"), 1'234'567'890);
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_timestamp("2024-02-29T00:00:00Z"), 1'709'164'800);
  for (const char* bad :
       {"", "2009-02-13", "2009-02-13T23:31:30", "2009-02-13 23:31:30Z", "2009-13-13T23:31:30Z",
        "2023-02-29T00:00:00Z", "2009-02-13T24:31:30Z", "2009-02-13T23:31:30Zx", "1234567890",
        "2009-02-13T23:31:30+0200", "-009-02-13T23:31:30Z", "2009-02-13T23:-1:30Z"}) {
    EXPECT_EQ(parse_timestamp(bad), std::nullopt) << bad;
  }
}

TEST(Date, AmzDateIsReadAsItIsWritten) {
  EXPECT_EQ(amz_date(1'369'353'600), "20130524T000000Z");
  EXPECT_EQ(amz_date(-1), "19691231T235959Z");
  for (const int64_t seconds : {int64_t{0}, int64_t{-1}, int64_t{1'369'353'600},
                                int64_t{1'709'164'800}, int64_t{253'402'300'799}}) {
    EXPECT_EQ(parse_amz_date(amz_date(seconds)), seconds);
  }
}

TEST(Date, AmzDateOfAnotherFormIsRefused) {
  for (const char* bad :
       {"", "20130524", "20130524T000000", "20130524T000000Zx", "20130524t000000z",
        "2013-05-24T00:00:00Z", "20130532T000000Z", "20130229T000000Z", "20131324T000000Z",
        "20130524T240000Z", "20130524T006000Z", "20130524T000060Z", "-0130524T000000Z",
        "20130524T-10000Z", " 20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT"}) {
    EXPECT_EQ(parse_amz_date(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace cachey::aws
