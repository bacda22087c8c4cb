#include "api/s3/freshness.h"

#include <algorithm>

#include "base/ascii.h"
#include "origin/finality.h"

namespace cachey::api::s3 {
namespace {

constexpr std::chrono::nanoseconds kNone{0};

bool is_fresh(GoodFor good_for, const FreshnessQuestion& question) {
  return question.age && *question.age < good_for.time;
}

}  // namespace

NextStep next_step(GoodFor good_for, const FreshnessQuestion& question) {
  if (question.known == Known::kNothing) {
    return {question.head_may_do ? Step::kAsk : Step::kOpen, kNone};
  }
  const bool is_final = question.age && *question.age <= kNone;
  if (is_final) return {Step::kAnswer, kNone};
  if (question.revalidate || good_for == GoodFor::one_request()) return {Step::kAsk, kNone};
  if (good_for == GoodFor::ever()) return {Step::kAnswer, kNone};
  switch (question.known) {
    case Known::kServesNamed:
      return {Step::kAnswer, kNone};
    case Known::kServes:
    case Known::kNotModified:
      if (is_fresh(good_for, question)) return {Step::kAnswer, kNone};
      return {Step::kAsk, good_for.time};
    case Known::kAbsent:
      return {is_fresh(good_for, question) ? Step::kAnswer : Step::kAsk, kNone};
    case Known::kNothing:
    case Known::kFails:
    case Known::kPastEnd:
      break;
  }
  return {Step::kAsk, kNone};
}

bool may_be_stale(GoodFor good_for, const FreshnessQuestion& question,
                  std::chrono::nanoseconds stale_max) {
  const bool is_yes = question.known == Known::kServes || question.known == Known::kServesNamed ||
                      question.known == Known::kNotModified;
  if (!is_yes || question.revalidate || !question.age) return false;
  return good_for == GoodFor::ever() || *question.age < good_for.time + stale_max;
}

bool is_outage(const Error& error) {
  return origin::is_store_failure(error.kind()) || error.kind() == ErrorKind::kOverloaded;
}

bool asks_to_revalidate(std::string_view cache_control) {
  while (!cache_control.empty()) {
    const size_t size = std::min(cache_control.find(','), cache_control.size());
    const std::string word = lower_case(trimmed(cache_control.substr(0, size)));
    if (word == "no-cache" || word == "no-store" || word == "max-age=0" || word == "max-age=\"0\"")
      return true;
    cache_control.remove_prefix(std::min(cache_control.size(), size + 1));
  }
  return false;
}

}  // namespace cachey::api::s3
