#include "origin/s3/request.h"

#include <fmt/format.h>

#include <vector>

#include "aws/date.h"
#include "aws/digest.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

constexpr size_t kHeadersUsual = 8;

std::string range_text(const GetObject& get) {
  if (get.ask == Ask::kTail) return fmt::format("bytes=-{}", get.range.size());
  return fmt::format("bytes={}-{}", get.range.begin, get.range.end - 1);
}

}  // namespace

std::string format_request(const GetObject& get, const AttemptNumber& number, int64_t unix_seconds,
                           aws::Signer& signer) {
  const bool is_head = get.ask == Ask::kHead;
  const std::string_view method = is_head ? "HEAD" : "GET";
  std::vector<aws::NamedValue> headers;
  headers.reserve(kHeadersUsual);
  headers.push_back({"host", host_header(get.endpoint.url)});
  if (!is_head) headers.push_back({"range", range_text(get)});
  if (get.checksum_mode) headers.push_back({"x-amz-checksum-mode", "ENABLED"});
  std::vector<aws::NamedValue> query;
  if (!is_head) query.push_back({"x-id", "GetObject"});  // as the SDKs: HeadObject has none
  if (get.credentials) {
    headers.push_back({"x-amz-content-sha256", std::string(aws::kEmptyPayloadHash)});
    headers.push_back({"x-amz-date", aws::amz_date(unix_seconds)});
    const std::string& token = get.credentials->session_token();
    if (!token.empty()) headers.push_back({"x-amz-security-token", token});
    aws::RequestToSign to_sign;
    to_sign.method = method;
    to_sign.path = get.path;
    to_sign.query = query;
    to_sign.headers = headers;
    aws::SigningScope scope;
    scope.region = get.endpoint.signing_region;
    std::string authorization =
        signer.authorization(to_sign, scope, *get.credentials, unix_seconds);
    headers.push_back({"authorization", std::move(authorization)});
  }

  // A proxy gets the absolute form. The signature is over the path in both cases.
  std::string target =
      get.http_proxy == nullptr ? get.path : absolute_form(get.endpoint.url, get.path);
  if (!query.empty()) target += "?" + aws::canonical_query(query);
  RequestHead head(method, target);
  for (const aws::NamedValue& header : headers) head.add(header.name, header.value);
  if (!get.if_match.empty()) head.add("if-match", get.if_match);
  head.add("amz-sdk-invocation-id", get.invocation_id);
  head.add("amz-sdk-request",
           fmt::format("attempt={}; max={}", number.attempt, number.attempts_max));
  head.add("user-agent", get.user_agent);
  if (get.http_proxy != nullptr && !get.http_proxy->authorization.empty())
    head.add("proxy-authorization", get.http_proxy->authorization);
  return head.finish();
}

std::string format_uuid(uint64_t high, uint64_t low) {
  high = (high & ~uint64_t{0xf000}) | 0x4000;                // version 4
  low = (low & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // variant 1
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

}  // namespace cachey::origin
