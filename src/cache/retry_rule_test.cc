#include "cache/retry_rule.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::cache {
namespace {

constexpr PageFailure joined(ErrorKind error, int tries = 0) {
  return {.error = error, .role = PageRole::kJoined, .tries = tries};
}
constexpr PageFailure own(ErrorKind error) {
  return {.error = error, .role = PageRole::kStarted, .tries = 0};
}
constexpr PageFailure ahead(ErrorKind error) {
  return {.error = error, .role = PageRole::kStarted, .ahead = true, .tries = 0};
}
constexpr PageFailure other_terms(ErrorKind error, int tries = 0) {
  return {.error = error, .role = PageRole::kJoined, .other_terms = true, .tries = tries};
}
constexpr PageFailure asked_behind(ErrorKind error, int tries = 0) {
  return {.error = error, .role = PageRole::kJoined, .asked_behind = true, .tries = tries};
}

constexpr PageFailure old_news(ErrorKind error, int tries = 0) {
  return {.error = error, .role = PageRole::kJoined, .old_news = true, .tries = tries};
}

constexpr PageFailure hurried(PageRole role, int tries = 0) {
  return {.error = ErrorKind::kUpstream, .role = role, .hurried = true, .tries = tries};
}

constexpr PageFailure not_given(int tries) {
  return {.role = PageRole::kHit, .not_given = true, .tries = tries};
}

constexpr PageFailure after_bytes(PageFailure failure) {
  failure.bytes_taken = true;
  return failure;
}

struct Row {
  const char* what;
  PageFailure failure;
  bool again;
};

TEST(RetryRule, EachRow) {
  using enum ErrorKind;
  const Row rows[] = {
      {"its own fill failed", own(kUpstream), false},
      {"joined, and nobody asked why it is not there",
       {.error = kNotFound, .role = PageRole::kJoined, .unexplained = true},
       true},
      {"its own fill's time was up", own(kTimeout), false},
      {"its own fill had no memory", own(kOverloaded), false},
      {"joined, on the same terms", joined(kUpstream), false},
      {"joined, and the object is not there", joined(kNotFound), false},

      {"joined, and the fill was hurried", hurried(PageRole::kJoined), true},
      {"its own fill was hurried", hurried(PageRole::kStarted, kTriesMax - 1), true},
      {"its own fill was hurried, 4 tries", hurried(PageRole::kStarted, kTriesMax), false},

      {"joined, on other terms", other_terms(kUpstream), true},
      {"joined, on other terms, not there", other_terms(kNotFound), true},
      {"joined, on other terms, 3 tries", other_terms(kNotFound, kTriesMax - 1), true},
      {"joined, on other terms, 4 tries", other_terms(kNotFound, kTriesMax), false},

      {"the leader asked past the end", asked_behind(kRangeNotSatisfiable), true},
      {"... 3 tries", asked_behind(kRangeNotSatisfiable, kTriesMax - 1), true},
      {"... 4 tries", asked_behind(kRangeNotSatisfiable, kTriesMax), false},
      {"the whole page is past the end", joined(kRangeNotSatisfiable), false},
      {"the leader began at its byte and failed", asked_behind(kUpstream), false},

      {"not there, when the leader asked before the reader came", old_news(kNotFound), true},
      {"past the end then", old_news(kRangeNotSatisfiable), true},
      {"... 3 tries", old_news(kNotFound, kTriesMax - 1), true},
      {"... 4 tries", old_news(kNotFound, kTriesMax), false},
      {"failed then", old_news(kUpstream), false},

      {"the leader's answer was late", joined(kTimeout), true},
      {"the leader's turn or memory was late", joined(kOverloaded), true},
      {"... for the second time", joined(kTimeout, 1), false},
      {"... for the second time", joined(kOverloaded, 1), false},

      {"ahead: overloaded", ahead(kOverloaded), true},
      {"ahead: throttled", ahead(kThrottled), true},
      {"ahead: timeout", ahead(kTimeout), true},
      {"ahead: upstream", ahead(kUpstream), true},
      {"ahead: past the end", ahead(kRangeNotSatisfiable), true},
      {"ahead: not there", ahead(kNotFound), false},
      {"ahead: denied", ahead(kDenied), false},
      {"ahead: changed", ahead(kChanged), false},

      {"the disk did not give the bytes", not_given(0), true},
      {"... 3 tries", not_given(kTriesMax - 1), true},
      {"... 4 tries", not_given(kTriesMax), false},

      {"damaged, before any byte was taken", other_terms(kDamaged), true},
      {"damaged, bytes were taken", after_bytes(other_terms(kDamaged)), false},
      {"a body broke off, bytes were taken", after_bytes(other_terms(kUpstream)), true},
  };
  for (const Row& row : rows) EXPECT_EQ(may_try_again(row.failure), row.again) << row.what;
}

}  // namespace
}  // namespace cachey::cache
