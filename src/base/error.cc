#include "base/error.h"

namespace cachey {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadRequest:
      return "bad_request";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kRangeNotSatisfiable:
      return "range_not_satisfiable";
    case ErrorKind::kPreconditionFailed:
      return "precondition_failed";
    case ErrorKind::kChanged:
      return "changed";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kArchived:
      return "archived";
    case ErrorKind::kThrottled:
      return "throttled";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kUpstream:
      return "upstream";
    case ErrorKind::kDamaged:
      return "damaged";
    case ErrorKind::kRefused:
      return "refused";
    case ErrorKind::kNotCached:
      return "not_cached";
    case ErrorKind::kOverloaded:
      return "overloaded";
    case ErrorKind::kNoRoom:
      return "no_room";
    case ErrorKind::kLimited:
      return "limited";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::range_not_satisfiable(std::optional<uint64_t> object_size) {
  Error error(ErrorKind::kRangeNotSatisfiable, "the range starts at or past the end of the object");
  error.object_size_ = object_size;
  return error;
}

Error Error::overloaded(std::string message, std::chrono::nanoseconds retry_after) {
  Error error(ErrorKind::kOverloaded, std::move(message));
  error.retry_after_ = retry_after;
  return error;
}

Error Error::limited(std::string message, std::chrono::nanoseconds retry_after) {
  Error error(ErrorKind::kLimited, std::move(message));
  error.retry_after_ = retry_after;
  return error;
}

}  // namespace cachey
