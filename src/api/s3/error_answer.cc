#include "api/s3/error_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "api/reply.h"
#include "base/check.h"

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kReadOnly =
    "this endpoint is a read-only cache; write to the store itself";

constexpr std::array kSameForErrors = {net::Field("Content-Type", "application/xml"),
                                       net::Field("Cache-Control", "no-store"),
                                       net::Field("Server", "cachey")};

const aws::ErrorCode& code_of(const Error& error) {
  if (error.kind() == ErrorKind::kNotFound && error.cause() == ErrorCause::kNoSuchBucket) {
    return *aws::find_error_code("NoSuchBucket");
  }
  return aws::error_code_of(error.kind());
}

/// The text of the code says nothing of what happened.
bool needs_detail(const aws::ErrorCode& code) {
  return code.code == "InternalError" || code.code == "SlowDown" || code.code == "InvalidRequest" ||
         code.code == "NotCached";
}

/// The path as S3 names it: decoded if bucket and key are known, else as it came.
std::string resource_of(const RefusedRequest& refused) {
  if (refused.bucket.empty()) {
    const std::string_view target = refused.request.target();
    return std::string(target.substr(0, target.find('?')));
  }
  std::string resource = fmt::format("/{}", refused.bucket);
  if (!refused.key.empty()) resource.append("/").append(refused.key);
  return resource;
}

}  // namespace

Refusal Refusal::of(std::string_view code, std::string message) {
  const aws::ErrorCode* const found = aws::find_error_code(code);
  CHECK(found != nullptr && !found->message.empty());
  return Refusal{.code = found, .message = std::move(message)};
}

Refusal Refusal::of(const Error& error) {
  Refusal refusal{.code = &code_of(error),
                  .cause = to_string(error.kind()),
                  .object_size = error.object_size(),
                  .retry_after = error.retry_after()};
  if (needs_detail(*refusal.code))
    refusal.details.push_back({"Detail", std::string(text_for_clients(error))});
  return refusal;
}

Refusal Refusal::precondition_failed(std::string_view field) {
  Refusal refusal = of("PreconditionFailed");
  refusal.details.push_back({"Condition", std::string(field)});
  return refusal;
}

Refusal Refusal::range_not_satisfiable(std::string_view asked,
                                       std::optional<uint64_t> object_size) {
  Refusal refusal = of("InvalidRange");
  refusal.details.push_back({"RangeRequested", std::string(asked)});
  refusal.object_size = object_size;
  return refusal;
}

Refusal Refusal::no_such_part(uint32_t part, uint32_t count) {
  Refusal refusal = of("InvalidPartNumber");
  refusal.details = {{"ActualPartCount", fmt::format("{}", count)},
                     {"PartNumberRequested", fmt::format("{}", part)}};
  return refusal;
}

Refusal Refusal::invalid_argument(std::string_view name, std::string_view value,
                                  std::string message) {
  Refusal refusal = of("InvalidArgument", std::move(message));
  refusal.details = {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}};
  return refusal;
}

Refusal Refusal::method_not_allowed() { return of("MethodNotAllowed", std::string(kReadOnly)); }

std::string write_refusal(const Refusal& refusal, const RefusedRequest& refused) {
  aws::ErrorDocument document;
  document.code = refusal.store_code.empty() ? refusal.code->code : refusal.store_code;
  document.message = refusal.message.empty() ? refusal.code->message : refusal.message;
  document.actual_object_size = refusal.object_size;
  document.details = refusal.details;
  if (!refused.bucket.empty())
    document.details.push_back({"BucketName", std::string(refused.bucket)});
  if (!refused.key.empty()) document.details.push_back({"Key", std::string(refused.key)});
  document.details.push_back({"Resource", resource_of(refused)});
  document.request_id = refused.request_id;
  document.host_id = refused.host_id;
  return aws::write_error_document(document);
}

rt::Task<void> refuse(net::ResponseWriter& writer, Refusal refusal, RefusedRequest refused) {
  static const net::ConstantFields kConstants(kSameForErrors);
  net::ResponseHead head(refusal.status());
  head.set_constants(kConstants);
  head.set_error(refusal.cause.empty() ? refusal.code->code : refusal.cause);
  head.add("x-amz-request-id", refused.request_id);
  head.add("x-amz-id-2", refused.host_id);
  std::string content_range;
  if (head.status() == 416 && refusal.object_size) {
    content_range = fmt::format("bytes */{}", *refusal.object_size);
    head.add("Content-Range", content_range);
  }
  std::string retry_after;
  if (head.status() == 503) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(refusal.retry_after);
    retry_after = fmt::format("{}", std::max<int64_t>(seconds.count(), 1));
    head.add("Retry-After", retry_after);
  }
  if (head.status() == 405) head.add("Allow", "GET, HEAD");
  if (!refusal.lines.empty()) head.add_lines(refusal.lines);
  std::string body;
  if (refused.request.method() != net::Method::kHead) body = write_refusal(refusal, refused);
  head.set_content_length(body.size());
  writer.start(head);
  const bool sent = co_await net::offer_all(writer, body);
  if (sent) (void)co_await writer.finish(std::span<const net::Field>());
}

}  // namespace cachey::api::s3
