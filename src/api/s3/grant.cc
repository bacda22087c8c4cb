#include "api/s3/grant.h"

#include <algorithm>

namespace cachey::api::s3 {

bool Grant::allows_bucket(std::string_view bucket) const {
  if (buckets_.empty()) return true;
  return std::ranges::any_of(buckets_,
                             [bucket](const BucketGlob& glob) { return glob.matches(bucket); });
}

bool Grant::allows(const Target& target) const {
  switch (target.operation) {
    case Operation::kOther:
    case Operation::kListBuckets:
      return true;
    case Operation::kListObjects:
    case Operation::kListObjectsV2:
    case Operation::kListObjectVersions: {
      // A store may take any of several prefixes.
      size_t prefixes = 0;
      for (const aws::NamedValue& parameter : target.parameters) {
        if (parameter.name != "prefix") continue;
        if (!allows_list(target.bucket, parameter.value)) return false;
        ++prefixes;
      }
      return prefixes > 0 || allows_list(target.bucket, "");
    }
    default:
      if (!target.key.empty()) return allows(target.bucket, target.key);
      return target.bucket.empty() || allows_bucket(target.bucket);
  }
}

}  // namespace cachey::api::s3
