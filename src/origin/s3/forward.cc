#include "origin/s3/forward.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/field_lines.h"
#include "origin/s3/attempts.h"
#include "origin/transport/answer_failure.h"
#include "origin/transport/http_exchange.h"
#include "origin/transport/token.h"

namespace cachey::origin {
namespace {

/// The forwarded requests of a bucket share the retries of one object: a client chooses their
/// names, and may know questions that the store fails to answer.
constexpr uint64_t kPayerKey = 0;

/// Fields that the client of the store writes itself, in lower case.
constexpr std::string_view kOwnFields[] = {
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
};

/// Whether the field can be signed and sent as it is.
bool may_have(const NamedText& field) {
  return is_token(field.name) && std::ranges::none_of(field.name, is_upper) &&
         !breaks_line(field.value) && !std::ranges::binary_search(kOwnFields, field.name);
}

/// What the attempts need to know.
GetRequest terms_of(const ForwardRequest& request) {
  GetRequest terms;
  terms.bucket = request.bucket;
  terms.key = request.key;
  terms.config = request.config;
  terms.stop = request.stop;
  terms.request_id = request.request_id;
  terms.trace = request.trace;
  terms.ask = request.head ? Ask::kHead : Ask::kRange;
  return terms;
}

/// The answer with its body on the connection, or with a refusal's text.
class S3ForwardAnswer final : public ForwardAnswer {
 public:
  S3ForwardAnswer(ResponseHead head, std::unique_ptr<HttpExchange> exchange)
      : head_(std::move(head)), exchange_(std::move(exchange)) {}
  S3ForwardAnswer(ResponseHead head, std::string text)
      : head_(std::move(head)), text_(std::move(text)) {}

  [[nodiscard]] unsigned status() const override { return head_.status; }
  [[nodiscard]] std::string_view lines() const override { return head_.lines; }
  [[nodiscard]] std::optional<uint64_t> content_length() const override {
    return head_.content_length;
  }
  [[nodiscard]] rt::Task<Result<size_t>> read(std::span<std::byte> into) override {
    if (exchange_ != nullptr) {
      Result<size_t> got = co_await exchange_->read_any(into);
      co_return got;
    }
    const size_t size = std::min(into.size(), text_.size() - text_read_);
    std::memcpy(into.data(), text_.data() + text_read_, size);
    text_read_ += size;
    co_return size;
  }

 private:
  const ResponseHead head_;
  const std::unique_ptr<HttpExchange> exchange_;  // null: the body is text_
  const std::string text_;
  size_t text_read_ = 0;
};

/// The state of one forwarded request. Owned by run_forward(). The worker's thread.
class S3Forward {
 public:
  using Answer = std::unique_ptr<S3ForwardAnswer>;

  S3Forward(S3ClientState& client, rt::Worker& worker, ForwardRequest request)
      : question_(std::move(request)),
        terms_(terms_of(question_)),
        attempts_(client, worker, terms_, kPayerKey) {}
  S3Forward(const S3Forward&) = delete;

  [[nodiscard]] rt::Task<Result<Answer>> run();

 private:
  void ask();
  [[nodiscard]] rt::Task<Attempt<Answer>> attempt();
  [[nodiscard]] rt::Task<Attempt<Answer>> take_refusal(Answered answered);
  [[nodiscard]] rt::Task<Attempt<void>> ask_why();

  const ForwardRequest question_;
  const GetRequest terms_;
  Attempts attempts_;
  bool asked_why_ = false;
};

rt::Task<Result<S3Forward::Answer>> S3Forward::run() {
  if (!std::ranges::all_of(question_.fields, may_have))
    co_return fail(ErrorKind::kRefused, "a field that a forwarded request cannot have");
  Result<void> prepared = co_await attempts_.prepare();
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  ask();
  while (true) {
    Attempt<Answer> answer = co_await attempt();
    if (answer) co_return std::move(*answer);
    Result<void> recovered = co_await attempts_.recover(std::move(answer.error()));
    if (!recovered) co_return std::unexpected(std::move(recovered.error()));
  }
}

void S3Forward::ask() {
  S3Request& request = attempts_.request();
  request.head = question_.head;
  request.query.clear();
  for (const NamedText& item : question_.query) request.query.push_back({item.name, item.value});
  request.fields.clear();
  for (const NamedText& field : question_.fields)
    request.fields.push_back({field.name, field.value});
}

rt::Task<Attempt<S3Forward::Answer>> S3Forward::attempt() {
  Attempt<Answered> answered = co_await attempts_.send(KeepLines::kSubject);
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  const unsigned status = answered->head.status;
  const bool good = (status >= 200 && status < 300) || status == 304;
  if (!good) co_return co_await take_refusal(std::move(*answered));
  attempts_.succeeded();
  // Without a body the connection is free at once.
  if (question_.head || status == 204 || status == 304) {
    answered->exchange->finish_bodiless();
    co_return std::make_unique<S3ForwardAnswer>(std::move(answered->head), "");
  }
  co_return std::make_unique<S3ForwardAnswer>(std::move(answered->head),
                                              std::move(answered->exchange));
}

/// Tells a refusal of the question, which is an answer, from other failures.
rt::Task<Attempt<S3Forward::Answer>> S3Forward::take_refusal(Answered answered) {
  Refused refused = co_await attempts_.read_refusal(answered);
  Failure& failure = refused.failure;
  if (failure.remedy == Remedy::kRegion &&
      failure.region == attempts_.request().endpoint.signing_region)
    failure.remedy = Remedy::kNone;
  const bool unexplained = question_.head && failure.remedy == Remedy::kNone &&
                           may_be_about_signature(answered.head.status);
  if (unexplained && !asked_why_) {
    Attempt<void> why = co_await ask_why();
    if (!why) co_return std::unexpected(std::move(why.error()));
  }
  if (!is_about_question(answered.head.status, failure))
    co_return std::unexpected(std::move(failure));
  attempts_.refused();
  if (!question_.head) answered.head.content_length = refused.text.size();
  co_return std::make_unique<S3ForwardAnswer>(std::move(answered.head), std::move(refused.text));
}

/// An answer to a HEAD has no document: a GET of the same, of a byte or a name, has one. Fails if
/// that document asks for another region, clock or credentials, and names the remedy.
rt::Task<Attempt<void>> S3Forward::ask_why() {
  asked_why_ = true;
  S3Request& request = attempts_.request();
  request.head = false;
  if (question_.key.empty()) {
    request.query.push_back({"max-keys", "1"});
  } else {
    std::erase_if(request.fields, [](const auto& field) { return field.name == "range"; });
    request.fields.push_back({"range", "bytes=0-0"});
  }
  Attempt<Answered> answered = co_await attempts_.send();
  ask();
  if (!answered || answered->head.status < 300) co_return Attempt<void>();
  Refused refused = co_await attempts_.read_refusal(*answered);
  if (is_about_question(answered->head.status, refused.failure)) co_return Attempt<void>();
  co_return std::unexpected(std::move(refused.failure));
}

}  // namespace

rt::Task<Result<std::unique_ptr<ForwardAnswer>>> run_forward(S3ClientState& client,
                                                             rt::Worker& worker,
                                                             ForwardRequest request) {
  S3Forward forward(client, worker, std::move(request));
  Result<S3Forward::Answer> answer = co_await forward.run();
  co_return answer;
}

}  // namespace cachey::origin
