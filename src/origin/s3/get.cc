#include "origin/s3/get.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/check.h"
#include "origin/s3/answer.h"
#include "origin/s3/attempts.h"
#include "origin/s3/second_fetch.h"
#include "origin/s3/stream.h"
#include "origin/transport/answer_failure.h"

namespace cachey::origin {
namespace {

/// Whether an answer to a HEAD, which has no error document, does not say what is wrong: with the
/// signature, the token, the clock, the region, or the right to read; or the store has no HEAD.
bool is_unexplained(unsigned status, const GetRequest& request) {
  constexpr std::array kStatuses = {400U, 401U, 403U, 405U, 416U, 501U};
  if (status == 404) return request.explain_absence;
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

std::string range_text(Ask ask, ByteRange range) {
  if (ask == Ask::kTail) return fmt::format("bytes=-{}", range.size());
  return fmt::format("bytes={}-{}", range.begin, range.end - 1);
}

/// The state of one get: what it asks of the object, and its judgement of the answers. Owned by
/// run_get(). The worker's thread.
class S3Get {
 public:
  using Stream = std::unique_ptr<S3Stream>;

  S3Get(S3ClientState& client, rt::Worker& worker, GetRequest request, Checksums checksums)
      : client_(client),
        worker_(worker),
        request_(std::move(request)),
        checksums_(checksums),
        attempts_(client, worker, request_, std::hash<std::string>()(request_.key)) {}
  S3Get(const S3Get&) = delete;

  [[nodiscard]] rt::Task<Result<Stream>> run();

 private:
  void ask(Ask ask, ByteRange range);
  [[nodiscard]] rt::Task<Attempt<Stream>> attempt();
  [[nodiscard]] rt::Task<Attempt<Stream>> take_answer(Answered answered);
  [[nodiscard]] Failure judge(unsigned status, Failure failure) const;
  [[nodiscard]] Attempt<void> check_tag(const ObjectInfo& info);
  [[nodiscard]] Stream finish(Stream stream);

  S3ClientState& client_;
  rt::Worker& worker_;
  GetRequest request_;
  const Checksums checksums_;
  Attempts attempts_;
  Ask ask_ = Ask::kRange;  // of the next attempt
  ByteRange range_;
};

rt::Task<Result<S3Get::Stream>> S3Get::run() {
  if (request_.bucket.empty()) co_return fail(ErrorKind::kNotFound, "no bucket has an empty name");
  Result<void> prepared = co_await attempts_.prepare();
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  ask(request_.ask, request_.range);
  while (true) {
    Attempt<Stream> stream = co_await attempt();
    if (stream) co_return finish(std::move(*stream));
    Result<void> recovered = co_await attempts_.recover(std::move(stream.error()));
    if (!recovered) co_return std::unexpected(std::move(recovered.error()));
    if (ask_ == Ask::kHead && attempts_.has_tried(Remedy::kByGet)) ask(Ask::kRange, {0, 1});
  }
}

void S3Get::ask(Ask ask, ByteRange range) {
  ask_ = ask;
  range_ = range;
  S3Request& request = attempts_.request();
  request.head = ask == Ask::kHead;
  request.query.clear();
  request.fields.clear();
  if (!request.head) {
    request.query.push_back({"x-id", "GetObject"});  // as the SDKs: HeadObject has none
    request.fields.push_back({"range", range_text(ask, range)});
  }
  if (client_.config.checksum_mode && checksums_ == Checksums::kCompare)
    request.fields.push_back({"x-amz-checksum-mode", "ENABLED"});
}

rt::Task<Attempt<S3Get::Stream>> S3Get::attempt() {
  Attempt<Answered> answered = co_await attempts_.send();
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  ResponseHead& head = answered->head;
  if (head.status >= 200 && head.status < 300) {
    if (head.chunked && head.content_range.empty()) {
      const bool empty = co_await answered->exchange->is_empty(answered->deadline);
      if (empty) head.content_length = 0;
    }
    co_return co_await take_answer(std::move(*answered));
  }
  Refused refused = co_await attempts_.read_refusal(*answered);
  co_return std::unexpected(judge(head.status, std::move(refused.failure)));
}

/// Checks the head of a 2xx. The body of an answer to a HEAD has been read: none, or a byte that
/// was asked for instead.
rt::Task<Attempt<S3Get::Stream>> S3Get::take_answer(Answered answered) {
  const bool is_head = ask_ == Ask::kHead;
  if (is_head) answered.exchange->finish_bodiless();
  Result<GoodAnswer> answer = check_answer(answered.head, range_, ask_);
  if (!answer) {
    Failure failure(std::move(answer.error()));
    if (is_head) failure.remedy = Remedy::kByGet;
    co_return std::unexpected(std::move(failure));
  }
  Attempt<void> checked = check_tag(answer->info);
  if (!checked) co_return std::unexpected(std::move(checked.error()));
  if (is_head || answered.head.status == 200) answered.head.attributes.set_tells_checksums();
  answer->info.attributes = client_.attributes.intern(std::move(answered.head.attributes));
  if (request_.ask == Ask::kHead && !is_head) {
    std::byte byte{};
    answered.exchange->expect_body(answer->range.size());
    (void)co_await answered.exchange->read(
        std::span(&byte, 1));  // so that the connection can be used again
    answer->range = ByteRange();
    answer->checksum.reset();
  }
  co_return std::make_unique<S3Stream>(std::move(answered.exchange), std::move(*answer),
                                       answered.sent_at, client_.counters);
}

/// Compares the tag, if the store was not asked to. The store cannot do If-Match if it refused that
/// of an object with this very tag.
Attempt<void> S3Get::check_tag(const ObjectInfo& info) {
  const std::string& expected = attempts_.expected_tag();
  if (expected.empty() || !attempts_.request().if_match.empty()) return {};
  if (info.etag != expected) {
    return std::unexpected(Failure(Error(ErrorKind::kChanged, "the object has another tag")));
  }
  if (attempts_.has_tried(Remedy::kNoCondition))
    leave_out_if_match(request_.bucket, client_.learned, client_.clock.unix_seconds());
  return {};
}

/// What the failure of this question means, of a status that is no success.
Failure S3Get::judge(unsigned status, Failure failure) const {
  const bool nothing_at_0 = failure.error.kind() == ErrorKind::kRangeNotSatisfiable &&
                            !failure.error.object_size() && range_.begin == 0;
  if (nothing_at_0) failure.error = Error::range_not_satisfiable(0);
  const bool is_head = ask_ == Ask::kHead;
  if (failure.remedy == Remedy::kNone && !is_head && may_refuse_condition(status, failure)) {
    failure.remedy = Remedy::kNoCondition;
  }
  if (is_head && is_unexplained(status, request_)) failure.remedy = Remedy::kByGet;
  return failure;
}

/// Decides whether the stream compares its sum, and what happens if the sum is wrong.
S3Get::Stream S3Get::finish(Stream stream) {
  attempts_.succeeded();
  if (!stream->has_sum()) return stream;
  if (checksums_ == Checksums::kIgnore ||
      client_.learned.wrong_sums.ignores(request_.bucket, request_.key, attempts_.now())) {
    stream->ignore_sum();
    return stream;
  }
  if (request_.if_match.empty()) request_.if_match = stream->info().etag;
  request_.turn = nullptr;  // the body has the place at the gate
  stream->on_wrong_sum([&client = client_, &worker = worker_,
                        request = std::move(request_)](aws::ExpectedChecksum sum) {
    return second_fetch_has_same_sum(client, worker, request, std::move(sum));
  });
  return stream;
}

}  // namespace

rt::Task<Result<std::unique_ptr<GetStream>>> run_get(S3ClientState& client, rt::Worker& worker,
                                                     GetRequest request, Checksums checksums) {
  CHECK(request.ask == Ask::kHead || !request.range.empty());
  S3Get get(client, worker, std::move(request), checksums);
  Result<S3Get::Stream> stream = co_await get.run();
  co_return stream;
}

}  // namespace cachey::origin
