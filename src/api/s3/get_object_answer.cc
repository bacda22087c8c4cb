#include "api/s3/get_object_answer.h"

#include <string_view>

#include "api/s3/error_answer.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using cache::Verdict;

Known known_of(unsigned status) {
  switch (status) {
    case 304:
      return Known::kNotModified;
    case 412:
      return Known::kFails;
    case 416:
      return Known::kPastEnd;
    default:
      return Known::kServes;
  }
}

}  // namespace

GetObject::Judged GetObject::judge(const Answer& answer) {
  const ObjectInfo& version = answer.version();
  const Preconditions& conditions = answer.question.conditions;
  switch (conditions.judge(version)) {
    case Verdict::kFails:
      return {.status = 412};
    case Verdict::kNotModified:
      return {.status = 304, .range = {0, version.size}};
    case Verdict::kHolds:
      break;
  }
  if (answer.question.part != 0) return judge_part(answer);
  const AskedRange asked = conditions.range_holds(version) ? answer.question.range : AskedRange();
  const RangeVerdict verdict = s3::judge(asked, version.size);
  switch (verdict.answer) {
    case RangeVerdict::Answer::kWhole:
      return {.status = 200, .range = verdict.bytes};
    case RangeVerdict::Answer::kPart:
      return {.status = 206, .range = verdict.bytes};
    case RangeVerdict::Answer::kUnsatisfiable:
      break;
  }
  return {.status = 416};
}

/// The conditions hold.
GetObject::Judged GetObject::judge_part(const Answer& answer) {
  using Form = PartPlace::Form;
  const ObjectInfo& version = answer.version();
  const ByteRange all{0, version.size};
  if (version.size == 0) return {.status = answer.question.part == 1 ? 200u : 416u};
  if (!answer.place) return {.status = 206, .range = all, .needs_place = true};
  switch (answer.place->form) {
    case Form::kRange:
      return {.status = 206, .range = answer.place->range};
    case Form::kWhole:
      return {.status = 200, .range = all};
    case Form::kNone:
      return {.status = 416};
    case Form::kForeign:
      break;
  }
  return {.status = 206, .range = all, .is_foreign = true};
}

/// The request, as the rules of freshness see it.
FreshnessQuestion GetObject::freshness_of(const Answer& answer) {
  const ObjectQuestion& asked = answer.question;
  const bool head_may_do = asked.operation == Operation::kHeadObject || asked.part != 0 ||
                           asked.conditions.may_do_without_body();
  FreshnessQuestion question{.head_may_do = head_may_do, .age_max = asked.cache_control.age_max};
  if (answer.head.source == nullptr) {
    if (!answer.absence) return question;
    question.known = Known::kAbsent;
    question.age = answer.news_from - answer.absence->asked_at;
    return question;
  }
  question.known = known_of(judge(answer).status);
  if (question.known == Known::kServes && asked.conditions.names(answer.version()))
    question.known = Known::kServesNamed;
  if (answer.head.confirmed_at != cache::Head::kNever)
    question.age = answer.news_from - answer.head.confirmed_at;
  return question;
}

/// A HEAD wants the checksums of an object of which only answers about parts are known: S3 sends no
/// checksum with them. A GET is not worth the question.
bool GetObject::must_ask_for_checksums(const Answer& answer, const FreshnessQuestion& question) {
  const ObjectQuestion& asked = answer.question;
  if (!asked.checksums || asked.operation != Operation::kHeadObject || asked.part != 0)
    return false;
  const bool is_yes = question.known == Known::kServes || question.known == Known::kServesNamed;
  if (!is_yes || asked.good_for == GoodFor::ever()) return false;
  const ObjectAttributesPtr& known = answer.version().attributes;
  return known != nullptr && known->checksum_lines().empty() && !known->tells_checksums();
}

NextStep GetObject::next_step_of(const Answer& answer) {
  if (answer.changed) return {Step::kAsk};
  const FreshnessQuestion question = freshness_of(answer);
  if (!answer.settled) {
    const NextStep next = next_step(answer.question.good_for, question);
    return next.step == Step::kAnswer && must_ask_for_checksums(answer, question)
               ? NextStep{Step::kAsk, answer.question.good_for.time}
               : next;
  }
  const bool refuses = question.known == Known::kFails || question.known == Known::kPastEnd;
  return {refuses && question.age > 0ns ? Step::kAsk : Step::kAnswer};
}

/// The word of the first page: what the store sent is a miss, whatever was known of the version.
CacheWord GetObject::word_of(const Answer& answer) {
  return answer.fetched || answer.has_fetched() ? CacheWord::kMiss : answer.word;
}

/// Why the head's version is no answer.
Refusal GetObject::refusal_of(const Answer& answer, const Judged& judged) {
  const ObjectInfo& version = answer.version();
  if (judged.status == 412)
    return Refusal::precondition_failed(answer.question.conditions.failed_field(version));
  if (answer.question.part != 0)
    return Refusal::no_such_part(answer.question.part, parts_in_tag(version.etag).value_or(1));
  const std::string_view asked = answer.request.field("range").value_or("");
  return Refusal::range_not_satisfiable(asked, version.size);
}

}  // namespace cachey::api::s3
