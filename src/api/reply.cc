#include "api/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace cachey::api {

unsigned status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadRequest:
      return 400;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kRangeNotSatisfiable:
      return 416;
    case ErrorKind::kPreconditionFailed:
      return 412;
    case ErrorKind::kChanged:
      return 409;
    case ErrorKind::kDenied:
      return 403;
    case ErrorKind::kArchived:
      return 403;
    case ErrorKind::kThrottled:
      return 503;
    case ErrorKind::kTimeout:
      return 504;
    case ErrorKind::kUpstream:
      return 502;
    case ErrorKind::kDamaged:
      return 502;
    case ErrorKind::kRefused:
      return 502;
    case ErrorKind::kNotCached:
      return 504;
    case ErrorKind::kOverloaded:
      return 503;
    case ErrorKind::kNoRoom:
      return 507;
    case ErrorKind::kLimited:
      return 429;
    case ErrorKind::kCancelled:
      return 503;
    case ErrorKind::kInternal:
      return 500;
  }
  return 500;
}

std::string_view metric_code_of(ErrorKind kind) {
  // The published names for pages of different versions, and for a store or a server that is asked
  // too much; the other names are those of the log.
  if (kind == ErrorKind::kChanged) return "object_size_inconsistency";
  return to_string(kind == ErrorKind::kThrottled ? ErrorKind::kOverloaded : kind);
}

std::string_view text_for_clients(const Error& error) {
  switch (error.cause()) {
    case ErrorCause::kNoCredentials:
      return "the server has no usable credentials for the store; the server's log says why";
    case ErrorCause::kNoRegion:
      return "the server knows no region for the store; the server's log says why";
    case ErrorCause::kUnknownAccessKey:
    case ErrorCause::kBadSignature:
    case ErrorCause::kExpiredToken:
    case ErrorCause::kBadToken:
    case ErrorCause::kClockSkew:
      return "the store does not accept how the server signs; the server's log says why";
    default:
      return error.message();
  }
}

rt::Task<void> reply_text(net::ResponseWriter& writer, net::ResponseHead head,
                          std::string_view content_type, std::string_view text) {
  head.add("Content-Type", content_type);
  head.add("Cache-Control", "no-store");
  head.set_content_length(text.size());
  writer.start(head);
  const bool sent = co_await net::offer_all(writer, text);
  if (sent) (void)co_await writer.finish(std::span<const net::Field>());
}

rt::Task<void> reply_error(net::ResponseWriter& writer, Error error) {
  net::ResponseHead head(status_of(error.kind()));
  head.set_error(to_string(error.kind()));
  std::string content_range;
  if (error.object_size()) {
    content_range = fmt::format("bytes */{}", *error.object_size());
    head.add("Content-Range", content_range);
  }
  std::string retry_after;
  if (head.status() == 503 || head.status() == 429) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(error.retry_after());
    retry_after = fmt::format("{}", std::max<int64_t>(seconds.count(), 1));
    head.add("Retry-After", retry_after);
  }
  const std::string line = fmt::format("{}\n", text_for_clients(error));
  co_await reply_text(writer, head, kPlainText, line);
}

}  // namespace cachey::api
