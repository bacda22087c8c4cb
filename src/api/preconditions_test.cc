#include "api/preconditions.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
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

/// S3's answers to all combinations, as versitygw's GetObject_conditional_reads has them. Each row
/// has three groups of three letters. The group says If-Modified-Since: before, after, none. The
/// letter in the group says If-Unmodified-Since: before, after, none. F: failed; N: not modified;
/// a dot: answered.
TEST(Preconditions, AllCombinationsAsS3AnswersThem) {
  const char* const kTag = "\"d41d8c-7\"";
  const char* const kTrimmed = "d41d8c-7";
  const char* const kOther = "invalid_etag";
  const char* const kNone = nullptr;
  const struct {
    const char* if_match;
    const char* if_none_match;
    std::string_view outcomes;
  } groups[] = {
      {kOther, kOther, "FFFFFFFFF"},
      {kOther, kTag, "FFFFFFFFF"},
      {kOther, kNone, "FFFFFFFFF"},
      {kTag, kOther, "........."},
      {kTag, kTag, "NNNNNNNNN"},
      {kTag, kNone, "...NNN..."},
      {kNone, kOther, "F..F..F.."},
      {kNone, kTag, "FNNFNNFNN"},
      {kNone, kNone, "F..FNNF.."},
      {kTrimmed, kOther, "........."},
      {kTrimmed, kTrimmed, "NNNNNNNNN"},
      {kTrimmed, kNone, "...NNN..."},
      {kNone, kTrimmed, "FNNFNNFNN"},
      // Not there, by the same rules:
      {"*", kOther, "........."},
      {"*", kTag, "NNNNNNNNN"},
      {"*", "*", "NNNNNNNNN"},
      {"*", kNone, "...NNN..."},
      {kOther, "*", "FFFFFFFFF"},
      {kNone, "*", "FNNFNNFNN"},
  };
  const char* const dates[] = {kBefore, kAfter, nullptr};
  for (const auto& group : groups) {
    for (size_t i = 0; i < 9; ++i) {
      std::vector<net::Field> fields;
      const auto add = [&fields](const char* name, const char* value) {
        if (value != nullptr) fields.push_back({name, value});
      };
      add("if-modified-since", dates[i / 3]);
      add("if-unmodified-since", dates[i % 3]);
      add("if-none-match", group.if_none_match);
      add("if-match", group.if_match);
      const net::Request request(net::Method::kGet, "/b/k", fields);
      const Preconditions conditions(request);
      const char outcome = group.outcomes[i];
      const Verdict expected = outcome == 'F' ? kFails : outcome == 'N' ? kNotModified : kHolds;
      const std::string what = std::string(group.if_match == nullptr ? "-" : group.if_match) + " " +
                               (group.if_none_match == nullptr ? "-" : group.if_none_match) + " " +
                               std::to_string(i);
      EXPECT_EQ(conditions.judge(kStrong), expected) << what;
      EXPECT_EQ(conditions.empty(), fields.empty()) << what;
      EXPECT_EQ(conditions.failed_field(kStrong).empty(), expected != kFails) << what;
    }
  }
}

TEST(Preconditions, TheFailedFieldHasS3sName) {
  const auto failed = [](std::vector<net::Field> fields) {
    const net::Request request(net::Method::kGet, "/b/k", std::move(fields));
    return std::string(Preconditions(request).failed_field(kStrong));
  };
  EXPECT_EQ(failed({{"if-match", "x"}, {"if-unmodified-since", kBefore}}), "If-Match");
  EXPECT_EQ(failed({{"if-unmodified-since", kBefore}}), "If-Unmodified-Since");
  EXPECT_EQ(failed({{"if-none-match", "*"}, {"if-range", "x"}}), "");
}

// A client that asks for a version by its tag may have that version however old the news is.
TEST(Preconditions, OnlyATagOfIfMatchNamesAVersion) {
  const auto names = [](std::vector<net::Field> fields, const ObjectInfo& version = kStrong) {
    const net::Request request(net::Method::kGet, "/b/k", std::move(fields));
    return Preconditions(request).names(version);
  };
  EXPECT_TRUE(names({{"if-match", "\"d41d8c-7\""}}));
  EXPECT_TRUE(names({{"if-match", "d41d8c-7"}}));
  EXPECT_TRUE(names({{"if-match", "*"}, {"if-match", "\"x\", \"d41d8c-7\""}}));
  EXPECT_FALSE(names({}));
  EXPECT_FALSE(names({{"if-match", "*"}}));
  EXPECT_FALSE(names({{"if-match", "\"x\""}}));
  EXPECT_FALSE(names({{"if-match", ""}}));
  EXPECT_FALSE(names({{"if-none-match", "\"d41d8c-7\""}}));
  EXPECT_FALSE(names({{"if-match", "W/\"d41d8c-7\""}}));
  EXPECT_FALSE(names({{"if-match", "\"d41d8c-7\""}}, kWeak));
  EXPECT_FALSE(names({{"if-match", "*"}}, kBare));
  EXPECT_FALSE(names({{"if-match", ""}}, kBare));
}

TEST(Preconditions, AnIfRangeCanVoidTheRangeInstead) {
  const struct {
    std::vector<net::Field> fields;
    bool holds;
  } rows[] = {
      {{}, true},
      {{{"if-range", "\"d41d8c-7\""}}, true},
      {{{"if-range", "d41d8c-7"}}, true},
      {{{"if-range", kSame}}, true},
      {{{"if-range", "\"x\""}}, false},
      {{{"if-range", ""}}, false},
      {{{"if-range", "*"}}, false},
      {{{"if-range", "W/\"d41d8c-7\""}}, false},
      {{{"if-range", kAfter}}, false},
      {{{"if-range", kBefore}}, false},
      {{{"if-range", "\"d41d8c-7\""}, {"if-range", "\"d41d8c-7\""}}, false},
  };
  for (const auto& row : rows) {
    const net::Request request(net::Method::kGet, "/b/k", row.fields);
    const Preconditions conditions(request, Preconditions::IfRange::kVoidsRange);
    const std::string_view what = row.fields.empty() ? "none" : row.fields.back().value;
    EXPECT_EQ(conditions.range_holds(kStrong), row.holds) << what;
    EXPECT_EQ(conditions.judge(kStrong), kHolds) << what;
    EXPECT_EQ(conditions.empty(), row.fields.empty()) << what;
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
