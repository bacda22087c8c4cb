#include "aws/signature_claim.h"

#include <algorithm>
#include <array>
#include <utility>

#include "aws/date.h"
#include "aws/digest.h"
#include "aws/signing_key.h"
#include "base/ascii.h"
#include "base/escape.h"
#include "base/http_date.h"

namespace cachey::aws {
namespace {

using Faulty = std::unexpected<SignatureFailure>;

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::string_view kStreamingPayload = "STREAMING-";  // a kind of chunks follows
constexpr size_t kRegionBytesMax = 63;                        // bounds the memory of the key cache

Faulty faulty(SignatureFault fault, std::string_view detail = {}) {
  return Faulty(SignatureFailure(fault, std::string(detail)));
}

SignatureFault malformed(SignatureForm form) {
  return form == SignatureForm::kHeader ? SignatureFault::kHeaderMalformed
                                        : SignatureFault::kQueryMalformed;
}

bool same_name(std::string_view name, std::string_view lower) {
  return std::ranges::equal(
      name, lower, {}, [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
}

bool is_payload_hash(std::string_view text) {
  if (text == kUnsignedPayload) return true;
  if (text.starts_with(kStreamingPayload)) {
    return std::ranges::all_of(text, [](char c) { return is_upper(c) || is_digit(c) || c == '-'; });
  }
  return text.size() == 2 * sizeof(Sha256Digest) &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

/// The value of the header of this name. Nothing unless there is exactly one.
std::optional<std::string_view> only_value(const ReceivedRequest& request, std::string_view name) {
  const std::vector<std::string_view> values = values_of(request, name);
  return values.size() == 1 ? std::optional(trimmed(values.front())) : std::nullopt;
}

/// `AKID/20130524/us-east-1/s3/aws4_request`; the id may have slashes.
bool parse_credential(std::string_view text, SignatureClaim& claim) {
  std::array<std::string_view, 4> parts;  // from the end: terminator, service, region, day
  for (std::string_view& part : parts) {
    const size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return false;
    part = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  const auto& [end, service, region, day] = parts;
  if (text.empty() || end != kScopeEnd || day.size() != kDayBytes) return false;
  if (region.size() > kRegionBytesMax) return false;
  claim.access_key_id = text;
  claim.day = day;
  claim.region = region;
  claim.service = service;
  return true;
}

/// `host;range;x-amz-date`: lower case, no name twice.
std::optional<SignatureFailure> parse_signed_headers(std::string_view text, SignatureClaim& claim) {
  SignatureFailure bad(malformed(claim.form), "SignedHeaders");
  while (true) {
    const size_t end = text.find(';');
    const std::string_view name = text.substr(0, end);
    if (name.empty() || std::ranges::any_of(name, is_upper)) return bad;
    if (std::ranges::count(claim.signed_headers, name) > 0) return bad;
    if (claim.signed_headers.size() >= kSignedHeadersMax)
      return SignatureFailure(SignatureFault::kTooLarge);
    claim.signed_headers.emplace_back(name);
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

/// The values in `Credential=..., SignedHeaders=..., Signature=...`.
struct AuthorizationParts {
  std::string_view credential;
  std::string_view signed_headers;
  std::string_view signature;
};

/// Nothing unless each part is there once; any order.
std::optional<AuthorizationParts> split_authorization(std::string_view text) {
  AuthorizationParts parts;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = trimmed(text.substr(0, comma));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals + 1 == part.size()) return std::nullopt;
    const std::string_view name = part.substr(0, equals);
    std::string_view* const place = name == "Credential"      ? &parts.credential
                                    : name == "SignedHeaders" ? &parts.signed_headers
                                    : name == "Signature"     ? &parts.signature
                                                              : nullptr;
    if (place == nullptr || !place->empty()) return std::nullopt;
    *place = part.substr(equals + 1);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  const bool all =
      !parts.credential.empty() && !parts.signed_headers.empty() && !parts.signature.empty();
  return all ? std::optional(parts) : std::nullopt;
}

/// The x-amz-date header, else the Date header (ISO or HTTP form).
std::optional<int64_t> date_of(const ReceivedRequest& request) {
  if (!values_of(request, "x-amz-date").empty())
    return parse_amz_date(only_value(request, "x-amz-date").value_or(""));
  const std::string_view date = only_value(request, "date").value_or("");
  const std::optional<int64_t> amz = parse_amz_date(date);
  return amz ? amz : parse_http_date(date);
}

std::expected<SignatureClaim, SignatureFailure> parse_header_form(const ReceivedRequest& request) {
  const std::optional<std::string_view> value = only_value(request, "authorization");
  if (!value) return faulty(SignatureFault::kHeaderMalformed, "Authorization");
  const size_t blank = value->find_first_of(kBlanks);
  if (value->substr(0, blank) != kSigningAlgorithm) return faulty(SignatureFault::kUnsupported);
  const std::optional<AuthorizationParts> parts =
      split_authorization(blank == std::string_view::npos ? "" : value->substr(blank));
  if (!parts) return faulty(SignatureFault::kHeaderMalformed, "Authorization");
  SignatureClaim claim;
  if (!parse_credential(parts->credential, claim))
    return faulty(SignatureFault::kHeaderMalformed, "Credential");
  if (auto fault = parse_signed_headers(parts->signed_headers, claim))
    return Faulty(std::move(*fault));
  claim.signature = parts->signature;
  claim.signed_at = date_of(request);
  if (!claim.signed_at) return faulty(SignatureFault::kDateMissing);
  claim.payload_hash = only_value(request, "x-amz-content-sha256").value_or("");
  if (claim.payload_hash.empty()) return faulty(SignatureFault::kPayloadHashMissing);
  if (!is_payload_hash(claim.payload_hash)) return faulty(SignatureFault::kBadPayloadHash);
  claim.security_token = only_value(request, "x-amz-security-token").value_or("");
  return claim;
}

/// The parameters of the query form.
class QueryForm {
 public:
  explicit QueryForm(std::span<const NamedValue> query) : query_(query) {}

  [[nodiscard]] bool has(std::string_view name) const {
    return std::ranges::count(query_, name, &NamedValue::name) > 0;
  }

  /// Empty if the parameter is missing or repeated; then fault() names the first such parameter.
  std::string_view get(std::string_view name) {
    const auto found = std::ranges::find(query_, name, &NamedValue::name);
    if (found != query_.end() && std::ranges::count(query_, name, &NamedValue::name) == 1)
      return found->value;
    if (fault_.empty()) fault_ = name;
    return {};
  }

  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  const std::span<const NamedValue> query_;
  std::string_view fault_;
};

std::expected<SignatureClaim, SignatureFailure> parse_query_form(const ReceivedRequest& request,
                                                                 QueryForm& query) {
  SignatureClaim claim;
  claim.form = SignatureForm::kQuery;
  const std::string_view algorithm = query.get("X-Amz-Algorithm");
  const std::string_view credential = query.get("X-Amz-Credential");
  const std::string_view date = query.get("X-Amz-Date");
  const std::string_view expires = query.get("X-Amz-Expires");
  const std::string_view signed_headers = query.get("X-Amz-SignedHeaders");
  claim.signature = query.get("X-Amz-Signature");
  if (!query.fault().empty()) return faulty(SignatureFault::kQueryMalformed, query.fault());
  if (algorithm != kSigningAlgorithm) return faulty(SignatureFault::kUnsupported);
  if (!parse_credential(credential, claim))
    return faulty(SignatureFault::kQueryMalformed, "X-Amz-Credential");
  if (auto fault = parse_signed_headers(signed_headers, claim)) return Faulty(std::move(*fault));
  claim.signed_at = parse_amz_date(date);
  if (!claim.signed_at) return faulty(SignatureFault::kQueryMalformed, "X-Amz-Date");
  claim.expires_in = parse_number<int64_t>(expires);
  if (!claim.expires_in) return faulty(SignatureFault::kExpiresOutOfRange);
  if (query.has("X-Amz-Content-Sha256")) {
    claim.payload_hash = query.get("X-Amz-Content-Sha256");
  } else {
    claim.payload_hash = only_value(request, "x-amz-content-sha256").value_or(kUnsignedPayload);
  }
  if (query.has("X-Amz-Security-Token")) claim.security_token = query.get("X-Amz-Security-Token");
  if (!query.fault().empty()) return faulty(SignatureFault::kQueryMalformed, query.fault());
  if (!is_payload_hash(claim.payload_hash)) return faulty(SignatureFault::kBadPayloadHash);
  return claim;
}

}  // namespace

std::expected<std::vector<NamedValue>, SignatureFailure> decode_query(std::string_view query) {
  std::vector<NamedValue> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (parameter.empty()) continue;
    if (parameters.size() >= kQueryParametersMax) return faulty(SignatureFault::kTooLarge);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    std::optional<std::string> name = percent_decode(parameter.substr(0, equals));
    std::optional<std::string> value =
        percent_decode(parameter.substr(std::min(equals + 1, parameter.size())));
    if (!name || !value) return faulty(SignatureFault::kPathMalformed);
    parameters.push_back({std::move(*name), std::move(*value)});
  }
  return parameters;
}

std::vector<std::string_view> values_of(const ReceivedRequest& request, std::string_view name) {
  std::vector<std::string_view> values;
  for (const ReceivedRequest::Header& header : request.headers) {
    if (same_name(header.name, name)) values.push_back(header.value);
  }
  return values;
}

std::expected<SignatureClaim, SignatureFailure> parse_signature_claim(
    const ReceivedRequest& request, std::span<const NamedValue> query) {
  QueryForm form(query);
  const bool by_query =
      form.has("X-Amz-Algorithm") || form.has("X-Amz-Credential") || form.has("X-Amz-Signature");
  const bool by_query_v2 = form.has("AWSAccessKeyId") && form.has("Signature");
  const bool by_header = !values_of(request, "authorization").empty();
  if (by_header && (by_query || by_query_v2)) return faulty(SignatureFault::kTwoForms);
  if (by_header) return parse_header_form(request);
  if (by_query) return parse_query_form(request, form);
  return faulty(by_query_v2 ? SignatureFault::kUnsupported : SignatureFault::kMissing);
}

}  // namespace cachey::aws
