#pragma once

#include "base/error.h"

/// What a failure means for a retry or another bucket. Pure functions of the error's kind.
namespace cachey::origin {

/// Of two buckets' failures, the one that the client gets: the less final one. So the client gets
/// 404 or 403 only if both buckets refuse the object for good.
[[nodiscard]] const Error& less_final(const Error& a, const Error& b);

/// Whether another bucket with the same objects may succeed.
[[nodiscard]] bool worth_another_bucket(ErrorKind kind);

/// Whether the failure is the store's fault and counts against the bucket's health.
[[nodiscard]] bool is_store_failure(ErrorKind kind);

/// Whether the same request to the same bucket would fail again in the same way.
[[nodiscard]] bool is_final_for_bucket(ErrorKind kind);

}  // namespace cachey::origin
