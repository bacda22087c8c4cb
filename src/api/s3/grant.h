#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"

namespace cachey::api::s3 {

/// What a client may read at the S3 endpoint. Immutable; shared by all requests of a key.
class Grant {
 public:
  /// All buckets and keys.
  Grant() = default;
  /// Buckets that one of `buckets` matches, or all if there is none; in them, keys that begin with
  /// `prefix`.
  Grant(std::vector<BucketGlob> buckets, std::string prefix)
      : buckets_(std::move(buckets)), prefix_(std::move(prefix)) {}

  [[nodiscard]] bool allows_bucket(std::string_view bucket) const;
  [[nodiscard]] bool allows(std::string_view bucket, std::string_view key) const {
    return key.starts_with(prefix_) && allows_bucket(bucket);
  }
  /// A list of the keys that begin with `prefix`.
  [[nodiscard]] bool allows_list(std::string_view bucket, std::string_view prefix) const {
    return allows(bucket, prefix);
  }
  /// All keys of the bucket.
  [[nodiscard]] bool allows_all_of(std::string_view bucket) const {
    return prefix_.empty() && allows_bucket(bucket);
  }

 private:
  std::vector<BucketGlob> buckets_;
  std::string prefix_;
};

}  // namespace cachey::api::s3
