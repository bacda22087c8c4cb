#include "api/s3/grant.h"

#include <algorithm>

namespace cachey::api::s3 {

bool Grant::allows_bucket(std::string_view bucket) const {
  if (buckets_.empty()) return true;
  return std::ranges::any_of(buckets_,
                             [bucket](const BucketGlob& glob) { return glob.matches(bucket); });
}

}  // namespace cachey::api::s3
