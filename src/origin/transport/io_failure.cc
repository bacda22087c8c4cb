#include "origin/transport/io_failure.h"

namespace cachey::origin {

Failure failure_of(const IoFailure& failure) {
  switch (failure.cause) {
    case IoFailure::Cause::kTimedOut:
      return {Error(ErrorKind::kTimeout, failure.text, failure.error_cause), Retry::kTransient, {}};
    case IoFailure::Cause::kCertificate:
      return {Error(ErrorKind::kUpstream, failure.text, failure.error_cause), Retry::kNever, {}};
    case IoFailure::Cause::kCancelled:
      return {Error(ErrorKind::kCancelled, failure.text, failure.error_cause), Retry::kNever, {}};
    case IoFailure::Cause::kClosed:
    case IoFailure::Cause::kOther:
      break;
  }
  return {Error(ErrorKind::kUpstream, failure.text, failure.error_cause), Retry::kTransient, {}};
}

}  // namespace cachey::origin
