#include "api/s3/get_object.h"

#include <utility>

#include "api/c0_status.h"
#include "api/object_body.h"
#include "api/s3/error_answer.h"
#include "api/s3/object_head.h"
#include "cache/object_look.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using cache::RangeReader;
using cache::Verdict;

/// The most steps of an answer that asks, opens or judges: enough for an object that changes twice
/// meanwhile.
constexpr int kStepsMax = 8;

/// The failure of a reader that may mean that the object is another one than its head says.
bool may_have_changed(const Error& error) {
  return error.kind() == ErrorKind::kChanged || error.kind() == ErrorKind::kRangeNotSatisfiable;
}

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

Revalidation revalidation_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kNotFound:
      return Revalidation::kGone;
    case ErrorKind::kDenied:
    case ErrorKind::kArchived:
      return Revalidation::kDenied;
    default:
      return Revalidation::kFailed;
  }
}

std::unexpected<Error> changes_too_often() {
  return cachey::fail(ErrorKind::kThrottled, "the object changed while it was read; ask again");
}

}  // namespace

/// What the request gets of the version in `head`.
struct GetObject::Judged {
  unsigned status = 200;  // 200, 206, 304, 412 or 416
  ByteRange range;        // with 200 and 206: the bytes of the answer, or that GET would have

  [[nodiscard]] bool is_error() const { return status >= 400; }
};

struct GetObject::Answer {
  rt::Worker& worker;
  const net::Request& request;
  net::ResponseWriter& writer;
  const ObjectQuestion& question;
  const MonoTime began;
  MonoTime news_from = began;               // an answer to a question since then is final
  cache::Head head{};                       // what the client is told; no source: not known yet
  std::optional<cache::Absence> absence{};  // if there is no head
  bool settled = false;  // the head needs no question, unless it refuses by old news
  bool changed = false;  // the head is not to be used: the store must be asked
  CacheWord word = CacheWord::kHit;
  bool fetched = false;  // a page, by a reader that was closed since
  bool trailers = false;
  bool opened = false;  // the reader is
  std::optional<RangeReader> reader{};

  [[nodiscard]] const cache::FetchSpec& spec() const { return *question.spec; }
  [[nodiscard]] const ObjectInfo& version() const { return head.source->info; }
  [[nodiscard]] bool wants_bytes(const Judged& judged) const {
    return question.operation == Operation::kGetObject && !judged.range.empty() &&
           judged.status < 300;
  }
  /// The store said so, in answer to a question sent at `asked_at`.
  void learn(ObjectSourcePtr source, MonoTime asked_at) {
    head = cache::Head{std::move(source), asked_at};
    changed = false;
  }
  /// What was learnt is old: the store must be asked from `now` on.
  void ask_again(MonoTime now) {
    close();
    changed = true;
    news_from = now;
  }
  void close() {
    fetched = fetched || has_fetched();
    reader.reset();
    opened = false;
  }
  /// The reader's first page was fetched for this request, or by a fill that the request joined.
  [[nodiscard]] bool has_fetched() const { return opened && !reader->hit(); }
  /// Nothing: the reader must wait.
  [[nodiscard]] std::optional<Result<void>> try_open(cache::Cache& cache, ByteRange range) {
    close();
    reader.emplace(cache, worker, question.spec, range, RangeReader::Use::kBody);
    std::optional<Result<void>> result = reader->try_open();
    opened = result && *result;
    return result;
  }
  /// The reader reads bytes of the head's version.
  [[nodiscard]] bool fits() const { return opened && reader->source().same_version(*head.source); }
};

GetObject::Judged GetObject::judge(const Answer& answer) {
  const ObjectInfo& version = answer.version();
  const Preconditions& conditions = answer.question.conditions;
  switch (conditions.judge(version)) {
    case Verdict::kFails:
      return {412, {}};
    case Verdict::kNotModified:
      return {304, {0, version.size}};
    case Verdict::kHolds:
      break;
  }
  const AskedRange asked = conditions.range_holds(version) ? answer.question.range : AskedRange();
  const RangeVerdict verdict = s3::judge(asked, version.size);
  switch (verdict.answer) {
    case RangeVerdict::Answer::kWhole:
      return {200, verdict.bytes};
    case RangeVerdict::Answer::kPart:
      return {206, verdict.bytes};
    case RangeVerdict::Answer::kUnsatisfiable:
      break;
  }
  return {416, {}};
}

/// The request, as the rules of freshness see it.
FreshnessQuestion GetObject::freshness_of(const Answer& answer) {
  const ObjectQuestion& asked = answer.question;
  FreshnessQuestion question{.head_may_do = asked.operation == Operation::kHeadObject ||
                                            asked.conditions.may_do_without_body(),
                             .revalidate = asked.revalidate};
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

NextStep GetObject::next_step_of(const Answer& answer) {
  if (answer.changed) return {Step::kAsk};
  const FreshnessQuestion question = freshness_of(answer);
  if (!answer.settled) return next_step(answer.question.good_for, question);
  const bool refuses = question.known == Known::kFails || question.known == Known::kPastEnd;
  return {refuses && question.age > 0ns ? Step::kAsk : Step::kAnswer};
}

/// The frame must stay small, because Asio recycles only small frames: an answer that waits has a
/// coroutine of its own.
rt::Task<void> GetObject::answer(rt::Worker& worker, const net::Request& request,
                                 net::ResponseWriter& writer, ObjectQuestion question) {
  Answer answer{worker, request, writer, question, cache_.clock().mono()};
  const std::optional<Judged> judged = try_prepare(answer);
  if (judged) {
    co_await send(answer, *judged);
  } else {
    co_await answer_later(answer);
  }
}

rt::Task<void> GetObject::answer_later(Answer& answer) {
  Result<Judged> prepared = co_await prepare(answer);
  if (prepared) {
    co_await send(answer, *prepared);
  } else {
    co_await fail(answer, std::move(prepared.error()));
  }
}

/// Finds the answer without waiting. Nothing: prepare() must.
std::optional<GetObject::Judged> GetObject::try_prepare(Answer& answer) {
  answer.head = cache_.known_head(answer.worker, answer.spec(), answer.question.hash);
  if (answer.head.source == nullptr) {
    answer.absence = cache_.fills().known_absence(answer.spec());
    return std::nullopt;
  }
  if (next_step_of(answer).step != Step::kAnswer) return std::nullopt;
  const Judged judged = judge(answer);
  if (!answer.wants_bytes(judged)) return judged;
  const std::optional<Result<void>> opened = answer.try_open(cache_, judged.range);
  if (!opened || !*opened || !answer.fits()) return std::nullopt;
  return judged;
}

/// Asks, opens and judges until head and bytes are of one version that may answer.
rt::Task<Result<GetObject::Judged>> GetObject::prepare(Answer& answer) {
  for (int steps = 0; steps < kStepsMax; ++steps) {
    const NextStep next = next_step_of(answer);
    if (next.step != Step::kAnswer) {
      Result<void> found;
      if (next.step == Step::kOpen) found = co_await open_unknown(answer);
      if (next.step == Step::kAsk) found = co_await ask(answer, next.question_age_max);
      if (!found) co_return std::unexpected(std::move(found.error()));
      continue;
    }
    if (answer.head.source == nullptr) co_return std::unexpected(std::move(answer.absence->error));
    const Judged judged = judge(answer);
    if (!answer.wants_bytes(judged)) co_return judged;
    Result<void> opened = co_await open(answer, judged.range);
    if (opened && answer.fits()) co_return judged;
    if (opened && answer.reader->asked_at() > answer.head.confirmed_at) {
      answer.learn(answer.reader->shared_source(), answer.reader->asked_at());
    } else if (opened || may_have_changed(opened.error())) {
      answer.ask_again(cache_.clock().mono());
    } else {
      co_return std::unexpected(std::move(opened.error()));
    }
  }
  co_return changes_too_often();
}

/// Opens the object, of which nothing is known: the page that comes says what there is.
rt::Task<Result<void>> GetObject::open_unknown(Answer& answer) {
  const AskedRange& asked = answer.question.range;
  if (asked.form == AskedRange::Form::kTail) co_return co_await fetch_tail(answer);
  const bool whole = asked.form == AskedRange::Form::kWhole;
  const ByteRange wanted = whole ? ByteRange{0, kObjectBytesMax} : asked.of_unknown_size();
  Result<void> opened = co_await open(answer, wanted);
  if (opened) {
    answer.learn(answer.reader->shared_source(), answer.reader->asked_at());
    // Pages of an old disk know no attributes.
    const bool old_news = answer.head.confirmed_at < answer.news_from;
    answer.changed = old_news && answer.version().attributes == nullptr;
    co_return opened;
  }
  answer.close();
  // An empty object has no byte, and the store's refusal need not name the size.
  if (may_have_changed(opened.error())) co_return co_await ask(answer, 0ns);
  co_return opened;
}

/// Fetches the tail that the request asks for; the answer says where it begins.
rt::Task<Result<void>> GetObject::fetch_tail(Answer& answer) {
  const uint64_t bytes = answer.question.range.tail_bytes;
  if (bytes == 0) co_return co_await ask(answer, 0ns);
  const rt::Until until{MonoTime::max(), answer.writer.client_left()};
  Result<ObjectSourcePtr> seen = co_await cache::fetch_tail(
      cache_, answer.worker, answer.question.spec, bytes, answer.news_from, until);
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  answer.learn(std::move(*seen), answer.news_from);
  answer.settled = true;
  answer.fetched = true;
  co_return Result<void>();
}

/// Opens the reader at `range`, unless it is open there.
rt::Task<Result<void>> GetObject::open(Answer& answer, ByteRange range) {
  if (answer.opened && answer.reader->range() == range) co_return Result<void>();
  std::optional<Result<void>> opened = answer.try_open(cache_, range);
  if (!opened) opened = co_await answer.reader->open(answer.writer.client_left());
  answer.opened = opened->has_value();
  co_return std::move(*opened);
}

/// Asks the store for the object's version and attributes, which decide from then on. A question
/// that was sent at most `age_max` before the request is as good.
rt::Task<Result<void>> GetObject::ask(Answer& answer, std::chrono::nanoseconds age_max) {
  const QuestionTerms terms{answer.news_from, age_max, can_be_stale(answer)};
  Result<cache::Head> seen = co_await questions_.ask(answer.worker, answer.question.spec, terms,
                                                     answer.writer.client_left());
  if (!seen) co_return take_failure(answer, std::move(seen.error()));
  const bool known = answer.head.source != nullptr;
  const bool same = known && answer.head.source->same_version(*seen->source);
  if (known) metrics_.revalidated(same ? Revalidation::kSame : Revalidation::kChanged);
  answer.word = same ? CacheWord::kRevalidated : CacheWord::kMiss;
  answer.learn(std::move(seen->source), seen->confirmed_at);
  answer.settled = true;
  co_return Result<void>();
}

/// What is known answers if the store does not.
bool GetObject::can_be_stale(const Answer& answer) const {
  return answer.head.source != nullptr && !answer.changed &&
         may_be_stale(answer.question.good_for, freshness_of(answer), stale_max_);
}

/// The store did not say what there is. Success: what is known answers.
Result<void> GetObject::take_failure(Answer& answer, Error error) {
  if (is_outage(error) && can_be_stale(answer)) {
    metrics_.revalidated(Revalidation::kStale);
    answer.word = CacheWord::kStale;
    answer.settled = true;
    return {};
  }
  if (answer.head.source != nullptr) metrics_.revalidated(revalidation_of(error));
  return std::unexpected(std::move(error));
}

/// The word of the first page: what the store sent is a miss, whatever was known of the version.
CacheWord GetObject::word_of(const Answer& answer) {
  return answer.fetched || answer.has_fetched() ? CacheWord::kMiss : answer.word;
}

rt::Task<void> GetObject::send(Answer& answer, Judged judged) {
  const ObjectAttributesPtr& attributes = answer.version().attributes;
  if (judged.is_error() || (attributes != nullptr && attributes->too_large())) {
    co_await refuse(answer, refusal_of(answer, judged));
    co_return;
  }
  start(answer, judged);
  if (answer.wants_bytes(judged)) {
    ObjectBody body{*answer.reader, answer.writer, egress_, cache_.clock()};
    const bool sent = co_await send_body(body);
    count_body(answer, body);
    if (!sent) co_return;
  }
  const C0StatusTrailers trailers =
      answer.trailers ? C0StatusTrailers(*answer.reader) : C0StatusTrailers();
  const bool sent = co_await answer.writer.finish(trailers.fields());
  const Ended well = judged.status == 304 ? Ended::kNotModified : Ended::kOk;
  metrics_.ended(answer.question.operation, sent ? well : Ended::kClientLeft);
}

/// Sends the head, and counts and notes what X-Cache says.
void GetObject::start(Answer& answer, const Judged& judged) {
  answer.word = word_of(answer);
  const bool more_pages = answer.spec().page_size.pages_of(judged.range) > 1;
  answer.trailers = answer.opened && more_pages && !plain_ && answer.request.asks_for_trailers();
  if (answer.trailers) answer.reader->keep_statuses();
  metrics_.answered(answer.word);
  if (answer.request.notes() != nullptr) answer.request.notes()->cache = to_string(answer.word);
  start_object(answer.writer, ObjectHead{.status = judged.status,
                                         .source = *answer.head.source,
                                         .range = judged.range,
                                         .question = answer.question,
                                         .word = answer.word,
                                         .reader = answer.opened ? &*answer.reader : nullptr,
                                         .plain = plain_,
                                         .trailers = answer.trailers});
}

/// The body is whole, or broke off.
void GetObject::count_body(const Answer& answer, const ObjectBody& body) const {
  if (body.first_bytes) metrics_.first_bytes(answer.word, *body.first_bytes - answer.began);
  if (answer.reader->at_end()) return;
  metrics_.ended(answer.question.operation, body.failure ? Ended::kBrokenOff : Ended::kClientLeft);
}

/// Why the head's version is no answer.
Refusal GetObject::refusal_of(const Answer& answer, const Judged& judged) {
  const ObjectInfo& version = answer.version();
  if (judged.status == 412)
    return Refusal::precondition_failed(answer.question.conditions.failed_field(version));
  if (judged.status == 416) {
    const std::string_view asked = answer.request.field("range").value_or("");
    return Refusal::range_not_satisfiable(asked, version.size);
  }
  Refusal refusal = Refusal::of("NotImplemented");
  refusal.message = "the object has more than 8 KiB of metadata; read it from the store itself";
  return refusal;
}

/// No head was sent.
rt::Task<void> GetObject::refuse(Answer& answer, Refusal refusal) {
  const cache::ObjectKey& key = answer.spec().key;
  metrics_.refused(answer.question.operation, refusal.code->code);
  const RefusedRequest refused{.request = answer.request,
                               .bucket = key.kind,
                               .key = key.object,
                               .request_id = answer.spec().request_id,
                               .host_id = kHostId};
  co_await s3::refuse(answer.writer, std::move(refusal), refused);
}

rt::Task<void> GetObject::fail(Answer& answer, Error error) {
  if (client_left(error, answer.writer)) {
    metrics_.ended(answer.question.operation, Ended::kClientLeft);
    answer.writer.abort();
    co_return;
  }
  co_await refuse(answer, Refusal::of(error));
}

}  // namespace cachey::api::s3
