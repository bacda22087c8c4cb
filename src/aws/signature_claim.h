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

/// A request as it came: all texts are as on the wire.
struct ReceivedRequest {
  struct Header {
    std::string_view name;  ///< any case
    std::string_view value;
  };

  std::string_view method;
  std::string_view path;
  std::string_view query;  ///< without the question mark; empty: none
  std::span<const Header> headers;
};

enum class SignatureForm { kHeader, kQuery };

/// The signature of a request and its parameters, parsed but not checked.
struct SignatureClaim {
  SignatureForm form = SignatureForm::kHeader;
  std::string access_key_id;
  std::string day;  ///< of the scope: `20130524`
  std::string region;
  std::string service;
  std::optional<int64_t> signed_at{};       ///< Unix seconds
  std::optional<int64_t> expires_in{};      ///< seconds; of the query form
  std::vector<std::string> signed_headers;  ///< in lower case, as ordered by the client
  std::string signature;                    ///< in hex
  std::string payload_hash;                 ///< of the canonical request
  std::string security_token;               ///< empty: none
};

inline constexpr size_t kSignedHeadersMax = 128;
inline constexpr size_t kQueryParametersMax = 256;

/// The parameters in order, names and values percent-decoded; `+` stays a plus, `k` is `k=`.
[[nodiscard]] std::expected<std::vector<NamedValue>, SignatureFailure> decode_query(
    std::string_view query);

/// The values of all headers of this name, in order. `name`: in lower case.
[[nodiscard]] std::vector<std::string_view> values_of(const ReceivedRequest& request,
                                                      std::string_view name);

/// `query`: the result of decode_query(request.query).
[[nodiscard]] std::expected<SignatureClaim, SignatureFailure> parse_signature_claim(
    const ReceivedRequest& request, std::span<const NamedValue> query);

}  // namespace cachey::aws
