#pragma once

#include <string>
#include <utility>

#include "base/object_info.h"

namespace cachey::store {

/// News of an object's versions.
class VersionChange {
 public:
  /// The object has this version: what cannot stand beside the version is old.
  [[nodiscard]] static VersionChange observed(ObjectSource version) {
    return {std::move(version), false};
  }
  /// The bucket's version is old; of all buckets, if the name is empty.
  [[nodiscard]] static VersionChange removed(std::string bucket) {
    return {ObjectSource{{}, std::move(bucket)}, true};
  }

  /// Whether pages of `version` are old.
  [[nodiscard]] bool ends(const ObjectSource& version) const {
    if (removed_) return source_.bucket.empty() || source_.bucket == version.bucket;
    return !source_.same_version(version);
  }
  /// Empty: all buckets.
  [[nodiscard]] const std::string& bucket() const { return source_.bucket; }
  /// The memory of the change, about.
  [[nodiscard]] size_t memory_bytes() const {
    return sizeof *this + source_.info.etag.size() + source_.bucket.size();
  }

 private:
  VersionChange(ObjectSource source, bool removed)
      : source_(std::move(source)), removed_(removed) {}

  ObjectSource source_;
  bool removed_;
};

}  // namespace cachey::store
