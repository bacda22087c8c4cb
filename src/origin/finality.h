#pragma once

#include "base/error.h"

/// What a failure means for a retry, another bucket, or the health of a bucket. Pure functions.
namespace cachey::origin {

/// The one of two buckets' failures that the client gets: the less final one. So the client gets
/// 404 or 403 only if both buckets refuse the object for good. A range past the end, with the
/// object's size, wins over all other failures, because the object exists. Of two such failures the
/// one with the larger size wins.
[[nodiscard]] const Error& less_final(const Error& a, const Error& b);

/// Whether another bucket with the same objects may succeed.
[[nodiscard]] bool worth_another_bucket(ErrorKind kind);

/// Whether the store may be the cause of the failure, so that a retry may succeed.
[[nodiscard]] bool is_store_failure(ErrorKind kind);

/// Under which terms a GET failed.
struct FailureTerms {
  bool clients_limits = false;      ///< the client set one of the time limits ct, rt, oat, ot
  bool clients_addressing = false;  ///< the client chose another addressing than the server's (fps)
  bool proven_bucket = false;       ///< the bucket has given good answers
};

/// Whether the failure counts against the bucket's health. No client can cause a failure that
/// counts, neither by its limits and its addressing nor by invented names. An answer that comes at
/// once and cannot be used counts against the object, not the bucket.
[[nodiscard]] bool speaks_against_bucket(const Error& error, const FailureTerms& terms);

/// Whether the same request to the same bucket would fail again in the same way.
[[nodiscard]] bool is_final_for_bucket(ErrorKind kind);

}  // namespace cachey::origin
