#include "aws/error_codes.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace cachey::aws {
namespace {

constexpr ErrorCode kCodes[] = {
    {"AccessDenied", 403, ErrorKind::kDenied, "Access Denied"},
    {"AuthorizationHeaderMalformed", 400, ErrorKind::kRefused,
     "The authorization header is malformed."},
    {"AuthorizationQueryParametersError", 400, ErrorKind::kRefused,
     "Error parsing the X-Amz-Credential parameter."},
    {"BandwidthLimitExceeded", 509, ErrorKind::kThrottled, ""},
    {"EC2ThrottledException", 400, ErrorKind::kThrottled, ""},
    {"ExpiredToken", 400, ErrorKind::kRefused, "The provided token has expired."},
    {"InternalError", 500, ErrorKind::kUpstream,
     "We encountered an internal error. Please try again."},
    {"InvalidAccessKeyId", 403, ErrorKind::kRefused,
     "The AWS Access Key Id you provided does not exist in our records."},
    {"InvalidArgument", 400, ErrorKind::kRefused, "Invalid Argument"},
    {"InvalidBucketName", 400, ErrorKind::kRefused, "The specified bucket is not valid."},
    {"InvalidObjectState", 403, ErrorKind::kArchived,
     "The operation is not valid for the object's storage class"},
    {"InvalidPartNumber", 416, ErrorKind::kRangeNotSatisfiable,
     "The requested partnumber is not satisfiable"},
    {"InvalidRange", 416, ErrorKind::kRangeNotSatisfiable,
     "The requested range is not satisfiable"},
    {"InvalidRequest", 400, ErrorKind::kRefused, "Invalid Request"},
    {"InvalidToken", 400, ErrorKind::kRefused,
     "The provided token is malformed or otherwise invalid."},
    {"InvalidURI", 400, ErrorKind::kRefused, "Couldn't parse the specified URI."},
    {"KeyTooLongError", 400, ErrorKind::kRefused, "Your key is too long"},
    {"LimitExceededException", 400, ErrorKind::kThrottled, ""},
    {"MethodNotAllowed", 405, ErrorKind::kRefused,
     "The specified method is not allowed against this resource."},
    {"NoSuchBucket", 404, ErrorKind::kNotFound, "The specified bucket does not exist"},
    {"NoSuchKey", 404, ErrorKind::kNotFound, "The specified key does not exist."},
    // None of S3's: by RFC 9111 5.2.1.7, to a client that says only-if-cached.
    {"NotCached", 504, ErrorKind::kUpstream, "The object is not in the cache."},
    {"NotImplemented", 501, ErrorKind::kUpstream,
     "A header you provided implies functionality that is not implemented"},
    {"PreconditionFailed", 412, ErrorKind::kChanged,
     "At least one of the pre-conditions you specified did not hold."},
    {"PriorRequestNotComplete", 400, ErrorKind::kThrottled, ""},
    {"ProvisionedThroughputExceededException", 400, ErrorKind::kThrottled, ""},
    {"RequestLimitExceeded", 503, ErrorKind::kThrottled, ""},
    {"RequestThrottled", 400, ErrorKind::kThrottled, ""},
    {"RequestThrottledException", 400, ErrorKind::kThrottled, ""},
    {"RequestTimeTooSkewed", 403, ErrorKind::kRefused,
     "The difference between the request time and the current time is too large."},
    {"RequestTimeout", 400, ErrorKind::kUpstream, ""},
    {"RequestTimeoutException", 400, ErrorKind::kUpstream, ""},
    {"SignatureDoesNotMatch", 403, ErrorKind::kRefused,
     "The request signature we calculated does not match the signature you provided. Check your "
     "key and signing method."},
    {"SlowDown", 503, ErrorKind::kThrottled, "Please reduce your request rate."},
    {"ThrottledException", 400, ErrorKind::kThrottled, ""},
    {"Throttling", 400, ErrorKind::kThrottled, ""},
    {"ThrottlingException", 400, ErrorKind::kThrottled, ""},
    {"TokenRefreshRequired", 400, ErrorKind::kRefused, ""},
    {"TooManyRequestsException", 429, ErrorKind::kThrottled, ""},
    {"TransactionInProgressException", 400, ErrorKind::kThrottled, ""},
};
static_assert(std::ranges::is_sorted(kCodes, {}, &ErrorCode::code));

std::string_view code_text(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadRequest:
      return "InvalidRequest";
    case ErrorKind::kNotFound:
      return "NoSuchKey";
    case ErrorKind::kRangeNotSatisfiable:
      return "InvalidRange";
    case ErrorKind::kPreconditionFailed:
      return "PreconditionFailed";
    case ErrorKind::kDenied:
      return "AccessDenied";
    case ErrorKind::kArchived:
      return "InvalidObjectState";
    case ErrorKind::kChanged:
    case ErrorKind::kThrottled:
    case ErrorKind::kOverloaded:
    case ErrorKind::kNoRoom:
    case ErrorKind::kLimited:
    case ErrorKind::kCancelled:
      return "SlowDown";
    case ErrorKind::kNotCached:
      return "NotCached";
    case ErrorKind::kTimeout:
    case ErrorKind::kUpstream:
    case ErrorKind::kDamaged:
    case ErrorKind::kRefused:
    case ErrorKind::kInternal:
      break;
  }
  return "InternalError";
}

}  // namespace

std::span<const ErrorCode> error_codes() { return kCodes; }

const ErrorCode* find_error_code(std::string_view code) {
  const auto* found = std::ranges::lower_bound(kCodes, code, {}, &ErrorCode::code);
  return found != std::end(kCodes) && found->code == code ? found : nullptr;
}

const ErrorCode& error_code_of(ErrorKind kind) {
  const ErrorCode* found = find_error_code(code_text(kind));
  CHECK(found != nullptr);
  return *found;
}

}  // namespace cachey::aws
