#include "api/s3/freshness.h"

#include <algorithm>

#include "origin/finality.h"

namespace cachey::api::s3 {
namespace {

constexpr std::chrono::nanoseconds kNone{0};

/// The client does not take an answer of this age.
bool is_too_old(const FreshnessQuestion& question) {
  return question.age_max && (!question.age || *question.age > *question.age_max);
}

/// A yes of this age needs no question.
bool is_fresh(GoodFor good_for, const FreshnessQuestion& question) {
  if (is_too_old(question)) return false;
  return good_for == GoodFor::ever() || (question.age && *question.age < good_for.time);
}

/// How long before the request a question may have been sent that brings a yes.
std::chrono::nanoseconds question_age_max(GoodFor good_for, const FreshnessQuestion& question) {
  const auto good = std::min(good_for.time, GoodFor::kMax);
  return question.age_max ? std::min<std::chrono::nanoseconds>(*question.age_max, good) : good;
}

}  // namespace

NextStep next_step(GoodFor good_for, const FreshnessQuestion& question) {
  if (question.known == Known::kNothing) {
    return {question.head_may_do ? Step::kAsk : Step::kOpen, kNone};
  }
  const bool is_final = question.age && *question.age <= kNone;
  if (is_final) return {Step::kAnswer, kNone};
  if (good_for == GoodFor::one_request()) return {Step::kAsk, kNone};
  const bool good_for_ever = good_for == GoodFor::ever() && !is_too_old(question);
  if (good_for_ever) return {Step::kAnswer, kNone};
  switch (question.known) {
    case Known::kServesNamed:
      if (!is_too_old(question)) return {Step::kAnswer, kNone};
      return {Step::kAsk, question_age_max(good_for, question)};
    case Known::kServes:
    case Known::kNotModified:
      if (is_fresh(good_for, question)) return {Step::kAnswer, kNone};
      return {Step::kAsk, question_age_max(good_for, question)};
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
  if (!is_yes || !question.age || is_too_old(question)) return false;
  return good_for == GoodFor::ever() || *question.age < good_for.time + stale_max;
}

bool is_outage(const Error& error) {
  return origin::is_store_failure(error.kind()) || error.kind() == ErrorKind::kOverloaded;
}

}  // namespace cachey::api::s3
