#include "cache/retry_rule.h"

namespace cachey::cache {
namespace {

/// Whether the failure of a look-ahead says nothing about a fill that begins now.
bool may_pass(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kOverloaded:
    case ErrorKind::kThrottled:
    case ErrorKind::kTimeout:
    case ErrorKind::kUpstream:
    case ErrorKind::kRangeNotSatisfiable:  // the object may have grown since
      return true;
    default:
      return false;
  }
}

bool is_refusal(ErrorKind kind) {
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kRangeNotSatisfiable;
}

}  // namespace

bool may_try_again(const PageFailure& failure) {
  // The reader's next page comes from the origin, unless another request finds one on the disk.
  if (failure.not_given) return failure.tries < kTriesMax;
  // The client has bytes that may be wrong: no other bytes may complete them.
  if (failure.error == ErrorKind::kDamaged && failure.bytes_taken) return false;
  // The fill left out a retry: nobody waited, or a reader with other terms did, which has left.
  if (failure.hurried) return failure.tries < kTriesMax;
  // Speculation queues behind demand, and its time began before a reader wanted the page. Once: the
  // next page is not asked for ahead.
  if (failure.ahead && may_pass(failure.error)) return true;
  // The last reader had just left when this one joined.
  if (failure.role == PageRole::kJoined && failure.error == ErrorKind::kCancelled)
    return failure.tries < kTriesMax;
  // The failure of a joined fill counts for this reader only if a fill of its own would fail for
  // the same reason.
  if (failure.role != PageRole::kJoined || failure.tries >= kTriesMax) return false;
  if (failure.other_terms || failure.unexplained) return true;
  if (failure.asked_behind && failure.error == ErrorKind::kRangeNotSatisfiable) return true;
  // What a client wrote before its request must be there for the request.
  if (failure.old_news && is_refusal(failure.error)) return true;
  // The leader's time began before this reader's. kOverloaded: its turn or memory came too late.
  const bool out_of_time =
      failure.error == ErrorKind::kTimeout || failure.error == ErrorKind::kOverloaded;
  return out_of_time && failure.tries == 0;
}

}  // namespace cachey::cache
