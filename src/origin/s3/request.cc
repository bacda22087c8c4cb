#include "origin/s3/request.h"

#include <fmt/format.h>

#include <vector>

#include "aws/date.h"
#include "aws/digest.h"

namespace cachey::origin {

std::string user_agent(std::string_view app_id) {
  std::string text = "cachey/" CACHEY_VERSION;
  if (!app_id.empty()) text += fmt::format(" app/{}", app_id);
  return text;
}

std::string format_request(const GetObject& get, const AttemptNumber& number, int64_t unix_seconds,
                           aws::Signer& signer) {
  std::vector<aws::NamedValue> headers = {
      {"host", host_header(get.endpoint.url)},
      {"range", fmt::format("bytes={}-{}", get.range.begin, get.range.end - 1)},
  };
  if (get.checksum_mode) headers.push_back({"x-amz-checksum-mode", "ENABLED"});
  const std::vector<aws::NamedValue> query = {{"x-id", "GetObject"}};
  if (get.credentials) {
    headers.push_back({"x-amz-content-sha256", std::string(aws::kEmptyPayloadHash)});
    headers.push_back({"x-amz-date", aws::amz_date(unix_seconds)});
    const std::string& token = get.credentials->session_token();
    if (!token.empty()) headers.push_back({"x-amz-security-token", token});
    aws::RequestToSign to_sign;
    to_sign.path = get.path;
    to_sign.query = query;
    to_sign.headers = headers;
    aws::SigningScope scope;
    scope.region = get.endpoint.signing_region;
    std::string authorization =
        signer.authorization(to_sign, scope, *get.credentials, unix_seconds);
    headers.push_back({"authorization", std::move(authorization)});
  }

  // To a proxy in absolute form; what is signed is the path all the same.
  const std::string path =
      get.http_proxy == nullptr ? get.path : absolute_form(get.endpoint.url, get.path);
  std::string text = fmt::format("GET {}?{} HTTP/1.1\r\n", path, aws::canonical_query(query));
  const auto add = [&text](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  for (const aws::NamedValue& header : headers) add(header.name, header.value);
  if (!get.if_match.empty()) add("if-match", get.if_match);
  add("amz-sdk-invocation-id", get.invocation_id);
  add("amz-sdk-request", fmt::format("attempt={}; max={}", number.attempt, number.attempts_max));
  add("user-agent", get.user_agent);
  if (get.http_proxy != nullptr && !get.http_proxy->authorization.empty())
    add("proxy-authorization", get.http_proxy->authorization);
  text += "\r\n";
  return text;
}

std::string format_uuid(uint64_t high, uint64_t low) {
  high = (high & ~uint64_t{0xf000}) | 0x4000;                // version 4
  low = (low & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // variant 1
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

}  // namespace cachey::origin
