#include "origin/transport/answer_failure.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/error_codes.h"
#include "base/ascii.h"
#include "base/log.h"
#include "origin/content_range.h"

namespace cachey::origin {
namespace {

/// How the codes begin by which stores ask for fewer requests: `SlowDownRead`,
/// `ThrottledException`.
constexpr std::string_view kThrottlingPrefixes[] = {"SlowDown", "Throttl", "TooManyRequests",
                                                    "ServiceUnavailable"};

ErrorKind kind_of_code(std::string_view code) {
  const aws::ErrorCode* known = aws::find_error_code(code);
  if (known != nullptr) return known->kind;
  const bool throttles = std::ranges::any_of(
      kThrottlingPrefixes, [code](std::string_view prefix) { return code.starts_with(prefix); });
  return throttles ? ErrorKind::kThrottled : ErrorKind::kUpstream;
}

bool is_throttling_code(std::string_view code) {
  return kind_of_code(code) == ErrorKind::kThrottled;
}

bool is_transient_code(std::string_view code) {
  return code == "RequestTimeout" || code == "RequestTimeoutException" || code == "InternalError" ||
         code == "ServiceUnavailable";
}

/// What stands before the store answers like this for a moment: every 5xx but those that say
/// "never" (501, 505), and a few 4xx that tell of the server's wait or of a broken way to the
/// store.
bool is_transient_status(unsigned status) {
  if (status >= 500 && status < 600) return status != 501 && status != 505;
  return status == 408 || status == 425 || status == 499;
}

/// Whether the code says more than the status of the answer.
bool is_certain(ErrorKind kind) {
  return kind == ErrorKind::kArchived || kind == ErrorKind::kNotFound || kind == ErrorKind::kDenied;
}

bool is_elsewhere(unsigned status, std::string_view code) {
  return status == 301 || status == 307 || code == "AuthorizationHeaderMalformed" ||
         code == "IllegalLocationConstraintException";
}

struct CodeCause {
  std::string_view code;
  ErrorCause cause;
};
constexpr CodeCause kCauses[] = {
    {"InvalidAccessKeyId", ErrorCause::kUnknownAccessKey},
    {"InvalidClientTokenId", ErrorCause::kUnknownAccessKey},
    {"AuthFailure", ErrorCause::kUnknownAccessKey},
    {"XAdminUserNotFound", ErrorCause::kUnknownAccessKey},  // versitygw, with a 404
    {"SignatureDoesNotMatch", ErrorCause::kBadSignature},
    {"InvalidSignatureException", ErrorCause::kBadSignature},
    {"RequestTimeTooSkewed", ErrorCause::kClockSkew},
    {"ExpiredToken", ErrorCause::kExpiredToken},
    {"ExpiredTokenException", ErrorCause::kExpiredToken},
    {"SecurityTokenExpired", ErrorCause::kExpiredToken},
    {"TokenRefreshRequired", ErrorCause::kExpiredToken},
    {"InvalidToken", ErrorCause::kBadToken},
    {"InvalidSecurity", ErrorCause::kBadToken},
    {"InvalidSecurityToken", ErrorCause::kBadToken},
    {"UnrecognizedClientException", ErrorCause::kBadToken},
    {"NoSuchBucket", ErrorCause::kNoSuchBucket},
    {"NoSuchKey", ErrorCause::kNoSuchKey},
    {"PermanentRedirect", ErrorCause::kWrongRegion},
    {"AuthorizationHeaderMalformed", ErrorCause::kRegionNotAccepted},
    {"IllegalLocationConstraint", ErrorCause::kWrongRegion},
    {"IllegalLocationConstraintException", ErrorCause::kWrongRegion},
    {"AccessDenied", ErrorCause::kAccessDenied},
};

ErrorCause cause_of(unsigned status, std::string_view code) {
  const auto found = std::ranges::find(kCauses, code, &CodeCause::code);
  if (found != std::end(kCauses)) return found->cause;
  if (status == 401) return ErrorCause::kUnknownAccessKey;
  if (status == 404 && !code.empty()) return ErrorCause::kUnusableAnswer;
  return status == 301 ? ErrorCause::kWrongRegion : ErrorCause::kUnknown;
}

bool refuses_credentials(ErrorCause cause) {
  switch (cause) {
    case ErrorCause::kUnknownAccessKey:
    case ErrorCause::kBadSignature:
    case ErrorCause::kExpiredToken:
    case ErrorCause::kBadToken:
      return true;
    default:
      return false;
  }
}

/// Whether the fault lies in how or where we ask.
bool is_about_us(ErrorCause cause) {
  return refuses_credentials(cause) || cause == ErrorCause::kClockSkew ||
         cause == ErrorCause::kRegionNotAccepted || cause == ErrorCause::kWrongRegion;
}

/// Whether the store refuses the credentials, whatever object they ask for.
bool refuses_credentials(unsigned status, std::string_view code) {
  return refuses_credentials(cause_of(status, code));
}

/// Whether the fault lies in how we sign, with any status.
bool refuses_us(unsigned status, std::string_view code) {
  const ErrorCause cause = cause_of(status, code);
  return refuses_credentials(status, code) || cause == ErrorCause::kClockSkew ||
         cause == ErrorCause::kRegionNotAccepted;
}

ErrorKind kind_of(unsigned status, std::string_view code) {
  if (refuses_us(status, code)) return ErrorKind::kRefused;
  const ErrorKind by_code = kind_of_code(code);
  if (is_certain(by_code) || by_code == ErrorKind::kThrottled) return by_code;
  switch (status) {
    case 404:
      return ErrorKind::kNotFound;
    case 412:
      return ErrorKind::kChanged;
    case 403:
      return ErrorKind::kDenied;
    case 429:
    case 503:
      return ErrorKind::kThrottled;
    default:
      break;
  }
  // Below 500 the fault is ours, unless it passes.
  const bool refused = status < 500 && !is_transient_status(status) && !is_transient_code(code);
  return refused ? ErrorKind::kRefused : ErrorKind::kUpstream;
}

Retry retry_of(unsigned status, std::string_view code) {
  if (is_transient_code(code)) return Retry::kTransient;
  if (is_throttling_code(code) || status == 429) return Retry::kThrottling;
  return is_transient_status(status) ? Retry::kTransient : Retry::kNever;
}

// What a message quotes at most, in bytes.
constexpr size_t kCodeQuoted = 64;
constexpr size_t kRequestIdQuoted = 64;
constexpr size_t kExtendedIdQuoted = 96;

std::string text_of(const ResponseHead& head, const aws::ErrorDocument& document) {
  std::string text = fmt::format("the origin answered {}", head.status);
  if (!document.code.empty()) text += fmt::format(" {}", log::quoted(document.code, kCodeQuoted));
  const std::string& id = head.request_id.empty() ? document.request_id : head.request_id;
  if (!id.empty()) text += fmt::format(" request_id={}", log::quoted(id, kRequestIdQuoted));
  if (!head.extended_id.empty())
    text += fmt::format(" id_2={}", log::quoted(head.extended_id, kExtendedIdQuoted));
  if (!document.message.empty()) text += fmt::format(": {}", log::quoted(document.message));
  return text;
}

void prescribe(Failure& failure, const ResponseHead& head, const aws::ErrorDocument& document) {
  // S3 answers so to a HEAD that is signed for another region.
  const bool told_by_field =
      head.status == 400 && document.code.empty() && !head.bucket_region.empty();
  if (is_elsewhere(head.status, document.code) || told_by_field) {
    failure.region = head.bucket_region.empty() ? document.region : head.bucket_region;
    if (!failure.region.empty()) failure.remedy = Remedy::kRegion;
  } else if (document.code == "RequestTimeTooSkewed" && head.date) {
    failure.remedy = Remedy::kClock;
    failure.store_time = *head.date;
  } else if (refuses_credentials(head.status, document.code)) {
    failure.remedy = Remedy::kCredentials;
  }
}

std::optional<uint64_t> object_size(const ResponseHead& head, const aws::ErrorDocument& document) {
  const std::optional<ContentRange> said = parse_content_range(head.content_range);
  if (said && !said->range) return said->size;
  return document.actual_object_size;
}

}  // namespace

Failure failure_of(const ResponseHead& head, const aws::ErrorDocument& document) {
  if (head.status == 416 || (head.status < 500 && document.code == "InvalidRange")) {
    return Failure(Error::range_not_satisfiable(object_size(head, document)));
  }
  Failure failure(Error(kind_of(head.status, document.code), text_of(head, document),
                        cause_of(head.status, document.code)),
                  retry_of(head.status, document.code));
  prescribe(failure, head, document);
  const bool has_listed_code =
      is_throttling_code(document.code) || is_transient_code(document.code);
  if (has_listed_code) {
    constexpr int64_t kDelayMax = 24 * 3600 * 1000;  // cut by the caller's own limit anyway
    const auto delay = parse_number<int64_t>(head.retry_after);
    if (delay && *delay >= 0)
      failure.delay = std::chrono::milliseconds(std::min(*delay, kDelayMax));
  }
  return failure;
}

bool is_about_question(unsigned status, const Failure& failure) {
  if (failure.retry != Retry::kNever || failure.error.kind() == ErrorKind::kThrottled) return false;
  if (failure.remedy != Remedy::kNone || is_about_us(failure.error.cause())) return false;
  return status >= 400;
}

bool may_be_about_signature(unsigned status) {
  return status == 400 || status == 401 || status == 403;
}

bool may_refuse_condition(unsigned status, const Failure& failure) {
  if (status < 400 || failure.retry != Retry::kNever) return false;
  const ErrorKind kind = failure.error.kind();
  return kind == ErrorKind::kChanged || kind == ErrorKind::kRefused || kind == ErrorKind::kDenied ||
         kind == ErrorKind::kUpstream;
}

}  // namespace cachey::origin
