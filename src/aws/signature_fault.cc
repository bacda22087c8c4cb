#include "aws/signature_fault.h"

#include "base/check.h"

namespace cachey::aws {
namespace {

struct Answer {
  std::string_view code;
  std::string_view message{};  // empty: that of the code
};

constexpr std::string_view kQueryParameters =
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
constexpr std::string_view kOneMechanism =
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
    "string parameter or the Authorization header should be specified";

Answer answer_to(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::kMissing:
      return {"AccessDenied"};
    case SignatureFault::kUnsupported:
      return {"InvalidRequest",
              "The authorization mechanism you have provided is not supported. Please use "
              "AWS4-HMAC-SHA256."};
    case SignatureFault::kTwoForms:
      return {"InvalidArgument", kOneMechanism};
    case SignatureFault::kHeaderMalformed:
      return {"AuthorizationHeaderMalformed"};
    case SignatureFault::kQueryMalformed:
      return {"AuthorizationQueryParametersError", kQueryParameters};
    case SignatureFault::kQueryV2Malformed:
      return {"AccessDenied",
              "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
              "parameters"};
    case SignatureFault::kExpiresOutOfRange:
      return {
          "AuthorizationQueryParametersError",
          "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
          "must be less than 604800 seconds"};
    case SignatureFault::kDateMissing:
      return {"AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"};
    case SignatureFault::kTooSkewed:
      return {"RequestTimeTooSkewed"};
    case SignatureFault::kNotYetValid:
      return {"AccessDenied", "Request is not yet valid"};
    case SignatureFault::kExpired:
      return {"AccessDenied", "Request has expired."};
    case SignatureFault::kHeaderNotSigned:
      return {"AccessDenied", "There were headers present in the request which were not signed"};
    case SignatureFault::kPayloadHashMissing:
      return {"InvalidRequest", "Missing required header for this request: x-amz-content-sha256"};
    case SignatureFault::kBadPayloadHash:
      return {"InvalidArgument",
              "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-..., or a valid sha256 "
              "value."};
    case SignatureFault::kPathMalformed:
      return {"InvalidURI"};
    case SignatureFault::kTooLarge:
      return {"InvalidRequest", "The request has too many signed headers or query parameters"};
    case SignatureFault::kUnknownKey:
      return {"InvalidAccessKeyId"};
    case SignatureFault::kWrongToken:
      return {"InvalidToken"};
    case SignatureFault::kSignedHeaderMissing:
    case SignatureFault::kDoesNotMatch:
      break;
  }
  return {"SignatureDoesNotMatch"};
}

}  // namespace

const ErrorCode& error_code_of(SignatureFault fault) {
  const ErrorCode* code = find_error_code(answer_to(fault).code);
  CHECK(code != nullptr);
  return *code;
}

std::string_view message_of(SignatureFault fault) {
  const std::string_view message = answer_to(fault).message;
  return message.empty() ? error_code_of(fault).message : message;
}

}  // namespace cachey::aws
