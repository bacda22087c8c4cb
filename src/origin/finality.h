#pragma once

#include "base/error.h"

/// What a failure means for whoever could ask again, or elsewhere. Pure functions of its kind.
namespace cachey::origin {

/// Of two buckets' failures, the one to tell the client: the less final. 404 or 403 only where both
/// say that the object cannot be had; else what may pass by itself.
[[nodiscard]] const Error& less_final(const Error& a, const Error& b);

/// Whether another bucket that holds the same objects might do better.
[[nodiscard]] bool worth_another_bucket(ErrorKind kind);

/// Whether a failure is the store's own, and says something of its health.
[[nodiscard]] bool is_store_failure(ErrorKind kind);

/// Whether the same request, sent to the same bucket a second time, can be expected to fail in the
/// same way.
[[nodiscard]] bool is_final_for_bucket(ErrorKind kind);

}  // namespace cachey::origin
