#include "origin/finality.h"

namespace cachey::origin {
namespace {

/// The higher, the less likely that a retry succeeds.
int finality(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNotFound:
      return 9;
    case ErrorKind::kDenied:
      return 8;
    case ErrorKind::kArchived:
      return 7;
    case ErrorKind::kBadRequest:
      return 6;
    case ErrorKind::kRangeNotSatisfiable:
      return 6;
    case ErrorKind::kPreconditionFailed:
      return 6;
    case ErrorKind::kNotCached:
      return 6;
    case ErrorKind::kNoRoom:
      return 6;
    case ErrorKind::kLimited:
      return 6;
    case ErrorKind::kChanged:
      return 5;
    case ErrorKind::kRefused:
      return 5;
    case ErrorKind::kUpstream:
      return 4;
    case ErrorKind::kDamaged:
      return 4;
    case ErrorKind::kInternal:
      return 4;
    case ErrorKind::kTimeout:
      return 3;
    case ErrorKind::kThrottled:
      return 2;
    case ErrorKind::kOverloaded:
      return 1;
    case ErrorKind::kCancelled:
      return 0;
  }
  return 4;
}

}  // namespace

const Error& less_final(const Error& a, const Error& b) {
  if (a.object_size() || b.object_size()) return a.object_size() >= b.object_size() ? a : b;
  return finality(a.kind()) <= finality(b.kind()) ? a : b;
}

bool worth_another_bucket(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNotFound:
    case ErrorKind::kDenied:
    case ErrorKind::kArchived:
    case ErrorKind::kRangeNotSatisfiable:  // a copy may be short
    case ErrorKind::kChanged:
    case ErrorKind::kThrottled:
    case ErrorKind::kTimeout:
    case ErrorKind::kUpstream:
    case ErrorKind::kDamaged:
    case ErrorKind::kRefused:
    case ErrorKind::kOverloaded:  // each bucket has limits of its own
      return true;
    case ErrorKind::kBadRequest:
    case ErrorKind::kPreconditionFailed:
    case ErrorKind::kNotCached:
    case ErrorKind::kNoRoom:
    case ErrorKind::kLimited:
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
      return false;
  }
  return false;
}

bool is_store_failure(ErrorKind kind) {
  return kind == ErrorKind::kThrottled || kind == ErrorKind::kTimeout ||
         kind == ErrorKind::kUpstream || kind == ErrorKind::kDamaged;
}

bool speaks_against_bucket(const Error& error, const FailureTerms& terms) {
  if (!is_store_failure(error.kind()) || terms.clients_addressing) return false;
  switch (error.cause()) {
    case ErrorCause::kUnusableAnswer:
      return false;
    case ErrorCause::kUnknownHost:
    case ErrorCause::kNoAddress:
      return terms.proven_bucket;
    default:
      return error.kind() != ErrorKind::kTimeout || !terms.clients_limits;
  }
}

bool is_final_for_bucket(ErrorKind kind) {
  return !is_store_failure(kind) && kind != ErrorKind::kOverloaded;
}

}  // namespace cachey::origin
