#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aws/error_codes.h"

namespace cachey::aws {

/// Bytes of a client's text in an answer.
inline constexpr size_t kShownBytesMax = 64;

/// The reason to refuse a signature.
enum class SignatureFault {
  kMissing,              ///< the request is not signed
  kUnsupported,          ///< another kind of signature: SigV2, SigV4A, a bearer token
  kTwoForms,             ///< a signature in the header and one in the query
  kHeaderMalformed,      ///< the Authorization header; `detail` names the part
  kQueryMalformed,       ///< a parameter of the query form; `detail` names it
  kQueryV2Malformed,     ///< SigV2: a parameter of the query form; `detail` names it
  kExpiresOutOfRange,    ///< X-Amz-Expires is no number, or more than 7 days
  kDateMissing,          ///< header form: no date, or no valid one
  kTooSkewed,            ///< header form: the date is too far from now
  kNotYetValid,          ///< query form: the date is too far ahead
  kExpired,              ///< query form
  kHeaderNotSigned,      ///< host, the date or an x-amz- header; `detail` names it
  kSignedHeaderMissing,  ///< signed, but not sent; `detail` names it
  kPayloadHashMissing,   ///< header form: no x-amz-content-sha256
  kBadPayloadHash,       ///< x-amz-content-sha256: no hash, UNSIGNED-PAYLOAD or STREAMING-...
  kPathMalformed,        ///< a bad percent escape, in the path or the query
  kTooLarge,             ///< too many signed headers or query parameters
  kUnknownKey,
  kWrongToken,    ///< x-amz-security-token is not that of the key
  kDoesNotMatch,  ///< the signature differs
};

struct SignatureFailure {
  SignatureFault fault;
  std::string detail{};   ///< see SignatureFault
  std::string message{};  ///< S3's text for this case; empty: message_of()
  /// Unix seconds, of kTooSkewed: when the request was signed; of kExpired: when it expired.
  int64_t time = 0;
  // Of kDoesNotMatch, for the user to find the difference. None contains a secret.
  std::string canonical_request{};  ///< empty: SigV2 has none
  std::string string_to_sign{};
  std::string signature{};      ///< the one that was sent
  std::string access_key_id{};  ///< the one that was sent; of kUnknownKey too
};

/// The code of S3's answer.
[[nodiscard]] const ErrorCode& error_code_of(SignatureFault fault);

/// The text of S3's answer.
[[nodiscard]] std::string_view message_of(SignatureFault fault);

}  // namespace cachey::aws
