#include "origin/s3/request.h"

#include <fmt/format.h>

#include <vector>

#include "aws/date.h"
#include "aws/digest.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

constexpr size_t kHeadersUsual = 6;

}  // namespace

std::string format_request(const S3Request& request, const AttemptNumber& number,
                           int64_t unix_seconds, aws::Signer& signer) {
  const std::string_view method = request.head ? "HEAD" : "GET";
  std::vector<aws::NamedValue> headers;
  headers.reserve(kHeadersUsual + request.fields.size());
  headers.push_back({"host", host_header(request.endpoint.url)});
  headers.insert(headers.end(), request.fields.begin(), request.fields.end());
  if (request.credentials) {
    headers.push_back({"x-amz-content-sha256", std::string(aws::kEmptyPayloadHash)});
    headers.push_back({"x-amz-date", aws::amz_date(unix_seconds)});
    const std::string& token = request.credentials->session_token();
    if (!token.empty()) headers.push_back({"x-amz-security-token", token});
    aws::RequestToSign to_sign;
    to_sign.method = method;
    to_sign.path = request.path;
    to_sign.query = request.query;
    to_sign.headers = headers;
    aws::SigningScope scope;
    scope.region = request.endpoint.signing_region;
    std::string authorization =
        signer.authorization(to_sign, scope, *request.credentials, unix_seconds);
    headers.push_back({"authorization", std::move(authorization)});
  }

  // A proxy gets the absolute form. The signature is over the path in both cases.
  std::string target = request.http_proxy == nullptr
                           ? request.path
                           : absolute_form(request.endpoint.url, request.path);
  if (!request.query.empty()) target += "?" + aws::canonical_query(request.query);
  RequestHead head(method, target);
  for (const aws::NamedValue& header : headers) head.add(header.name, header.value);
  if (!request.if_match.empty()) head.add("if-match", request.if_match);
  if (!request.traceparent.empty()) head.add("traceparent", request.traceparent);
  if (!request.tracestate.empty()) head.add("tracestate", request.tracestate);
  head.add("amz-sdk-invocation-id", request.invocation_id);
  head.add("amz-sdk-request",
           fmt::format("attempt={}; max={}", number.attempt, number.attempts_max));
  head.add("user-agent", request.user_agent);
  if (request.http_proxy != nullptr && !request.http_proxy->authorization.empty())
    head.add("proxy-authorization", request.http_proxy->authorization);
  return head.finish();
}

std::string format_uuid(uint64_t high, uint64_t low) {
  high = (high & ~uint64_t{0xf000}) | 0x4000;                // version 4
  low = (low & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // variant 1
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

}  // namespace cachey::origin
