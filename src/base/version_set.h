#pragma once

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/object_info.h"

namespace cachey {

/// The versions that the bytes of one page or one answer come from: at most one a bucket, all of
/// one size. So bytes of two buckets may stand together, and bytes of two versions of a bucket
/// never. A handful of entries. Not synchronized.
class VersionSet {
 public:
  [[nodiscard]] bool empty() const { return sources_.empty(); }

  /// Whether bytes of `source` may stand beside those of the set.
  [[nodiscard]] bool fits(const ObjectSource& source) const {
    return std::ranges::all_of(
        sources_, [&source](const ObjectSourcePtr& other) { return other->same_version(source); });
  }

  /// The bucket's version; null: the set has none of the bucket.
  [[nodiscard]] ObjectSourcePtr of(std::string_view bucket) const {
    const auto found = std::ranges::find(
        sources_, bucket,
        [](const ObjectSourcePtr& source) -> std::string_view { return source->bucket; });
    return found == sources_.end() ? nullptr : *found;
  }

  /// A version of another bucket; null: the set has none.
  [[nodiscard]] ObjectSourcePtr beside(std::string_view bucket) const {
    const auto found = std::ranges::find_if(
        sources_, [bucket](const ObjectSourcePtr& source) { return source->bucket != bucket; });
    return found == sources_.end() ? nullptr : *found;
  }

  /// Adds `source`, unless the set has a version of its bucket. REQUIRES: fits(*source).
  void add(ObjectSourcePtr source) {
    if (of(source->bucket) == nullptr) sources_.push_back(std::move(source));
  }

 private:
  std::vector<ObjectSourcePtr> sources_;
};

}  // namespace cachey
