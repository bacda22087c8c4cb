#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"
#include "api/names.h"
#include "api/s3/target.h"

namespace cachey::api::s3 {

/// What a client may read at the S3 endpoint. Immutable; shared by all requests of a key.
class Grant {
 public:
  /// All buckets and keys.
  Grant() = default;
  /// Buckets that one of `buckets` matches, or all if there is none; in them, keys that begin with
  /// `prefix`. `access_key_id`: names the client; empty: every client.
  Grant(std::vector<BucketGlob> buckets, std::string prefix, std::string access_key_id = {})
      : buckets_(std::move(buckets)),
        prefix_(std::move(prefix)),
        access_key_id_(std::move(access_key_id)) {}

  /// Whether the client may have the operation's answer. Of a list, each `prefix` counts. kOther
  /// is allowed: other code refuses it. ListBuckets is allowed: its answer is filtered.
  [[nodiscard]] bool allows(const Target& target) const;
  [[nodiscard]] bool allows_bucket(std::string_view bucket) const;
  /// A limited grant has no keys with dot segments: see has_dot_segment().
  [[nodiscard]] bool allows(std::string_view bucket, std::string_view key) const {
    return is_all() || (key.starts_with(prefix_) && !has_dot_segment(key) && allows_bucket(bucket));
  }
  /// A list of the keys that begin with `prefix`.
  [[nodiscard]] bool allows_list(std::string_view bucket, std::string_view prefix) const {
    return prefix.starts_with(prefix_) && allows_bucket(bucket);
  }
  [[nodiscard]] const std::string& access_key_id() const { return access_key_id_; }

 private:
  [[nodiscard]] bool is_all() const { return buckets_.empty() && prefix_.empty(); }

  std::vector<BucketGlob> buckets_;
  std::string prefix_;
  std::string access_key_id_;
};

/// Not null.
using GrantPtr = std::shared_ptr<const Grant>;

}  // namespace cachey::api::s3
