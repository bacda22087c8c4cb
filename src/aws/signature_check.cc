#include "aws/signature_check.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "aws/canonical_request.h"
#include "aws/date.h"
#include "aws/digest.h"
#include "base/ascii.h"
#include "base/escape.h"

namespace cachey::aws {
namespace {

using MaybeFault = std::optional<SignatureFailure>;

constexpr std::string_view kAmzPrefix = "x-amz-";
// Need not be signed as a header: the canonical request contains its value anyway.
constexpr std::string_view kPayloadHashHeader = "x-amz-content-sha256";
constexpr std::string_view kSignatureParameter = "X-Amz-Signature";

MaybeFault check_scope(const SignatureClaim& claim, std::string_view region,
                       std::string_view service) {
  const SignatureFault malformed = claim.form == SignatureForm::kHeader
                                       ? SignatureFault::kHeaderMalformed
                                       : SignatureFault::kQueryMalformed;
  if (claim.service != service) return SignatureFailure(malformed, "service");
  if (!region.empty() && claim.region != region) return SignatureFailure(malformed, "region");
  if (!amz_date(*claim.signed_at).starts_with(claim.day)) return SignatureFailure(malformed, "day");
  return std::nullopt;
}

MaybeFault check_time(const SignatureClaim& claim, int64_t now) {
  constexpr int64_t kSkewMax = SignatureChecker::kSkewMax;
  const int64_t age = now - *claim.signed_at;
  if (claim.form == SignatureForm::kHeader) {
    if (std::abs(age) > kSkewMax) return SignatureFailure(SignatureFault::kTooSkewed);
    return std::nullopt;
  }
  const int64_t expires_in = claim.expires_in.value_or(0);
  if (expires_in < 1 || expires_in > SignatureChecker::kExpiresMax)
    return SignatureFailure(SignatureFault::kExpiresOutOfRange);
  if (age < -kSkewMax) return SignatureFailure(SignatureFault::kNotYetValid);
  if (age > expires_in) return SignatureFailure(SignatureFault::kExpired);
  return std::nullopt;
}

/// Required: host, each x-amz- header, and the Date header if there is no x-amz-date.
MaybeFault check_signed_headers(const SignatureClaim& claim, const ReceivedRequest& request) {
  const auto is_signed = [&claim](std::string_view name) {
    return std::ranges::count(claim.signed_headers, name) > 0;
  };
  if (!is_signed("host")) return SignatureFailure(SignatureFault::kHeaderNotSigned, "host");
  bool has_amz_date = claim.form == SignatureForm::kQuery;
  for (const ReceivedRequest::Header& header : request.headers) {
    const std::string name = lower_case(header.name);
    if (!name.starts_with(kAmzPrefix) || name == kPayloadHashHeader) continue;
    if (!is_signed(name)) return SignatureFailure(SignatureFault::kHeaderNotSigned, name);
    has_amz_date = has_amz_date || name == "x-amz-date";
  }
  if (!has_amz_date && !is_signed("date"))
    return SignatureFailure(SignatureFault::kHeaderNotSigned, "date");
  return std::nullopt;
}

std::expected<std::string, SignatureFailure> canonical_path(std::string_view path) {
  const std::optional<std::string> decoded = percent_decode(path);
  if (!decoded) return std::unexpected(SignatureFailure(SignatureFault::kPathMalformed));
  std::string canonical;
  percent_encode(*decoded, Slashes::kKeep, canonical);
  return canonical;
}

/// In the order of the claim.
std::expected<std::vector<NamedValue>, SignatureFailure> signed_headers(
    const SignatureClaim& claim, const ReceivedRequest& request) {
  std::vector<NamedValue> headers;
  for (const std::string& name : claim.signed_headers) {
    const std::vector<std::string_view> values = values_of(request, name);
    if (values.empty())
      return std::unexpected(SignatureFailure(SignatureFault::kSignedHeaderMissing, name));
    for (const std::string_view value : values) headers.push_back({name, std::string(value)});
  }
  return headers;
}

std::expected<CanonicalRequest, SignatureFailure> canonical_request_of(
    const SignatureClaim& claim, const ReceivedRequest& request, std::vector<NamedValue> query) {
  std::erase_if(query,
                [](const NamedValue& parameter) { return parameter.name == kSignatureParameter; });
  const auto path = canonical_path(request.path);
  if (!path) return std::unexpected(path.error());
  const auto headers = signed_headers(claim, request);
  if (!headers) return std::unexpected(headers.error());
  RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = *path;
  to_sign.query = query;
  to_sign.headers = *headers;
  to_sign.payload_hash = claim.payload_hash;
  return canonicalize_in_order(to_sign);
}

bool same_text(std::string_view first, std::string_view second) {
  return first.size() == second.size() &&
         ::CRYPTO_memcmp(first.data(), second.data(), first.size()) == 0;
}

}  // namespace

std::expected<CheckedSignature, SignatureFailure> SignatureChecker::check(
    const ReceivedRequest& request, const CredentialsLookUp& look_up, int64_t unix_seconds) {
  auto query = decode_query(request.query);
  if (!query) return std::unexpected(std::move(query.error()));
  auto claim = parse_signature_claim(request, *query);
  if (!claim) return std::unexpected(std::move(claim.error()));
  MaybeFault fault = check_scope(*claim, region_, service_);
  if (!fault) fault = check_time(*claim, unix_seconds);
  if (!fault) fault = check_signed_headers(*claim, request);
  if (fault) return std::unexpected(std::move(*fault));
  auto canonical = canonical_request_of(*claim, request, std::move(*query));
  if (!canonical) return std::unexpected(std::move(canonical.error()));

  static const std::string kNoSecret;
  const CredentialsPtr credentials = look_up(claim->access_key_id);
  const std::string& secret = credentials ? credentials->secret_access_key() : kNoSecret;
  const SigningScope scope(claim->region, claim->service);
  std::string to_sign =
      string_to_sign(amz_date(*claim->signed_at), scope_text(claim->day, scope), canonical->text);
  const bool matches =
      same_text(hex(hmac(keys_.find(claim->day, scope, secret), to_sign)), claim->signature);
  if (!credentials) {
    return std::unexpected(
        SignatureFailure(SignatureFault::kUnknownKey, std::move(claim->access_key_id)));
  }
  if (!matches) {
    return std::unexpected(SignatureFailure(SignatureFault::kDoesNotMatch, {},
                                            std::move(canonical->text), std::move(to_sign)));
  }
  const std::string& token = credentials->session_token();
  if (!token.empty() && !same_text(token, claim->security_token))
    return std::unexpected(SignatureFailure(SignatureFault::kWrongToken));
  return CheckedSignature(credentials, claim->form, std::move(claim->payload_hash));
}

}  // namespace cachey::aws
