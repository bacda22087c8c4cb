#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/canonical_request.h"
#include "aws/signature_fault.h"

namespace cachey::aws {

/// A request as it came, but for the query: all other texts are as on the wire.
struct ReceivedRequest {
  std::string_view method;
  std::string_view path;
  std::span<const NamedValue> query;  ///< see decode_query()
  std::span<const HeaderView> headers;
  std::string_view bucket_of_host{};  ///< in virtual-host style; empty: path style
  /// Values that `host` may have had when the client signed: a proxy in front changed the header.
  std::span<const std::string> other_hosts{};
};

enum class SignatureForm { kHeader, kQuery, kQueryV2 };

/// The signature of a request and its parameters, parsed but not checked. The texts are the
/// request's.
struct SignatureClaim {
  SignatureForm form = SignatureForm::kHeader;
  std::string_view access_key_id;
  std::string_view day;  ///< of the scope: `20130524`
  std::string_view region;
  std::string_view service;
  int64_t signed_at = 0;                         ///< Unix seconds
  int64_t expires_in = 0;                        ///< seconds; of the query form
  std::vector<std::string_view> signed_headers;  ///< in lower case, as ordered by the client
  std::string_view signature;                    ///< in hex
  std::string_view payload_hash;                 ///< of the canonical request
  std::string_view security_token;               ///< empty: none
};

inline constexpr size_t kSignedHeadersMax = 128;
inline constexpr size_t kQueryParametersMax = 256;

/// The parameters in order, names and values percent-decoded; `+` is a blank, as S3 and its stores
/// read it and the Rust crate object_store signs it; `k` is `k=`.
[[nodiscard]] std::expected<std::vector<NamedValue>, SignatureFailure> decode_query(
    std::string_view query);

/// Which signature the request has: kMissing, kTwoForms or kUnsupported if not exactly one of the
/// known.
[[nodiscard]] std::expected<SignatureForm, SignatureFailure> form_of(
    const ReceivedRequest& request);

/// Of Signature Version 4. REQUIRES: `form` is kHeader or kQuery, by form_of().
[[nodiscard]] std::expected<SignatureClaim, SignatureFailure> parse_signature_claim(
    const ReceivedRequest& request, SignatureForm form);

}  // namespace cachey::aws
