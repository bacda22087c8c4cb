#include "api/s3/get_object.h"

#include <memory>
#include <span>
#include <utility>

#include "api/c0_status.h"
#include "api/object_body.h"
#include "api/s3/error_answer.h"
#include "api/s3/get_object_answer.h"
#include "api/s3/object_head.h"
#include "base/check.h"
#include "cache/object_look.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;

/// The most steps of an answer that asks, opens or judges: enough for an object that changes twice
/// meanwhile.
constexpr int kStepsMax = 8;

/// The failure of a reader that may mean that the object is another one than its head says.
bool may_have_changed(const Error& error) {
  return error.kind() == ErrorKind::kChanged || error.kind() == ErrorKind::kRangeNotSatisfiable;
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

Error not_cached(const cache::FetchSpec& spec) {
  return spec.wishes.not_cached("only-if-cached: the store must be asked first");
}

}  // namespace

/// On the heap, so that only an answer that waits costs a coroutine.
struct GetObject::Held {
  Held(rt::Worker& worker, const net::Request& request, net::ResponseWriter& writer,
       ObjectQuestion&& asked, MonoTime now)
      : question(std::move(asked)), answer{worker, request, writer, question, now} {}

  const ObjectQuestion question;
  Answer answer;
};

rt::Task<void> GetObject::answer(rt::Worker& worker, const net::Request& request,
                                 net::ResponseWriter& writer, ObjectQuestion question) {
  auto held =
      std::make_unique<Held>(worker, request, writer, std::move(question), cache_.clock().mono());
  Answer& answer = held->answer;
  const std::optional<Judged> judged = try_prepare(answer);
  if (!judged) return answer_later(std::move(held));
  if (!is_plain(answer, *judged)) return answer_prepared(std::move(held), *judged);
  if (!try_send(answer, *judged)) return send_rest(std::move(held), *judged);
  count_use(answer);
  return {};
}

void GetObject::count_use(const Answer& answer) const {
  const bool open_hit = answer.opened && answer.reader->hit();
  const bool miss = answer.fetched || (answer.reader && !open_hit);
  accounts_.count(answer.worker, answer.spec().client,
                  {.miss = miss,
                   .limited = answer.limited,
                   .bytes = answer.reader ? answer.reader->sent_bytes() : 0});
}

rt::Task<void> GetObject::answer_later(HeldPtr held) {
  Answer& answer = held->answer;
  Result<Judged> prepared = co_await prepare(answer);
  if (prepared) {
    co_await answer_prepared(std::move(held), *prepared);
    co_return;
  }
  co_await fail(answer, std::move(prepared.error()));
  count_use(answer);
}

rt::Task<void> GetObject::answer_prepared(HeldPtr held, Judged judged) {
  Answer& answer = held->answer;
  if (!is_plain(answer, judged)) {
    co_await send_other(answer, judged);
  } else if (!try_send(answer, judged)) {
    co_await send_rest(std::move(held), judged);
    co_return;
  }
  count_use(answer);
}

/// Finds the answer without waiting. Nothing: prepare() must.
std::optional<GetObject::Judged> GetObject::try_prepare(Answer& answer) {
  answer.head = cache_.known_head(answer.worker, answer.spec(), answer.question.hash);
  if (answer.head.source == nullptr) {
    answer.absence = cache_.fills().known_absence(answer.spec());
    return std::nullopt;
  }
  look_up_place(answer);
  if (next_step_of(answer).step != Step::kAnswer) return std::nullopt;
  const Judged judged = judge(answer);
  if (judged.needs_place) return std::nullopt;
  if (!answer.wants_bytes(judged)) return judged;
  const std::optional<Result<void>> opened = answer.try_open(cache_, judged.range);
  if (!opened || !*opened || !answer.fits()) return std::nullopt;
  return judged;
}

/// Asks, opens and judges until head and bytes are of one version that may answer.
rt::Task<Result<GetObject::Judged>> GetObject::prepare(Answer& answer) {
  for (int steps = 0; steps < kStepsMax; ++steps) {
    look_up_place(answer);
    const NextStep next = next_step_of(answer);
    if (next.step != Step::kAnswer) {
      if (answer.spec().wishes.only_if_cached) co_return std::unexpected(not_cached(answer.spec()));
      Result<void> found;
      if (next.step == Step::kOpen) found = co_await open_unknown(answer);
      if (next.step == Step::kAsk) found = co_await ask(answer, next.question_age_max);
      if (!found) co_return std::unexpected(std::move(found.error()));
      continue;
    }
    if (answer.head.source == nullptr) co_return std::unexpected(std::move(answer.absence->error));
    const Judged judged = judge(answer);
    if (judged.needs_place) {
      Result<void> placed = co_await ask_for_place(answer);
      if (!placed) co_return std::unexpected(std::move(placed.error()));
      // The store has just said so.
      if (answer.place && answer.place->form == PartPlace::Form::kNone) co_return judge(answer);
      continue;
    }
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

/// Finds the part that the request asks for, if that needs no question.
void GetObject::look_up_place(Answer& answer) {
  const uint32_t part = answer.question.part;
  if (part == 0 || answer.place || answer.head.source == nullptr) return;
  if (answer.version().size == 0) return;
  answer.place = parts_.find(*answer.head.source, answer.spec().key.object, part);
}

/// Asks the store where the part is. If that is a part of another version, what is known is old;
/// if it is again, the store alone knows the part (replicas differ in their tags).
rt::Task<Result<void>> GetObject::ask_for_place(Answer& answer) {
  if (answer.spec().wishes.only_if_cached) co_return std::unexpected(not_cached(answer.spec()));
  PartQuestion question{.spec = answer.question.spec,
                        .version = answer.head.source,
                        .number = answer.question.part,
                        .news_from = answer.news_from,
                        .client_left = answer.writer.client_left()};
  Result<PartPlace> place = co_await parts_.ask(answer.worker, std::move(question));
  if (place) {
    answer.place = *place;
    if (answer.word == CacheWord::kHit) answer.word = CacheWord::kRevalidated;
  } else if (place.error().kind() != ErrorKind::kChanged) {
    co_return std::unexpected(std::move(place.error()));
  } else if (std::exchange(answer.misplaced, true)) {
    answer.place = PartPlace{PartPlace::Form::kForeign};
  } else {
    answer.ask_again(cache_.clock().mono());
  }
  co_return Result<void>();
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

/// The answer has the object's head, and no refusal or answer of the store.
bool GetObject::is_plain(const Answer& answer, const Judged& judged) {
  const ObjectAttributesPtr& attributes = answer.version().attributes;
  const bool too_large = attributes != nullptr && attributes->too_large();
  return !judged.is_error() && !judged.is_foreign && !too_large;
}

/// Sends what needs no wait. True: all of the answer. False: send_rest() must go on.
bool GetObject::try_send(Answer& answer, const Judged& judged) {
  start(answer, judged);
  if (answer.wants_bytes(judged)) {
    answer.body.emplace(*answer.reader, answer.writer, egress_, cache_.clock());
    if (!try_send_body(*answer.body)) return false;
  }
  if (answer.trailers) return false;
  const std::optional<bool> sent = answer.writer.try_finish(std::span<const net::Field>());
  if (!sent) return false;
  if (answer.body) count_body(answer, true);
  count_end(answer, judged, *sent);
  return true;
}

rt::Task<void> GetObject::send_rest(HeldPtr held, Judged judged) {
  Answer& answer = held->answer;
  bool sent = true;
  if (answer.body) {
    sent = co_await send_body(*answer.body);
    count_body(answer, sent);
  }
  if (sent) {
    const C0StatusTrailers trailers =
        answer.trailers ? C0StatusTrailers(*answer.reader) : C0StatusTrailers();
    const bool finished = co_await answer.writer.finish(trailers.fields());
    count_end(answer, judged, finished);
  }
  count_use(answer);
}

/// `sent`: the client has all of the answer.
void GetObject::count_end(const Answer& answer, const Judged& judged, bool sent) {
  const Ended well = judged.status == 304 ? Ended::kNotModified : Ended::kOk;
  metrics_.ended(answer.question.operation, sent ? well : Ended::kClientLeft);
}

/// A refusal, or what only the store can answer.
rt::Task<void> GetObject::send_other(Answer& answer, Judged judged) {
  if (judged.is_error()) {
    co_await refuse(answer, refusal_of(answer, judged));
  } else {
    co_await pass(answer);
  }
}

/// Sends the head, and counts and notes what X-Cache says.
void GetObject::start(Answer& answer, const Judged& judged) {
  answer.word = word_of(answer);
  const bool more_pages = answer.spec().page_size.pages_of(judged.range) > 1;
  answer.trailers = answer.opened && more_pages && !plain_ && answer.request.asks_for_trailers();
  if (answer.trailers) answer.reader->keep_statuses();
  metrics_.answered(answer.word);
  if (net::RequestNotes* const notes = answer.request.notes(); notes != nullptr) {
    notes->cache = to_string(answer.word);
    if (answer.opened) notes->tier = to_string(answer.reader->tier());
  }
  start_object(answer.writer, ObjectHead{.status = judged.status,
                                         .source = *answer.head.source,
                                         .range = judged.range,
                                         .question = answer.question,
                                         .word = answer.word,
                                         .reader = answer.opened ? &*answer.reader : nullptr,
                                         .parts_count = answer.place ? answer.place->count : 0,
                                         .plain = plain_,
                                         .trailers = answer.trailers});
}

/// The body is whole, or broke off.
void GetObject::count_body(const Answer& answer, bool sent) const {
  const ObjectBody& body = *answer.body;
  metrics_.body_ended(answer.word, body.times, sent, answer.began, answer.reader->tier());
  if (body.failure && answer.request.notes() != nullptr)
    answer.request.notes()->error = to_string(body.failure->kind());
  if (answer.reader->at_end()) return;
  metrics_.ended(answer.question.operation, body.failure ? Ended::kBrokenOff : Ended::kClientLeft);
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

/// The object has more attributes than are kept, or the store knows the part alone.
rt::Task<void> GetObject::pass(Answer& answer) {
  answer.close();
  if (answer.spec().wishes.only_if_cached) {
    co_await refuse(answer, Refusal::of(not_cached(answer.spec())));
    co_return;
  }
  const auto target = parse_target(answer.request, hosts_);
  CHECK(target.has_value());
  auto question = ask_store(*target, answer.request);
  if (!question) {
    co_await refuse(answer, Refusal{.code = question.error()});
    co_return;
  }
  question->buckets = answer.spec().buckets;
  question->request_id = answer.spec().request_id;
  question->trace = answer.spec().trace;
  question->client = answer.spec().client;
  co_await pass_through_.answer(answer.worker, answer.request, answer.writer, std::move(*question));
}

rt::Task<void> GetObject::fail(Answer& answer, Error error) {
  if (client_left(error, answer.writer)) {
    metrics_.ended(answer.question.operation, Ended::kClientLeft);
    answer.writer.abort();
    co_return;
  }
  answer.limited = error.kind() == ErrorKind::kLimited;
  co_await refuse(answer, Refusal::of(error));
}

}  // namespace cachey::api::s3
