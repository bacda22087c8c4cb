#include "api/s3/pass_through.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "api/object_body.h"
#include "api/s3/bucket_list.h"
#include "api/s3/document_begin.h"
#include "api/s3/freshness.h"
#include "api/s3/object_head.h"
#include "api/s3/store_refusal.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/field_lines.h"

namespace cachey::api::s3 {
namespace {

constexpr std::array kSameForStoreAnswers = {net::Field("Server", "cachey"),
                                             net::Field("x-amz-id-2", kHostId)};

/// The bytes of a store's body that are read at once for a document's begin.
constexpr size_t kBeginReadBytes = 4 * 1024;

constexpr const char* kNotServed = "the store does not serve this operation";

/// Another replica may have the object, or allow it.
bool is_of_one_replica(const PassQuestion& question, unsigned status) {
  return !question.key.empty() && (status == 403 || status == 404);
}

/// Appends at most `max` bytes of the body to `into`; false: more would come.
rt::Task<Result<bool>> read_whole(origin::ForwardAnswer& store, std::span<std::byte> buffer,
                                  size_t max, std::string& into) {
  for (;;) {
    const Result<size_t> got = co_await store.read(buffer);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return true;
    if (into.size() + *got > max) co_return false;
    into.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
}

bool has_tag(std::string_view lines) {
  while (const std::optional<FieldLine> line = take_field_line(lines)) {
    if (lower_case(line->name) == "etag") return true;
  }
  return false;
}

}  // namespace

struct PassThrough::Passing {
  rt::Worker& worker;
  const net::Request& request;
  net::ResponseWriter& writer;
  const PassQuestion& question;
  const Sees& sees;
  const ForwardRule& rule;
  const MonoTime began;
  std::string_view asked{};  // the bucket of the store that answered
  std::unique_ptr<origin::ForwardAnswer> store{};
  std::optional<uint64_t> length{};  // of the body that the client gets; nothing: not known
  std::string begin{};               // of the body: read already
  bool ended = false;                // the store's body
  std::vector<std::byte> buffer{};
  uint64_t taken = 0;                 // bytes of the body, by the client
  std::chrono::nanoseconds waited{};  // until the client took more

  [[nodiscard]] bool is_head() const { return request.method() == net::Method::kHead; }
  [[nodiscard]] bool has_body() const { return !is_head() && store->status() != 304; }
};

rt::Task<void> PassThrough::answer(rt::Worker& worker, const net::Request& request,
                                   net::ResponseWriter& writer, PassQuestion question, Sees sees) {
  const ForwardRule* const rule = forward_rule_of(question.operation);
  CHECK(rule != nullptr);
  Passing passing{worker, request, writer, question, sees, *rule, clock_.mono()};
  if (forwarder_ == nullptr) {
    co_await refuse(passing, Refusal::of("NotImplemented",
                                         "the store of this endpoint is a directory, which answers "
                                         "reads of objects with at most 8 KiB of metadata and "
                                         "nothing else"));
    co_return;
  }
  const Result<ForwardPlaces::Place> place =
      co_await places_.enter(worker, question.client, writer.client_left());
  if (!place) {
    co_await fail(passing, place.error());
    co_return;
  }
  Result<void> asked = co_await ask(passing);
  if (!asked) {
    co_await fail(passing, std::move(asked.error()));
    co_return;
  }
  if (passing.has_body() || passing.store->status() >= 400) passing.buffer.resize(kBufferBytes);
  if (passing.store->status() >= 400) {
    co_await refuse_as_store(passing);
  } else {
    co_await send(passing);
  }
}

/// Asks the buckets in their order, until one of them answers. A refusal that another replica may
/// not share counts if none answers, and if none failed: that one may have the object.
rt::Task<Result<void>> PassThrough::ask(Passing& passing) {
  const PassQuestion& question = passing.question;
  const std::vector<std::string> none(1);
  const std::vector<std::string>& buckets = question.buckets.empty() ? none : question.buckets;
  std::unique_ptr<origin::ForwardAnswer> refusal;
  std::optional<Error> failure;
  for (const std::string& bucket : buckets) {
    Result<std::unique_ptr<origin::ForwardAnswer>> answer = co_await ask_bucket(passing, bucket);
    if (answer && !is_of_one_replica(question, (*answer)->status())) {
      passing.store = std::move(*answer);
      passing.asked = bucket;
      co_return Result<void>();
    }
    if (answer) {
      if (refusal == nullptr) refusal = std::move(*answer);
      continue;
    }
    failure = std::move(answer.error());
    if (!is_outage(*failure)) break;
  }
  if (failure) co_return std::unexpected(std::move(*failure));
  passing.store = std::move(refusal);
  co_return Result<void>();
}

/// The answer of one bucket; an odd one is a failure.
rt::Task<Result<std::unique_ptr<origin::ForwardAnswer>>> PassThrough::ask_bucket(
    Passing& passing, const std::string& bucket) {
  const PassQuestion& question = passing.question;
  origin::ForwardRequest request{.head = passing.is_head(),
                                 .bucket = bucket,
                                 .key = question.key,
                                 .query = question.query,
                                 .fields = question.fields,
                                 .config = {},
                                 .stop = passing.writer.client_left(),
                                 .request_id = question.request_id,
                                 .trace = question.trace};
  Result<std::unique_ptr<origin::ForwardAnswer>> answer =
      co_await forwarder_->forward(passing.worker, std::move(request));
  if (!answer) co_return answer;
  const unsigned status = (*answer)->status();
  const bool is_object = passing.rule.roots.empty() && (status == 206 || status == 304);
  const bool is_refusal = (status >= 400 && status < 500) || status == 501;
  if (status == 200 || is_object || is_refusal) co_return answer;
  co_return cachey::fail(ErrorKind::kUpstream, "the store's answer has an odd status");
}

rt::Task<void> PassThrough::send(Passing& passing) {
  if (passing.question.operation == Operation::kListBuckets) {
    co_await send_bucket_list(passing);
    co_return;
  }
  passing.length = passing.store->content_length();
  const bool is_empty =
      passing.question.operation == Operation::kHeadBucket || passing.store->status() == 304;
  if (is_empty) passing.length = 0;
  if (!passing.rule.roots.empty()) {
    Result<void> begun = co_await read_begin(passing);
    if (!begun) {
      co_await fail(passing, std::move(begun.error()));
      co_return;
    }
    const RootName root = find_root(passing.begin);
    if (std::ranges::find(passing.rule.roots, root.name) == passing.rule.roots.end()) {
      co_await refuse(passing, Refusal::of("NotImplemented", kNotServed));
      co_return;
    }
    rename(passing);
  }
  start(passing);
  co_await send_body(passing);
}

/// Reads of a document what find_root() and find_list_name() must see.
rt::Task<Result<void>> PassThrough::read_begin(Passing& passing) {
  const bool names = passing.asked != passing.question.bucket;
  for (;;) {
    const bool root = find_root(passing.begin).found != Found::kNeedsMore;
    const bool name = !names || find_list_name(passing.begin).found != Found::kNeedsMore;
    if ((root && name) || passing.begin.size() >= kDocumentBeginMax) co_return Result<void>();
    const std::span<std::byte> piece = std::span(passing.buffer).first(kBeginReadBytes);
    const Result<size_t> got = co_await passing.store->read(piece);
    if (!got) co_return std::unexpected(got.error());
    passing.ended = *got == 0;
    if (passing.ended) co_return Result<void>();
    passing.begin.append(reinterpret_cast<const char*>(piece.data()), *got);
  }
}

/// In a list of an alias the client's name stands for the store's.
void PassThrough::rename(Passing& passing) const {
  if (passing.asked == passing.question.bucket) return;
  const ListName name = find_list_name(passing.begin);
  if (name.found != Found::kYes) return;
  const size_t before = name.end - name.begin;
  passing.begin.replace(name.begin, before, passing.question.bucket);
  if (passing.length) *passing.length += passing.question.bucket.size() - before;
}

/// Sends the head, and counts and notes what X-Cache says.
void PassThrough::start(Passing& passing) {
  static const net::ConstantFields kConstants(kSameForStoreAnswers);
  const unsigned status = passing.store->status();
  metrics_.answered(CacheWord::kPass);
  if (passing.request.notes() != nullptr)
    passing.request.notes()->cache = to_string(CacheWord::kPass);
  net::ResponseHead head(status);
  head.set_constants(kConstants);
  head.add("x-amz-request-id", passing.question.request_id);
  if (!config_.plain) head.add("X-Cache", to_string(CacheWord::kPass));
  if (passing.question.operation == Operation::kHeadBucket)
    head.add("x-amz-bucket-region", config_.region);
  const std::string lines = lines_for_client(passing.store->lines(), status);
  // radosgw sends no tag with a 304.
  std::string tag;
  if (status == 304 && !has_tag(lines)) tag = confirmed_tag(passing.question);
  if (!tag.empty()) head.add("ETag", tag);
  if (!lines.empty()) head.add_lines(lines);
  head.set_cache_status(net::CacheStatus::kMiss);
  if (passing.length) {
    head.set_content_length(*passing.length);
  } else {
    head.set_content_length_unknown();
  }
  passing.writer.start(head);
}

/// Sends what follows the head, and counts the end.
rt::Task<void> PassThrough::send_body(Passing& passing) {
  const Operation operation = passing.question.operation;
  bool open = co_await send_piece(passing, passing.begin);
  while (open && passing.has_body() && !passing.ended) {
    const Result<size_t> got = co_await passing.store->read(passing.buffer);
    const bool fits = got && (!passing.length || *got <= *passing.length - passing.taken);
    const bool ends_early = got && *got == 0 && passing.length && passing.taken < *passing.length;
    if (!fits || ends_early) {
      const bool left = !got && client_left(got.error(), passing.writer);
      metrics_.ended(operation, left ? Ended::kClientLeft : Ended::kBrokenOff);
      passing.writer.abort();
      co_return;
    }
    if (*got == 0) break;
    const std::string_view piece(reinterpret_cast<const char*>(passing.buffer.data()), *got);
    open = co_await send_piece(passing, piece);
  }
  if (open) open = co_await passing.writer.finish(std::span<const net::Field>());
  const Ended well = passing.store->status() == 304 ? Ended::kNotModified : Ended::kOk;
  metrics_.ended(operation, open ? well : Ended::kClientLeft);
}

/// False: the client has left, or was too slow.
rt::Task<bool> PassThrough::send_piece(Passing& passing, std::string_view piece) {
  while (!piece.empty()) {
    const std::array parts = {iovec{const_cast<char*>(piece.data()), piece.size()}};
    const size_t taken = passing.writer.offer(parts);
    egress_.add(taken);
    if (passing.taken == 0 && taken > 0) metrics_.passed_first_bytes(clock_.mono() - passing.began);
    passing.taken += taken;
    piece.remove_prefix(taken);
    if (taken > 0) continue;
    const MonoTime since = clock_.mono();
    const bool open = co_await passing.writer.writable();
    if (!open) co_return false;
    passing.waited += clock_.mono() - since;
    if (is_too_slow(passing)) {
      passing.writer.abort();
      co_return false;
    }
  }
  co_return true;
}

/// The client holds a place that another one waits for.
bool PassThrough::is_too_slow(const Passing& passing) const {
  if (passing.waited < kSlowAfter || places_.waiting() == 0) return false;
  const std::chrono::duration<double> counted = passing.waited - kSlowAfter;
  const double least = counted.count() * static_cast<double>(kSlowBytesPerSecond);
  return static_cast<double>(passing.taken) < least;
}

/// The list that the client gets: what the client may not see is taken out, aliases are added to
/// the first page. Nothing: the store's answer is no such list.
rt::Task<Result<std::optional<std::string>>> PassThrough::read_bucket_list(Passing& passing) const {
  std::string document;
  const Result<bool> read =
      co_await read_whole(*passing.store, passing.buffer, kBucketListBytesMax, document);
  if (!read) co_return std::unexpected(read.error());
  if (!*read) co_return cachey::fail(ErrorKind::kUpstream, "the list of buckets is too long");
  std::optional<BucketList> list = BucketList::parse(document);
  if (!list) co_return std::nullopt;
  const auto parameter = [&passing](std::string_view name) {
    const auto& query = passing.question.query;
    const auto found = std::ranges::find(query, name, &origin::NamedText::name);
    return found == query.end() ? std::string_view() : std::string_view(found->value);
  };
  for (const DeclaredKind& alias : config_.aliases) {
    const bool is_asked = parameter("continuation-token").empty() &&
                          std::string_view(alias.name).starts_with(parameter("prefix"));
    if (is_asked) list->add(alias.name, alias.buckets.front());
  }
  list->keep_only(passing.sees);
  co_return list->write();
}

/// While the client reads, only the text of its list is kept.
rt::Task<void> PassThrough::send_bucket_list(Passing& passing) {
  Result<std::optional<std::string>> list = co_await read_bucket_list(passing);
  if (!list) {
    co_await fail(passing, std::move(list.error()));
    co_return;
  }
  if (!*list) {
    co_await refuse(passing, Refusal::of("NotImplemented", kNotServed));
    co_return;
  }
  passing.begin = std::move(**list);
  passing.ended = true;
  passing.length = passing.begin.size();
  start(passing);
  co_await send_body(passing);
}

rt::Task<void> PassThrough::refuse_as_store(Passing& passing) {
  std::string document;
  if (passing.has_body()) {
    // A document that is too long or broken says nothing.
    const Result<bool> read =
        co_await read_whole(*passing.store, passing.buffer, kErrorDocumentBytesMax, document);
    if (!read || !*read) document.clear();
  }
  Refusal refusal =
      store_refusal(passing.question, passing.store->status(), document, passing.store->lines());
  co_await refuse(passing, std::move(refusal));
}

/// No head was sent.
rt::Task<void> PassThrough::fail(Passing& passing, Error error) {
  if (client_left(error, passing.writer)) {
    metrics_.ended(passing.question.operation, Ended::kClientLeft);
    passing.writer.abort();
    co_return;
  }
  co_await refuse(passing, Refusal::of(error));
}

rt::Task<void> PassThrough::refuse(Passing& passing, Refusal refusal) {
  const PassQuestion& question = passing.question;
  metrics_.refused(question.operation, refusal.code->code);
  const RefusedRequest refused{.request = passing.request,
                               .bucket = question.bucket,
                               .key = question.key,
                               .request_id = question.request_id,
                               .host_id = kHostId};
  co_await s3::refuse(passing.writer, std::move(refusal), refused);
}

}  // namespace cachey::api::s3
