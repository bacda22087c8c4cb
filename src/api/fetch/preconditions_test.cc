#include "api/fetch/preconditions.h"

#include <gtest/gtest.h>

#include <vector>

namespace cachey::api {
namespace {

using cache::Verdict;
using enum cache::Verdict;

// Mon, 04 Mar 2024 05:06:07 GMT
const ObjectInfo kStrong{"\"d41d8c-7\"", 100, 1'709'528'767};
const ObjectInfo kWeak{"W/\"d41d8c-7\"", 100, 1'709'528'767};
const ObjectInfo kBare{"", 100, 0};
constexpr const char* kSame = "Mon, 04 Mar 2024 05:06:07 GMT";
constexpr const char* kBefore = "Mon, 04 Mar 2024 05:06:06 GMT";
constexpr const char* kAfter = "Mon, 04 Mar 2024 05:06:08 GMT";

struct Row {
  std::vector<net::Field> fields;
  Verdict strong;
  Verdict weak;
  Verdict bare;
};

TEST(Preconditions, EachFieldAlone) {
  const Row rows[] = {
      {{}, kHolds, kHolds, kHolds},
      {{{"range", "bytes=0-9"}}, kHolds, kHolds, kHolds},

      {{{"if-match", "\"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-match", "d41d8c-7"}}, kHolds, kFails, kFails},
      {{{"if-match", "W/\"d41d8c-7\""}}, kFails, kFails, kFails},
      {{{"if-match", "\"other\""}}, kFails, kFails, kFails},
      {{{"if-match", "\"a,b\" , \"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-match", ",, \"x\",\"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-match", "\"x\""}, {"if-match", "\"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-match", "*"}}, kHolds, kHolds, kHolds},
      {{{"if-match", ""}}, kFails, kFails, kFails},
      {{{"if-match", "\"d41d8c-7"}}, kFails, kFails, kFails},
      {{{"if-match", "\"x\"d41d8c-7"}}, kFails, kFails, kFails},
      {{{"if-match", "\"D41D8C-7\""}}, kFails, kFails, kFails},

      {{{"if-none-match", "\"d41d8c-7\""}}, kNotModified, kNotModified, kHolds},
      {{{"if-none-match", "W/\"d41d8c-7\""}}, kNotModified, kNotModified, kHolds},
      {{{"if-none-match", "\"x\", W/\"y\""}}, kHolds, kHolds, kHolds},
      {{{"if-none-match", "*"}}, kNotModified, kNotModified, kNotModified},

      {{{"if-unmodified-since", kSame}}, kHolds, kHolds, kHolds},
      {{{"if-unmodified-since", kAfter}}, kHolds, kHolds, kHolds},
      {{{"if-unmodified-since", kBefore}}, kFails, kFails, kHolds},
      {{{"if-unmodified-since", "yesterday"}}, kHolds, kHolds, kHolds},
      {{{"if-unmodified-since", kBefore}, {"if-unmodified-since", kBefore}},
       kHolds,
       kHolds,
       kHolds},
      {{{"if-unmodified-since", "Monday, 04-Mar-24 05:06:06 GMT"}}, kFails, kFails, kHolds},
      {{{"if-unmodified-since", "Mon Mar  4 05:06:06 2024"}}, kFails, kFails, kHolds},
      {{{"if-unmodified-since", "Mon Mar  4 05:06:07 2024"}}, kHolds, kHolds, kHolds},
      {{{"if-unmodified-since", "Monday, 04-Mar-74 05:06:06 GMT"}}, kFails, kFails, kHolds},

      {{{"if-modified-since", kSame}}, kNotModified, kNotModified, kHolds},
      {{{"if-modified-since", kAfter}}, kNotModified, kNotModified, kHolds},
      {{{"if-modified-since", kBefore}}, kHolds, kHolds, kHolds},
      {{{"if-modified-since", "0"}}, kHolds, kHolds, kHolds},

      {{{"if-range", "\"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-range", "\"other\""}}, kFails, kFails, kFails},
      {{{"if-range", "W/\"d41d8c-7\""}}, kFails, kFails, kFails},
      {{{"if-range", "\"d41d8c-7\", \"d41d8c-7\""}}, kFails, kFails, kFails},
      {{{"if-range", "*"}}, kFails, kFails, kFails},
      {{{"if-range", kSame}}, kHolds, kHolds, kFails},
      {{{"if-range", kAfter}}, kFails, kFails, kFails},
      {{{"if-range", kBefore}}, kFails, kFails, kFails},
  };
  for (const Row& row : rows) {
    const net::Request request(net::Method::kGet, "/fetch/k/o", row.fields);
    const Preconditions conditions(request);
    const std::string_view what = row.fields.empty() ? "none" : row.fields.back().value;
    EXPECT_EQ(conditions.judge(kStrong), row.strong) << what;
    EXPECT_EQ(conditions.judge(kWeak), row.weak) << what;
    EXPECT_EQ(conditions.judge(kBare), row.bare) << what;
  }
}

TEST(Preconditions, TogetherInTheOrderOfTheStandard) {
  const Row rows[] = {
      // A date counts only without the list of tags.
      {{{"if-unmodified-since", kBefore}, {"if-match", "\"d41d8c-7\""}}, kHolds, kFails, kFails},
      {{{"if-modified-since", kSame}, {"if-none-match", "\"x\""}}, kHolds, kHolds, kHolds},
      // 412 comes before 304, 304 before If-Range.
      {{{"if-none-match", "*"}, {"if-match", "\"x\""}}, kFails, kFails, kFails},
      {{{"if-range", "\"x\""}, {"if-none-match", "*"}}, kNotModified, kNotModified, kNotModified},
      {{{"if-none-match", "\"x\""}, {"if-match", "*"}, {"if-range", kSame}},
       kHolds,
       kHolds,
       kFails},
  };
  for (const Row& row : rows) {
    const net::Request request(net::Method::kGet, "/fetch/k/o", row.fields);
    const Preconditions conditions(request);
    EXPECT_EQ(conditions.judge(kStrong), row.strong) << row.fields.back().value;
    EXPECT_EQ(conditions.judge(kWeak), row.weak) << row.fields.back().value;
    EXPECT_EQ(conditions.judge(kBare), row.bare) << row.fields.back().value;
  }
}

TEST(Preconditions, OnlyTheseFieldsAreSome) {
  for (const char* name :
       {"if-match", "if-none-match", "if-range", "if-modified-since", "if-unmodified-since"})
    EXPECT_TRUE(Preconditions::is_field(name)) << name;
  for (const char* name : {"if", "if-", "if-schedule-tag-match", "range", "x-if-match"})
    EXPECT_FALSE(Preconditions::is_field(name)) << name;
}

}  // namespace
}  // namespace cachey::api
