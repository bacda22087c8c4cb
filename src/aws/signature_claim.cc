#include "aws/signature_claim.h"

#include <fmt/format.h>

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

Faulty faulty(SignatureFault fault, std::string_view detail = {}, std::string message = {}) {
  return Faulty(SignatureFailure(fault, std::string(detail), std::move(message)));
}

/// S3 says what is wrong with the Authorization header behind these words.
std::string header_words(std::string_view what) {
  return fmt::format("The authorization header is malformed; {}", what);
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
  std::optional<std::string_view> value;
  for (const HeaderView& header : request.headers) {
    if (header.name != name) continue;
    if (value) return std::nullopt;
    value = trimmed(header.value);
  }
  return value;
}

bool has_header(const ReceivedRequest& request, std::string_view name) {
  return std::ranges::count(request.headers, name, &HeaderView::name) > 0;
}

/// S3's words about a credential; empty: `claim` has the parts.
std::string parse_credential(std::string_view text, SignatureClaim& claim) {
  static constexpr std::string_view kForm =
      "the Credential is mal-formed; expecting "
      "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
  std::array<std::string_view, 4> parts;  // from the end: terminator, service, region, day
  for (std::string_view& part : parts) {
    const size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return std::string(kForm);
    part = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  const auto& [end, service, region, day] = parts;
  if (text.empty() || region.size() > kRegionBytesMax) return std::string(kForm);
  if (end != kScopeEnd) {
    return fmt::format("incorrect terminal \"{}\". This endpoint uses \"{}\".",
                       end.substr(0, kShownBytesMax), kScopeEnd);
  }
  claim.access_key_id = text;
  claim.day = day;
  claim.region = region;
  claim.service = service;
  return {};
}

/// `host;range;x-amz-date`: lower case, no name twice.
std::optional<SignatureFailure> parse_signed_headers(std::string_view text, SignatureClaim& claim) {
  SignatureFailure bad(claim.form == SignatureForm::kHeader ? SignatureFault::kHeaderMalformed
                                                            : SignatureFault::kQueryMalformed,
                       "SignedHeaders");
  while (true) {
    const size_t end = text.find(';');
    const std::string_view name = text.substr(0, end);
    if (name.empty() || std::ranges::any_of(name, is_upper)) return bad;
    if (std::ranges::count(claim.signed_headers, name) > 0) return bad;
    if (claim.signed_headers.size() >= kSignedHeadersMax)
      return SignatureFailure(SignatureFault::kTooLarge);
    claim.signed_headers.push_back(name);
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

constexpr std::string_view kThreeComponents =
    "the authorization header requires three components: Credential, SignedHeaders, and Signature.";

/// Each part once, in any order. The error: S3's words.
std::expected<AuthorizationParts, std::string> split_authorization(std::string_view text) {
  if (std::ranges::count(text, ',') != 2) return std::unexpected(std::string(kThreeComponents));
  AuthorizationParts parts;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = trimmed(text.substr(0, comma));
    const size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    std::string_view* const place = name == "Credential"      ? &parts.credential
                                    : name == "SignedHeaders" ? &parts.signed_headers
                                    : name == "Signature"     ? &parts.signature
                                                              : nullptr;
    if (equals == std::string_view::npos || (place != nullptr && !place->empty())) {
      return std::unexpected(fmt::format("the authorization component \"{}\" is malformed.",
                                         name.substr(0, kShownBytesMax)));
    }
    if (place != nullptr) *place = part.substr(equals + 1);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  const char* const missing = parts.credential.empty()       ? "missing Credential."
                              : parts.signed_headers.empty() ? "missing SignedHeaders."
                              : parts.signature.empty()      ? "missing Signature."
                                                             : nullptr;
  if (missing != nullptr) return std::unexpected(missing);
  return parts;
}

/// The x-amz-date header, else the Date header (ISO or HTTP form).
std::optional<int64_t> date_of(const ReceivedRequest& request) {
  if (has_header(request, "x-amz-date"))
    return parse_amz_date(only_value(request, "x-amz-date").value_or(""));
  const std::string_view date = only_value(request, "date").value_or("");
  const std::optional<int64_t> amz = parse_amz_date(date);
  return amz ? amz : parse_http_date(date);
}

std::expected<SignatureClaim, SignatureFailure> parse_header_form(const ReceivedRequest& request) {
  const std::optional<std::string_view> value = only_value(request, "authorization");
  if (!value) return faulty(SignatureFault::kHeaderMalformed, "Authorization");
  const size_t blank = value->find_first_of(kBlanks);
  if (blank == std::string_view::npos) {
    return faulty(SignatureFault::kHeaderMalformed, "Authorization",
                  header_words(kThreeComponents));
  }
  auto parts = split_authorization(value->substr(blank));
  if (!parts) {
    return faulty(SignatureFault::kHeaderMalformed, "Authorization", header_words(parts.error()));
  }
  SignatureClaim claim;
  if (const std::string bad = parse_credential(parts->credential, claim); !bad.empty())
    return faulty(SignatureFault::kHeaderMalformed, "Credential", header_words(bad));
  if (auto fault = parse_signed_headers(parts->signed_headers, claim))
    return Faulty(std::move(*fault));
  claim.signature = parts->signature;
  const std::optional<int64_t> date = date_of(request);
  if (!date) return faulty(SignatureFault::kDateMissing);
  claim.signed_at = *date;
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

std::expected<SignatureClaim, SignatureFailure> parse_query_form(const ReceivedRequest& request) {
  QueryForm query(request.query);
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
  if (const std::string bad = parse_credential(credential, claim); !bad.empty()) {
    return faulty(SignatureFault::kQueryMalformed, "X-Amz-Credential",
                  fmt::format("Error parsing the X-Amz-Credential parameter; {}", bad));
  }
  if (auto fault = parse_signed_headers(signed_headers, claim)) return Faulty(std::move(*fault));
  const std::optional<int64_t> signed_at = parse_amz_date(date);
  if (!signed_at) {
    return faulty(SignatureFault::kQueryMalformed, "X-Amz-Date",
                  "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  claim.signed_at = *signed_at;
  const std::optional<int64_t> expires_in = parse_number<int64_t>(expires);
  if (!expires_in) {
    return faulty(SignatureFault::kExpiresOutOfRange, {}, "X-Amz-Expires should be a number");
  }
  claim.expires_in = *expires_in;
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

/// Of one name or value.
std::optional<std::string> decode_of_query(std::string_view text) {
  std::string blanks(text);
  std::ranges::replace(blanks, '+', ' ');
  return percent_decode(blanks);
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
    std::optional<std::string> name = decode_of_query(parameter.substr(0, equals));
    std::optional<std::string> value =
        decode_of_query(parameter.substr(std::min(equals + 1, parameter.size())));
    if (!name || !value) return faulty(SignatureFault::kPathMalformed);
    parameters.push_back({std::move(*name), std::move(*value)});
  }
  return parameters;
}

std::expected<SignatureForm, SignatureFailure> form_of(const ReceivedRequest& request) {
  const QueryForm form(request.query);
  const bool by_query =
      form.has("X-Amz-Algorithm") || form.has("X-Amz-Credential") || form.has("X-Amz-Signature");
  const bool by_query_v2 = form.has("AWSAccessKeyId") || form.has("Signature");
  const auto is_authorization = [](const HeaderView& h) { return h.name == "authorization"; };
  const auto header = std::ranges::find_if(request.headers, is_authorization);
  const bool by_header = header != request.headers.end();
  if (by_header + by_query + by_query_v2 > 1) return faulty(SignatureFault::kTwoForms);
  if (by_query) return SignatureForm::kQuery;
  if (by_query_v2) return SignatureForm::kQueryV2;
  if (!by_header) return faulty(SignatureFault::kMissing);
  const std::string_view value = trimmed(header->value);
  if (value.substr(0, value.find_first_of(kBlanks)) != kSigningAlgorithm)
    return faulty(SignatureFault::kUnsupported);
  return SignatureForm::kHeader;
}

std::expected<SignatureClaim, SignatureFailure> parse_signature_claim(
    const ReceivedRequest& request, SignatureForm form) {
  return form == SignatureForm::kHeader ? parse_header_form(request) : parse_query_form(request);
}

}  // namespace cachey::aws
