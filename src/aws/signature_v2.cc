#include "aws/signature_v2.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "aws/canonical_request.h"
#include "aws/digest.h"
#include "base/ascii.h"

namespace cachey::aws {
namespace {

/// Parameters that are part of what is signed. Other parameters can be changed without the secret.
constexpr std::string_view kSigned[] = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
};
static_assert(std::ranges::is_sorted(kSigned));

/// The first value: of a header, else of a parameter. Nothing is empty.
std::string_view value_of(const ReceivedRequest& request, std::string_view name) {
  const auto header = std::ranges::find(request.headers, name, &HeaderView::name);
  if (header != request.headers.end()) return trimmed(header->value);
  for (const NamedValue& parameter : request.query) {
    if (lower_case(parameter.name) == name) return parameter.value;
  }
  return {};
}

/// The only value of a parameter; nothing unless there is exactly one, and not empty.
std::optional<std::string_view> only_parameter(const ReceivedRequest& request,
                                               std::string_view name) {
  const auto found = std::ranges::find(request.query, name, &NamedValue::name);
  if (found == request.query.end() || found->value.empty()) return std::nullopt;
  if (std::ranges::count(request.query, name, &NamedValue::name) != 1) return std::nullopt;
  return found->value;
}

/// `name:value` lines, sorted by name; values of one name are joined.
void append_amz_headers(const ReceivedRequest& request, std::string& text) {
  std::multimap<std::string, std::string_view> headers;  // values of one name keep their order
  for (const HeaderView& header : request.headers) {
    if (header.name.starts_with(kAmzPrefix)) headers.emplace(header.name, trimmed(header.value));
  }
  for (const NamedValue& parameter : request.query) {
    std::string name = lower_case(parameter.name);
    if (name.starts_with(kAmzPrefix)) headers.emplace(std::move(name), parameter.value);
  }
  const std::string* last = nullptr;
  for (const auto& [name, value] : headers) {
    if (last != nullptr && name == *last) {
      text.back() = ',';  // replaces the line feed
    } else {
      text.append(name) += ':';
    }
    text.append(value) += '\n';
    last = &name;
  }
}

void append_resource(const ReceivedRequest& request, std::string_view path, std::string& text) {
  if (!request.bucket_of_host.empty()) text.append("/").append(request.bucket_of_host);
  text += path;
  std::multimap<std::string_view, std::string_view> parameters;
  for (const NamedValue& parameter : request.query) {
    if (std::ranges::binary_search(kSigned, std::string_view(parameter.name)))
      parameters.emplace(parameter.name, parameter.value);
  }
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    text += std::exchange(separator, '&');
    text += name;
    if (!value.empty()) text.append("=").append(value);
  }
}

}  // namespace

std::expected<SignatureClaimV2, SignatureFailure> parse_signature_claim_v2(
    const ReceivedRequest& request) {
  const auto id = only_parameter(request, "AWSAccessKeyId");
  const auto signature = only_parameter(request, "Signature");
  const auto expires = only_parameter(request, "Expires");
  const auto malformed = [](const char* name) {
    return std::unexpected(SignatureFailure(SignatureFault::kQueryV2Malformed, name));
  };
  if (!id) return malformed("AWSAccessKeyId");
  if (!signature) return malformed("Signature");
  if (!expires) return malformed("Expires");
  const std::optional<int64_t> expires_at = parse_number<int64_t>(*expires);
  if (!expires_at) {
    SignatureFailure failure(SignatureFault::kQueryV2Malformed, "Expires");
    failure.message = "Invalid date (should be seconds since epoch)";
    return std::unexpected(std::move(failure));
  }
  return SignatureClaimV2{.access_key_id = *id,
                          .signature = *signature,
                          .expires = *expires,
                          .expires_at = *expires_at,
                          .security_token = value_of(request, "x-amz-security-token")};
}

std::string string_to_sign_v2(const ReceivedRequest& request, std::string_view path,
                              std::string_view expires) {
  std::string text;
  text.append(request.method) += '\n';
  text.append(value_of(request, "content-md5")) += '\n';
  text.append(value_of(request, "content-type")) += '\n';
  text.append(expires) += '\n';
  append_amz_headers(request, text);
  append_resource(request, path, text);
  return text;
}

std::string slashed_bucket_path(const ReceivedRequest& request) {
  const std::string_view path = request.path;
  const bool is_bucket = request.bucket_of_host.empty() && path.size() > 1 &&
                         path.find_first_of("/%", 1) == std::string_view::npos;  // %2F is a slash
  return is_bucket ? std::string(path) + '/' : std::string();
}

std::string signature_v2(std::string_view secret, std::string_view string_to_sign) {
  const Sha1Digest digest = hmac_sha1(
      {reinterpret_cast<const unsigned char*>(secret.data()), secret.size()}, string_to_sign);
  constexpr size_t kBase64Bytes = (std::tuple_size_v<Sha1Digest> + 2) / 3 * 4;
  std::array<unsigned char, kBase64Bytes + 1> text;  // with the zero at the end
  const int size = ::EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {text.begin(), text.begin() + size};
}

}  // namespace cachey::aws
