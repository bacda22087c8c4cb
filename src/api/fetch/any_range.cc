// Requests without a Range, for the last bytes, or with an If-Range: the version that answers
// decides on the range.

#include <algorithm>
#include <optional>
#include <utility>

#include "api/fetch/fetch.h"
#include "api/preconditions.h"
#include "cache/object_look.h"

namespace cachey::api {
namespace {

using cache::RangeReader;
using cache::Verdict;
using Form = AnyRange::Form;

/// How often an answer begins again because its object has changed.
constexpr int kAttemptsMax = 3;

}  // namespace

struct Fetch::Question : Fetch::Exchange {
  rt::Worker& worker;
  const net::Request& request;
  cache::FetchSpecPtr spec;
  AnyRange asked;
  const Preconditions conditions;
  const MonoTime began;
  ObjectSourcePtr known{};  // null: not known yet
  bool must_look = false;   // what is known refuses, so the store must be asked
  bool looked = false;      // the store was asked

  /// The bytes that are asked for of the known version; may be empty.
  [[nodiscard]] ByteRange place() const {
    const uint64_t size = known->info.size;
    if (asked.form == Form::kWhole) return {0, size};
    if (asked.form == Form::kTail) return {size - std::min(asked.bytes.end, size), size};
    return {std::min(asked.bytes.begin, size), std::min(asked.bytes.end, size)};
  }
  void learn(ObjectSourcePtr source) {
    known = std::move(source);
    if (conditions.range_holds(known->info)) return;
    must_look = !looked;  // perhaps it is the store's version now that the If-Range names
    if (looked) asked = AnyRange{Form::kWhole, {0, kObjectBytesMax}};
  }
};

rt::Task<void> Fetch::answer_any(rt::Worker& worker, const net::Request& request,
                                 net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                                 AnyRange asked, KindFetchMetrics& metrics) {
  const bool head = request.method() == net::Method::kHead;
  Question question{{writer, metrics, request.notes(), request.method()},
                    worker,
                    request,
                    std::move(spec),
                    asked,
                    Preconditions(request, Preconditions::IfRange::kVoidsRange),
                    cache_.clock().mono()};
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const Result<ByteRange> place = co_await find_place(question);
    if (!place) {
      co_await refuse(question, place.error());
      co_return;
    }
    if (place->empty()) {
      co_await answer_without_bytes(question);
      co_return;
    }
    RangeReader reader(cache_, worker, question.spec, *place,
                       head ? RangeReader::Use::kHead : RangeReader::Use::kBody);
    reader.set_condition(&question.conditions);
    std::optional<Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open(writer.client_left());
    question.must_look = !*opened && opened->error().kind() == ErrorKind::kRangeNotSatisfiable;
    if (question.must_look) continue;  // empty, or shorter than what was known
    Answer answer{question, request.takes_trailers(), false, reader};
    if (!*opened || reader.verdict() == Verdict::kNotModified) {
      count_use(answer, worker, *opened);
      co_await answer_without_range(worker, answer, nullptr, *opened);
      co_return;
    }
    question.learn(reader.shared_source());
    if (question.must_look || question.place() != reader.range()) continue;
    answer.whole = question.asked.form == Form::kWhole;
    co_await send(question, answer);
    count_use(answer, worker, *opened);
    co_return;
  }
  co_await refuse(question, Error(ErrorKind::kChanged, "the object changes while it is read"));
}

/// The place of the answer's bytes; empty, if the version that the store has now has none. The
/// end of a tail must be known for that.
rt::Task<Result<ByteRange>> Fetch::find_place(Question& question) {
  if (question.known == nullptr && question.asked.form == Form::kTail) {
    const cache::KeyView key = question.spec->key.view();
    ObjectSourcePtr known = cache_.known_head(question.worker, *question.spec, key.hash()).source;
    if (known != nullptr) question.learn(std::move(known));
    if (question.known == nullptr || question.place().empty()) question.must_look = true;
  }
  if (question.must_look) {
    Result<ObjectSourcePtr> seen = co_await look(question);
    if (!seen) co_return std::unexpected(std::move(seen.error()));
    question.looked = true;
    question.must_look = false;
    question.learn(std::move(*seen));
  }
  co_return question.known == nullptr ? question.asked.bytes : question.place();
}

/// The object's version as the store says it now.
rt::Task<Result<ObjectSourcePtr>> Fetch::look(const Question& question) {
  const cache::Wishes& wishes = question.spec->wishes;
  if (wishes.only_if_cached)
    co_return std::unexpected(wishes.not_cached("the object's size is not known here"));
  const rt::Until until{MonoTime::max(), question.writer.client_left()};
  Result<ObjectSourcePtr> seen =
      co_await cache::look_at(cache_, question.worker, question.spec, question.began, until);
  if (seen && wishes.object_size && *wishes.object_size != (*seen)->info.size)
    co_return fail(ErrorKind::kChanged, "the object does not have the size of C0-Object-Size");
  co_return seen;
}

/// The version, which the store has just named, has no bytes for the answer.
rt::Task<void> Fetch::answer_without_bytes(const Question& question) {
  const ObjectInfo& version = question.known->info;
  const Verdict verdict = question.conditions.judge(version);
  const bool is_empty_tail = question.asked.form == Form::kTail && !question.asked.bytes.empty();
  if (verdict == Verdict::kNotModified) {
    co_await answer_without_body(question, 304, version);
  } else if (verdict == Verdict::kFails) {
    co_await refuse(question, Error(ErrorKind::kPreconditionFailed,
                                    "the object's version does not fulfil the preconditions"));
  } else if (question.asked.form == Form::kWhole || is_empty_tail) {
    co_await answer_without_body(question, 200, version);
  } else {
    co_await refuse(question, Error::range_not_satisfiable(version.size));
  }
}

rt::Task<void> Fetch::send(const Question& question, Answer& answer) {
  const ByteRange range = answer.reader.range();
  answer.metrics.asked(range.size(), answer.reader.spec()->page_size.pages_of(range));
  if (answer.trailers) answer.reader.keep_statuses();
  start_response(answer);
  if (answer.method != net::Method::kHead) {
    ObjectBody body{answer.reader, answer.writer, egress_, cache_.clock()};
    bool sent = try_send_body(body);
    if (!sent) sent = co_await send_body(body);
    const Tier tier = question.looked ? Tier::kMiss : answer.reader.tier();
    count_body(answer, body, sent, question.began, tier);
    if (!sent) co_return;
  }
  if (!try_finish(answer)) co_await finish(answer);
}

}  // namespace cachey::api
