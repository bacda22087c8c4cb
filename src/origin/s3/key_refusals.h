#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "origin/s3/bucket_attempts.h"

namespace cachey::origin {

/// Counts the refusals of the credentials that show that the access key is lost. A client can have
/// a request refused though the key is good: by an object's key that the store signs in another
/// way, or by a bucket of a store or region that does not know the access key. So as soon as the
/// store has accepted the access key once, a refusal shows nothing
///
/// - if its bucket has given no good answer, or
/// - if the signature is wrong and the object's key is odd: not made of letters, digits and
///   `-_.~=/` alone, or with an empty segment, `.` or `..`.
///
/// Any thread.
class KeyRefusals {
 public:
  /// The store accepted a request that was signed with this access key.
  void accepted(std::string_view access_key);

  struct Refusal {
    std::string_view access_key;
    std::string_view object_key;
    bool bucket_is_good = false;  ///< see BucketAttempts::is_good
    ErrorCause cause = ErrorCause::kUnknown;
  };
  void refused(const Refusal& refusal);

  /// Refusals that show that the access key is lost, since the start.
  [[nodiscard]] uint64_t total() const { return total_.load(std::memory_order_relaxed); }
  /// Those about another object than the one before; each, if the fault cannot be the object's: the
  /// signature is right, or no request was accepted yet.
  [[nodiscard]] uint64_t objects() const { return objects_.total(); }

 private:
  std::atomic<uint64_t> accepted_{0};  // a hash of the access key; 0: none yet
  std::atomic<uint64_t> total_{0};
  ObjectChanges objects_;
};

}  // namespace cachey::origin
