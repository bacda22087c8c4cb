#include "api/fetch/fetch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "api/fetch/preconditions.h"
#include "api/fetch/request.h"
#include "api/names.h"
#include "api/reply.h"
#include "base/escape.h"
#include "base/http_date.h"
#include "base/page_size.h"
#include "base/units.h"

namespace cachey::api {
namespace {

using cache::PageStatus;
using cache::RangeReader;

/// A short text without allocation. Text past kBytesMax is cut.
class ShortText {
 public:
  ShortText& add(std::string_view text) {
    size_ += text.copy(buffer_.data() + size_, buffer_.size() - size_);
    return *this;
  }
  ShortText& add(std::integral auto number) {
    char* const end = buffer_.data() + buffer_.size();
    const auto written = std::to_chars(buffer_.data() + size_, end, number);
    size_ = static_cast<size_t>(written.ptr - buffer_.data());
    return *this;
  }
  [[nodiscard]] std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  // Three 64-bit numbers and the separators, beside a bucket.
  static constexpr size_t kBytesMax = kBucketBytesMax + 72;
  std::array<char, kBytesMax> buffer_;
  size_t size_ = 0;
};

/// The pages that a request asks for, as far as the client knows the object; an exact range is one.
uint64_t entries_asked(const FetchFields& fields, PageSize page_size) {
  ByteRange range = fields.range;
  if (const std::optional<uint64_t> size = fields.wishes.object_size) {
    range.end = std::clamp(*size, range.begin, range.end);
  }
  return fields.wishes.exact && !range.empty() ? 1 : page_size.pages_of(range);
}

net::CacheStatus cache_status_of(const RangeReader& reader) {
  return reader.hit() ? net::CacheStatus::kHit : net::CacheStatus::kMiss;
}

/// The wait ended because the client left.
bool client_left(const Error& error, net::ResponseWriter& writer) {
  return error.kind() == ErrorKind::kCancelled && writer.client_left().stop_requested();
}

/// The C0-Status of the part of a page.
ShortText status_text(ByteRange part, std::string_view bucket, int64_t cached_at) {
  ShortText text;
  text.add(part.begin).add("-").add(part.end - 1);
  text.add("; ").add(bucket).add("; ").add(cached_at);
  return text;
}

/// The fields of every 206 that do not depend on the object.
constexpr std::array kObjectFields = {net::Field("Content-Type", "application/octet-stream"),
                                      net::Field("Accept-Ranges", "bytes"),
                                      net::Field("Vary", "C0-Bucket")};

/// The most text of C0-Status trailers in one answer; the pages after that get none.
constexpr size_t kTrailersBytesMax = 512 * kKiB;

constexpr size_t kPartsMax = 32;  // a page has at most 8 slabs and a tail

/// The result of one offer.
struct Offered {
  bool had_bytes = false;
  size_t taken = 0;
};

/// Offers the bytes that are available at the reader's position. Out of line, as start_response():
/// the list of parts would enlarge the coroutine frame.
[[gnu::noinline]] Offered offer_next(RangeReader& reader, net::ResponseWriter& writer) {
  std::array<iovec, kPartsMax> parts;
  const size_t count = reader.pin(parts);
  if (count == 0) return Offered{};
  const size_t taken = writer.offer(std::span(parts.data(), count));
  reader.release(taken);
  return Offered{true, taken};
}

}  // namespace

struct Fetch::Answer {
  RangeReader& reader;
  net::ResponseWriter& writer;
  KindFetchMetrics& metrics;
  net::Method method;
  bool trailers;
};

/// Starts a 206. If the client takes trailers and there is more than one page, C0-Status trailers
/// follow. Out of line, so that the texts do not enlarge the coroutine frame: Asio recycles only
/// small frames.
[[gnu::noinline]] void Fetch::start_response(const Answer& answer) {
  const RangeReader& reader = answer.reader;
  const ObjectSource& source = reader.source();
  const ByteRange range = reader.range();
  const PageSize page_size = reader.spec()->page_size;
  net::ResponseHead head(206);
  ShortText content_range;
  content_range.add("bytes ").add(range.begin).add("-").add(range.end - 1);
  content_range.add("/").add(source.info.size);
  head.add("Content-Range", content_range.view());
  static const net::ConstantFields kSameForAll(kObjectFields);
  head.set_constants(kSameForAll);
  const HttpDate last_modified(source.info.last_modified);
  if (source.info.last_modified != 0) head.add("Last-Modified", last_modified.view());
  if (!source.info.etag.empty() && !has_control(source.info.etag))
    head.add("ETag", source.info.etag);
  const ByteRange first_part = reader.part_of(page_size.index_of(range.begin));
  const ShortText status = status_text(first_part, source.bucket, reader.first_cached_at());
  head.add("C0-Status", status.view());
  head.set_cache_status(cache_status_of(reader));
  head.set_content_length(range.size());
  const bool more_pages = page_size.pages_of(range) > 1;
  if (answer.trailers) head.set_trailer_name(more_pages ? "C0-Status" : "");
  answer.writer.start(head);
}

rt::Task<void> Fetch::handle(rt::Worker& worker, const net::Request& request, Permit permit,
                             net::ResponseWriter& writer) {
  Result<cache::ObjectKey> key = parse_fetch_target(request.target());
  if (!key) return reply_error(writer, std::move(key.error()));
  cache_.table().prefetch(key->view());
  KindFetchMetrics& metrics = metrics_.of(key->kind);
  metrics.started(request.method());
  Result<FetchFields> fields = parse_fetch_fields(request, client_limit_max_);
  Result<AllowedBuckets> buckets =
      fields ? permit.allow(key->kind, key->object, std::move(fields->buckets))
             : std::unexpected(std::move(fields.error()));
  if (!buckets) {
    metrics.failed(request.method(), KindFetchMetrics::Stage::kInit, buckets.error().kind());
    return reply_error(writer, std::move(buckets.error()));
  }
  const PageSize page_size = cache_.page_size_of(key->kind);
  cache::FetchSpecPtr spec = make_fetch_spec(std::move(*key), std::move(*buckets), *fields,
                                             page_size, cache_.metrics(), request.id());
  metrics.asked(fields->range.size(), entries_asked(*fields, page_size));
  ConditionPtr condition;
  if (fields->has_preconditions) condition = std::make_unique<Preconditions>(request);
  return answer(worker, request, writer, std::move(spec), fields->range, std::move(condition),
                metrics);
}

/// The answer has no range: `opened` is an error, or the client has this version.
rt::Task<void> Fetch::answer_without_range(rt::Worker& worker, const Answer& answer,
                                           const cache::Condition* condition,
                                           Result<void>& opened) {
  if (opened) {
    co_await not_modified(answer);
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
rt::Task<void> Fetch::refuse(const Answer& answer, Error error) {
  if (client_left(error, answer.writer)) {
    answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kInit);
    answer.writer.abort();
    co_return;
  }
  answer.metrics.failed(answer.method, KindFetchMetrics::Stage::kInit, error.kind());
  co_await reply_error(answer.writer, std::move(error));
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
    const Answer of_first_byte{reader, answer.writer, answer.metrics, answer.method, false};
    co_await not_modified(of_first_byte);
    co_return;
  }
  const bool is_refused = !*opened && opened->error().kind() == ErrorKind::kPreconditionFailed;
  if (is_refused) past_end = std::move(opened->error());
  co_await refuse(answer, std::move(past_end));
}

rt::Task<void> Fetch::not_modified(const Answer& answer) {
  const ObjectInfo& version = answer.reader.source().info;
  net::ResponseHead head(304);
  const HttpDate last_modified(version.last_modified);
  if (version.last_modified != 0) head.add("Last-Modified", last_modified.view());
  if (!version.etag.empty() && !has_control(version.etag)) head.add("ETag", version.etag);
  head.add("Vary", "C0-Bucket");
  head.set_content_length(0);
  answer.writer.start(head);
  const bool sent = co_await answer.writer.finish(std::span<const net::Field>());
  if (sent) {
    answer.metrics.succeeded(answer.method);
  } else {
    answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kLater);
  }
}

/// The frame must stay small, as that of start_response(): answers without a range, which are
/// rare, have coroutines of their own.
rt::Task<void> Fetch::answer(rt::Worker& worker, const net::Request& request,
                             net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                             ByteRange wanted, ConditionPtr condition, KindFetchMetrics& metrics) {
  const bool head = request.method() == net::Method::kHead;
  const RangeReader::Use use = head ? RangeReader::Use::kHead : RangeReader::Use::kBody;
  RangeReader reader(cache_, worker, std::move(spec), wanted, use);
  reader.set_condition(condition.get());
  std::optional<Result<void>> opened = reader.try_open();
  if (!opened) opened = co_await reader.open(writer.client_left());
  Answer answer{reader, writer, metrics, request.method(), request.takes_trailers()};
  if (!*opened || reader.verdict() == cache::Verdict::kNotModified) {
    co_await answer_without_range(worker, answer, condition.get(), *opened);
    co_return;
  }
  if (answer.trailers) reader.keep_statuses();
  start_response(answer);
  if (!head) {
    const bool sent = co_await send_body(answer);
    if (!sent) co_return;
  }
  co_await finish(answer);
}

void Fetch::count_failure(const Answer& answer, const Error& error) {
  if (client_left(error, answer.writer)) {
    answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kLater);
  } else {
    answer.metrics.failed(answer.method, KindFetchMetrics::Stage::kLater, error.kind());
  }
}

/// False: the body broke off; the failure is counted.
rt::Task<bool> Fetch::send_body(Answer& answer) {
  RangeReader& reader = answer.reader;
  bool first = true;
  while (!reader.at_end()) {
    const Offered offered = offer_next(reader, answer.writer);
    if (!offered.had_bytes) {
      const Result<void> more = co_await reader.wait(answer.writer.client_left());
      if (more) continue;
      count_failure(answer, more.error());
      answer.writer.abort();
      co_return false;
    }
    egress_.add(offered.taken);
    if (offered.taken == 0) {
      const bool open = co_await answer.writer.writable();
      if (open) continue;
      answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kLater);
      co_return false;
    }
    if (std::exchange(first, false)) {
      answer.metrics.first_chunk(cache_.clock().mono() - reader.began(), cache_status_of(reader));
    }
  }
  co_return true;
}

rt::Task<void> Fetch::finish(Answer& answer) {
  std::vector<ShortText> texts;
  std::vector<net::Field> trailers;
  size_t bytes = 0;
  if (answer.trailers) {
    texts.reserve(answer.reader.later_statuses().size());
    for (const PageStatus& page : answer.reader.later_statuses()) {
      const ByteRange part = answer.reader.part_of(page.index);
      texts.push_back(status_text(part, page.source->bucket, page.cached_at));
      bytes += texts.back().view().size();
      if (bytes > kTrailersBytesMax) break;
      trailers.push_back(net::Field{"C0-Status", texts.back().view()});
    }
  }
  const bool sent = co_await answer.writer.finish(trailers);
  if (sent) {
    answer.metrics.succeeded(answer.method);
  } else {
    answer.metrics.client_left(answer.method, KindFetchMetrics::Stage::kLater);
  }
}

}  // namespace cachey::api
