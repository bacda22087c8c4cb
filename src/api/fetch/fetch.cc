#include "api/fetch/fetch.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "api/c0_status.h"
#include "api/fetch/request.h"
#include "api/object_body.h"
#include "api/preconditions.h"
#include "api/reply.h"
#include "base/escape.h"
#include "base/http_date.h"
#include "base/page_size.h"

namespace cachey::api {
namespace {

using cache::RangeReader;

/// The pages that a request asks for, as far as the client knows the object; an exact range is one.
uint64_t entries_asked(const FetchFields& fields, PageSize page_size) {
  ByteRange range = fields.range;
  if (const std::optional<uint64_t> size = fields.wishes.object_size) {
    range.end = std::clamp(*size, range.begin, range.end);
  }
  return fields.wishes.exact && !range.empty() ? 1 : page_size.pages_of(range);
}

/// The range of the answer, or whether there is one, depends on the version that answers: such
/// requests are served if any form of a range is.
bool depends_on_version(const FetchFields& fields, RangeForms forms, const net::Request& request) {
  if (forms == RangeForms::kBothEnds) return false;
  return fields.form == AnyRange::Form::kWhole || fields.form == AnyRange::Form::kTail ||
         (fields.has_preconditions && request.field("if-range").has_value());
}

/// Adds a C0-Warm: what was done for the range.
void add_c0_warm(ShortText& to, const cache::Warmed& warmed) {
  to.add("pages=").add(warmed.pages).add("; fetched=").add(warmed.fetched);
  to.add("; bytes=").add(warmed.bytes);
}

/// The fields of every 206 and 200 that do not depend on the object.
const net::ConstantFields& object_fields() {
  constexpr std::array kFields = {net::Field("Content-Type", "application/octet-stream"),
                                  net::Field("Accept-Ranges", "bytes"),
                                  net::Field("Vary", "C0-Bucket")};
  static const net::ConstantFields kSameForAll(kFields);
  return kSameForAll;
}

}  // namespace

/// On the heap, so that only an answer that waits costs a coroutine.
struct Fetch::Reading {
  Reading(Fetch& fetch, rt::Worker& w, const net::Request& request, net::ResponseWriter& writer,
          cache::FetchSpecPtr spec, ByteRange wanted, ConditionPtr c, KindFetchMetrics& metrics)
      : worker(w),
        condition(std::move(c)),
        reader(fetch.cache_, worker, std::move(spec), wanted,
               request.method() == net::Method::kHead ? RangeReader::Use::kHead
                                                      : RangeReader::Use::kBody),
        answer{{writer, metrics, request.notes(), request.method()},
               request.takes_trailers(),
               false,
               reader},
        body{reader, writer, fetch.egress_, fetch.cache_.clock()} {
    reader.set_condition(condition.get());
  }

  rt::Worker& worker;
  const ConditionPtr condition;
  RangeReader reader;
  Answer answer;
  ObjectBody body;
};

/// Starts a 206, or the 200 of a whole object. If the client takes trailers and there is more than
/// one page, C0-Status trailers follow. Out of line, so that the texts do not enlarge the frames of
/// coroutines: Asio recycles only small frames.
[[gnu::noinline]] void Fetch::start_response(const Answer& answer) {
  const RangeReader& reader = answer.reader;
  const ObjectSource& source = reader.source();
  const ByteRange range = reader.range();
  const PageSize page_size = reader.spec()->page_size;
  net::ResponseHead head(answer.whole ? 200 : 206);
  ShortText content_range;
  std::string_view ends;
  if (!answer.whole) {
    ends = add_content_range(content_range, range, source.info.size);
    head.add("Content-Range", content_range.view());
  }
  head.set_constants(object_fields());
  const HttpDate last_modified(source.info.last_modified);
  if (source.info.last_modified != 0) head.add("Last-Modified", last_modified.view());
  if (!source.info.etag.empty() && !has_control(source.info.etag))
    head.add("ETag", source.info.etag);
  ShortText status;
  add_c0_status(status, reader, ends);
  head.add("C0-Status", status.view());
  head.set_cache_status(cache_status_of(reader));
  head.set_rest_may_miss(rest_may_miss(reader));
  ShortText done;
  if (answer.warmed != nullptr) {
    add_c0_warm(done, *answer.warmed);
    head.add("C0-Warm", done.view());
    if (answer.warmed->fetched != 0) head.set_cache_status(net::CacheStatus::kMiss);
  }
  head.set_content_length(range.size());
  const bool more_pages = page_size.pages_of(range) > 1;
  if (answer.trailers) head.set_trailer_name(more_pages ? "C0-Status" : "");
  if (answer.notes != nullptr) {
    answer.notes->bucket = source.bucket;
    answer.notes->tier = to_string(reader.tier());
  }
  answer.writer.start(head);
}

rt::Task<void> Fetch::handle(rt::Worker& worker, const net::Request& request, Permit permit,
                             net::ResponseWriter& writer) {
  if (request.notes() != nullptr) request.notes()->reads_object = true;
  if (accounts_.has_limits()) return serve_limited(worker, request, permit, writer);
  return serve(worker, request, permit, writer, Misses::kAllowed);
}

rt::Task<void> Fetch::serve(rt::Worker& worker, const net::Request& request, Permit permit,
                            net::ResponseWriter& writer, Misses misses) {
  Result<cache::ObjectKey> key = parse_fetch_target(request.target());
  if (!key) return reply_error(writer, std::move(key.error()));
  const uint64_t key_hash = key->view().hash();
  cache_.table().prefetch(key_hash);
  KindFetchMetrics& metrics = metrics_.of(key->kind);
  metrics.started(request.method());
  Result<FetchFields> fields = parse_fetch_fields(request, client_limit_max_, forms_);
  Result<AllowedBuckets> buckets =
      fields ? permit.allow(key->kind, key->object, std::move(fields->buckets))
             : std::unexpected(std::move(fields.error()));
  if (!buckets) {
    metrics.failed(request.method(), KindFetchMetrics::Stage::kInit, buckets.error().kind());
    return reply_error(writer, std::move(buckets.error()));
  }
  const PageSize page_size = cache_.page_size_of(key->kind);
  if (misses == Misses::kRefused && !fields->wishes.only_if_cached) {
    fields->wishes.only_if_cached = true;
    fields->wishes.limited = true;
  }
  cache::FetchSpecPtr spec =
      make_fetch_spec(std::move(*key), std::move(*buckets), *fields, page_size, cache_.metrics(),
                      request.id(), permit.client(request), request.trace());
  if (fields->wishes.warm) {
    return answer_warm(worker, request, writer, std::move(spec), {fields->form, fields->range},
                       metrics);
  }
  if (depends_on_version(*fields, forms_, request)) {
    return answer_any(worker, request, writer, std::move(spec), {fields->form, fields->range},
                      metrics);
  }
  metrics.asked(fields->range.size(), entries_asked(*fields, page_size));
  ConditionPtr condition;
  if (fields->has_preconditions) condition = std::make_unique<Preconditions>(request);
  auto reading = std::make_unique<Reading>(*this, worker, request, writer, std::move(spec),
                                           fields->range, std::move(condition), metrics);
  std::optional<Result<void>> opened = reading->reader.try_open(key_hash);
  if (!opened) return answer_later(std::move(reading));
  return answer_opened(std::move(reading), std::move(*opened));
}

/// The answer has no range: `opened` is an error, or the client has this version.
rt::Task<void> Fetch::answer_without_range(rt::Worker& worker, const Answer& answer,
                                           const cache::Condition* condition,
                                           Result<void>& opened) {
  if (opened) {
    co_await answer_without_body(answer, 304, answer.reader.source().info);
    co_return;
  }
  Error error = std::move(opened.error());
  if (condition != nullptr && error.kind() == ErrorKind::kRangeNotSatisfiable) {
    co_await answer_past_end(worker, answer, *condition, std::move(error));
  } else {
    co_await refuse(answer, std::move(error));
  }
}

/// No body was begun.
rt::Task<void> Fetch::refuse(Exchange exchange, Error error) {
  if (client_left(error, exchange.writer)) {
    exchange.metrics.client_left(exchange.method, KindFetchMetrics::Stage::kInit);
    exchange.writer.abort();
    co_return;
  }
  exchange.metrics.failed(exchange.method, KindFetchMetrics::Stage::kInit, error.kind());
  co_await reply_error(exchange.writer, std::move(error));
}

/// Preconditions come before the range. A 416 of the store names no version, so the first byte of
/// the object is asked for.
rt::Task<void> Fetch::answer_past_end(rt::Worker& worker, const Answer& answer,
                                      const cache::Condition& condition, Error past_end) {
  RangeReader reader(cache_, worker, answer.reader.spec(), ByteRange{0, 1},
                     RangeReader::Use::kHead);
  reader.set_condition(&condition);
  std::optional<Result<void>> opened = reader.try_open();
  if (!opened) opened = co_await reader.open(answer.writer.client_left());
  if (*opened && reader.verdict() == cache::Verdict::kNotModified) {
    co_await answer_without_body(answer, 304, reader.source().info);
    co_return;
  }
  const bool is_refused = !*opened && opened->error().kind() == ErrorKind::kPreconditionFailed;
  if (is_refused) past_end = std::move(opened->error());
  co_await refuse(answer, std::move(past_end));
}

/// 304, or 200 for an empty object.
rt::Task<void> Fetch::answer_without_body(Exchange exchange, unsigned status, ObjectInfo version,
                                          Warm warm) {
  net::ResponseHead head(status);
  const HttpDate last_modified(version.last_modified);
  if (version.last_modified != 0) head.add("Last-Modified", last_modified.view());
  if (!version.etag.empty() && !has_control(version.etag)) head.add("ETag", version.etag);
  if (status == 200) {
    head.set_constants(object_fields());
  } else {
    head.add("Vary", "C0-Bucket");
  }
  ShortText done;
  if (warm == Warm::kYes) {
    add_c0_warm(done, cache::Warmed{});
    head.add("C0-Warm", done.view());
  }
  head.set_content_length(0);
  exchange.writer.start(head);
  const bool sent = co_await exchange.writer.finish(std::span<const net::Field>());
  count_end(exchange, sent);
}

rt::Task<void> Fetch::answer_later(ReadingPtr reading) {
  Result<void> opened = co_await reading->reader.open(reading->answer.writer.client_left());
  rt::Task<void> rest = answer_opened(std::move(reading), std::move(opened));
  if (rest.valid()) co_await std::move(rest);
}

/// Sends what needs no wait: all of the answer, if the returned task is empty. `opened`: of the
/// reader.
rt::Task<void> Fetch::answer_opened(ReadingPtr reading, Result<void> opened) {
  Answer& answer = reading->answer;
  if (!opened || answer.reader.verdict() == cache::Verdict::kNotModified) {
    return answer_unreadable(std::move(reading), std::move(opened));
  }
  if (answer.trailers) answer.reader.keep_statuses();
  start_response(answer);
  const bool has_body = answer.method != net::Method::kHead;
  if (has_body && !try_send_body(reading->body)) return send_rest(std::move(reading));
  if (!try_finish(answer)) return send_rest(std::move(reading));
  if (has_body)
    count_body(answer, reading->body, true, answer.reader.began(), answer.reader.tier());
  count_use(answer, reading->worker, opened);
  return {};
}

rt::Task<void> Fetch::answer_unreadable(ReadingPtr reading, Result<void> opened) {
  count_use(reading->answer, reading->worker, opened);
  co_await answer_without_range(reading->worker, reading->answer, reading->condition.get(), opened);
}

/// Sends what answer_opened() could not send without a wait.
rt::Task<void> Fetch::send_rest(ReadingPtr reading) {
  Answer& answer = reading->answer;
  bool sent = true;
  if (answer.method != net::Method::kHead) {
    sent = co_await send_body(reading->body);
    count_body(answer, reading->body, sent, answer.reader.began(), answer.reader.tier());
  }
  count_use(answer, reading->worker, {});
  if (sent) co_await finish(answer);
}

/// The body is whole, or broke off.
void Fetch::count_body(const Answer& answer, const ObjectBody& body, bool sent, MonoTime began,
                       Tier tier) {
  answer.metrics.body_ended(body.times, sent, began, answer.reader.hit(), tier);
  if (sent) return;
  if (body.failure) {
    if (answer.notes != nullptr) answer.notes->error = to_string(body.failure->kind());
    answer.metrics.failed(answer.method, KindFetchMetrics::Stage::kLater, body.failure->kind());
  } else {
    answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kLater);
  }
}

/// False: finish() must.
bool Fetch::try_finish(const Answer& answer) {
  if (!answer.reader.later_statuses().empty()) return false;  // they may be trailers
  const std::optional<bool> sent = answer.writer.try_finish(std::span<const net::Field>());
  if (sent) count_end(answer, *sent);
  return sent.has_value();
}

rt::Task<void> Fetch::finish(Answer& answer) {
  const C0StatusTrailers trailers =
      answer.trailers ? C0StatusTrailers(answer.reader) : C0StatusTrailers();
  const bool sent = co_await answer.writer.finish(trailers.fields());
  count_end(answer, sent);
}

/// `sent`: the client has all of the response.
void Fetch::count_end(const Exchange& exchange, bool sent) {
  if (sent) {
    exchange.metrics.succeeded(exchange.method);
  } else {
    exchange.metrics.client_left(exchange.method, KindFetchMetrics::Stage::kLater);
  }
}

}  // namespace cachey::api
