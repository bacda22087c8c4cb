#include "aws/signature_check.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "aws/canonical_request.h"
#include "aws/date.h"
#include "aws/digest.h"
#include "aws/signature_v2.h"
#include "base/ascii.h"

namespace cachey::aws {
namespace {

using MaybeFault = std::optional<SignatureFailure>;

// Need not be signed as a header: the canonical request contains its value anyway.
constexpr std::string_view kPayloadHashHeader = "x-amz-content-sha256";
constexpr std::string_view kSignatureParameter = "X-Amz-Signature";
const std::string kNoSecret;

MaybeFault check_scope(const SignatureClaim& claim, std::string_view region,
                       std::string_view service) {
  const bool by_header = claim.form == SignatureForm::kHeader;
  const auto malformed = [by_header](const char* part, const std::string& words) {
    SignatureFailure failure(
        by_header ? SignatureFault::kHeaderMalformed : SignatureFault::kQueryMalformed, part);
    failure.message = (by_header ? "The authorization header is malformed; "
                                 : "Error parsing the X-Amz-Credential parameter; ") +
                      std::move(words);
    return failure;
  };
  if (claim.service != service) {
    return malformed("service", fmt::format("incorrect service \"{}\". This endpoint belongs to "
                                            "\"{}\".",
                                            claim.service.substr(0, kShownBytesMax), service));
  }
  if (!region.empty() && claim.region != region) {
    return malformed("region", fmt::format("the region \"{}\" is wrong; expecting \"{}\"",
                                           claim.region, region));
  }
  if (claim.day.size() != kDayBytes || !std::ranges::all_of(claim.day, is_digit)) {
    return malformed("day", fmt::format("incorrect date format \"{}\". This date in the credential "
                                        "must be in the format \"yyyyMMdd\".",
                                        claim.day.substr(0, kShownBytesMax)));
  }
  const std::string date = amz_date(claim.signed_at);
  if (!date.starts_with(claim.day)) {
    return malformed("day", fmt::format("Invalid credential date \"{}\". This date is not the same "
                                        "as X-Amz-Date: \"{}\".",
                                        claim.day, date.substr(0, kDayBytes)));
  }
  return std::nullopt;
}

SignatureFailure expired(int64_t at, std::string_view expires) {
  SignatureFailure failure(SignatureFault::kExpired, std::string(expires));
  failure.time = std::max<int64_t>(at, 0);
  return failure;
}

MaybeFault check_time(const SignatureClaim& claim, int64_t now) {
  constexpr int64_t kSkewMax = SignatureChecker::kSkewMax;
  const int64_t age = now - claim.signed_at;
  if (claim.form == SignatureForm::kHeader) {
    if (std::abs(age) <= kSkewMax) return std::nullopt;
    SignatureFailure failure(SignatureFault::kTooSkewed);
    failure.time = claim.signed_at;
    return failure;
  }
  if (claim.expires_in > SignatureChecker::kExpiresMax)
    return SignatureFailure(SignatureFault::kExpiresOutOfRange);
  if (age < -kSkewMax) return SignatureFailure(SignatureFault::kNotYetValid);
  const int64_t expires_in = std::max<int64_t>(claim.expires_in, -SignatureChecker::kExpiresMax);
  if (expires_in <= 0 || age > expires_in)
    return expired(claim.signed_at + expires_in, fmt::format("{}", claim.expires_in));
  return std::nullopt;
}

/// Required: host, each x-amz- header, and the Date header if there is no x-amz-date.
MaybeFault check_signed_headers(const SignatureClaim& claim, const ReceivedRequest& request) {
  const auto is_signed = [&claim](std::string_view name) {
    return std::ranges::count(claim.signed_headers, name) > 0;
  };
  if (!is_signed("host")) return SignatureFailure(SignatureFault::kHeaderNotSigned, "host");
  bool has_amz_date = claim.form == SignatureForm::kQuery;
  for (const HeaderView& header : request.headers) {
    if (!header.name.starts_with(kAmzPrefix) || header.name == kPayloadHashHeader) continue;
    if (!is_signed(header.name)) {
      return SignatureFailure(SignatureFault::kHeaderNotSigned, std::string(header.name));
    }
    has_amz_date = has_amz_date || header.name == "x-amz-date";
  }
  if (!has_amz_date && !is_signed("date"))
    return SignatureFailure(SignatureFault::kHeaderNotSigned, "date");
  return std::nullopt;
}

/// In the order of the claim.
std::expected<std::vector<HeaderView>, SignatureFailure> signed_headers(
    const SignatureClaim& claim, const ReceivedRequest& request) {
  std::vector<HeaderView> headers;
  headers.reserve(request.headers.size());
  for (const std::string_view name : claim.signed_headers) {
    const size_t before = headers.size();
    for (const HeaderView& header : request.headers) {
      if (header.name == name) headers.push_back(header);
    }
    if (headers.size() == before) {
      return std::unexpected(
          SignatureFailure(SignatureFault::kSignedHeaderMissing, std::string(name)));
    }
  }
  return headers;
}

/// The query that is signed: all of the query but the signature.
std::vector<NamedValue> without_signature(std::span<const NamedValue> query) {
  std::vector<NamedValue> rest(query.begin(), query.end());
  std::erase_if(rest,
                [](const NamedValue& parameter) { return parameter.name == kSignatureParameter; });
  return rest;
}

bool same_text(std::string_view first, std::string_view second) {
  return first.size() == second.size() &&
         ::CRYPTO_memcmp(first.data(), second.data(), first.size()) == 0;
}

/// The texts of a signature that was made with a given Host.
struct SignedTexts {
  std::string canonical_request;
  std::string string_to_sign;
};

/// Makes those texts.
class Texts {
 public:
  Texts(const ReceivedRequest& request, const SignatureClaim& claim,
        std::span<const NamedValue> query, std::vector<HeaderView> headers)
      : request_(request),
        claim_(claim),
        query_(query),
        headers_(std::move(headers)),
        date_(amz_date(claim.signed_at)),
        scope_(scope_text(claim.day, {claim.region, claim.service})) {}

  /// Null: the Host that came.
  [[nodiscard]] SignedTexts with_host(const std::string* host) {
    if (host != nullptr) {
      for (HeaderView& header : headers_) {
        if (header.name == "host") header.value = *host;
      }
    }
    SignedTexts texts;
    texts.canonical_request = canonical_text({.method = request_.method,
                                              .path = request_.path,
                                              .query = query_,
                                              .headers = headers_,
                                              .payload_hash = claim_.payload_hash});
    texts.string_to_sign = string_to_sign(date_, scope_, texts.canonical_request);
    return texts;
  }

 private:
  const ReceivedRequest& request_;
  const SignatureClaim& claim_;
  const std::span<const NamedValue> query_;
  std::vector<HeaderView> headers_;
  const std::string date_;
  const std::string scope_;
};

bool signs(const Sha256Digest& key, const SignedTexts& texts, const SignatureClaim& claim) {
  return same_text(hex(hmac(key, texts.string_to_sign)), claim.signature);
}

/// Of a signature that is not the one of a known key.
SignatureFailure mismatch(bool known, std::string_view access_key_id, std::string_view signature,
                          SignedTexts texts) {
  SignatureFailure failure(known ? SignatureFault::kDoesNotMatch : SignatureFault::kUnknownKey);
  failure.access_key_id = access_key_id;
  if (!known) return failure;
  failure.signature = signature;
  failure.canonical_request = std::move(texts.canonical_request);
  failure.string_to_sign = std::move(texts.string_to_sign);
  return failure;
}

/// Nothing: the token is right.
MaybeFault check_token(const Credentials& credentials, std::string_view token) {
  const std::string& own = credentials.session_token();
  if (own.empty() || same_text(own, token)) return std::nullopt;
  return SignatureFailure(SignatureFault::kWrongToken);
}

std::expected<CheckedSignature, SignatureFailure> check_v2(const ReceivedRequest& request,
                                                           const CredentialsLookUp& look_up,
                                                           int64_t now) {
  const auto claim = parse_signature_claim_v2(request);
  if (!claim) return std::unexpected(claim.error());
  if (now > claim->expires_at) return std::unexpected(expired(claim->expires_at, {}));
  const Credentials* const credentials = look_up(claim->access_key_id);
  const std::string& secret = credentials != nullptr ? credentials->secret_access_key() : kNoSecret;
  SignedTexts texts{.canonical_request = {},
                    .string_to_sign = string_to_sign_v2(request, request.path, claim->expires)};
  bool matches = same_text(signature_v2(secret, texts.string_to_sign), claim->signature);
  if (const std::string slashed = slashed_bucket_path(request); !matches && !slashed.empty()) {
    const std::string text = string_to_sign_v2(request, slashed, claim->expires);
    matches = same_text(signature_v2(secret, text), claim->signature);
  }
  if (credentials == nullptr || !matches) {
    return std::unexpected(
        mismatch(credentials != nullptr, claim->access_key_id, claim->signature, std::move(texts)));
  }
  if (auto fault = check_token(*credentials, claim->security_token))
    return std::unexpected(std::move(*fault));
  return CheckedSignature(credentials, SignatureForm::kQueryV2, {});
}

}  // namespace

std::expected<CheckedSignature, SignatureFailure> SignatureChecker::check(
    const ReceivedRequest& request, const CredentialsLookUp& look_up, int64_t unix_seconds) {
  const auto form = form_of(request);
  if (!form) return std::unexpected(form.error());
  return *form == SignatureForm::kQueryV2 ? check_v2(request, look_up, unix_seconds)
                                          : check_v4(request, *form, look_up, unix_seconds);
}

std::expected<CheckedSignature, SignatureFailure> SignatureChecker::check_v4(
    const ReceivedRequest& request, SignatureForm form, const CredentialsLookUp& look_up,
    int64_t unix_seconds) {
  const auto claim = parse_signature_claim(request, form);
  if (!claim) return std::unexpected(claim.error());
  MaybeFault fault = check_scope(*claim, region_, service_);
  if (!fault) fault = check_time(*claim, unix_seconds);
  if (!fault) fault = check_signed_headers(*claim, request);
  if (fault) return std::unexpected(std::move(*fault));
  auto headers = signed_headers(*claim, request);
  if (!headers) return std::unexpected(std::move(headers.error()));
  std::vector<NamedValue> own_query;
  if (form == SignatureForm::kQuery) own_query = without_signature(request.query);
  Texts maker(request, *claim, form == SignatureForm::kQuery ? own_query : request.query,
              std::move(*headers));
  SignedTexts texts = maker.with_host(nullptr);
  if (texts.canonical_request.empty())
    return std::unexpected(SignatureFailure(SignatureFault::kPathMalformed));

  const Credentials* const credentials = look_up(claim->access_key_id);
  const std::string& secret = credentials != nullptr ? credentials->secret_access_key() : kNoSecret;
  const SigningScope scope(claim->region, claim->service);
  const SigningKeys::Name name(claim->day, scope, secret);
  const Sha256Digest* const cached = keys_.find(name);
  const Sha256Digest key = cached != nullptr ? *cached : signing_key(claim->day, scope, secret);
  bool matches = signs(key, texts, *claim);
  for (const std::string& host : request.other_hosts) {
    if (matches) break;
    matches = signs(key, maker.with_host(&host), *claim);
  }
  if (credentials == nullptr || !matches) {
    // A cached key must not show in the time.
    if (cached != nullptr) (void)signing_key(claim->day, scope, secret);
    return std::unexpected(
        mismatch(credentials != nullptr, claim->access_key_id, claim->signature, std::move(texts)));
  }
  if (cached == nullptr) keys_.add(name, key);
  if (auto wrong = check_token(*credentials, claim->security_token))
    return std::unexpected(std::move(*wrong));
  return CheckedSignature(credentials, form, claim->payload_hash);
}

}  // namespace cachey::aws
