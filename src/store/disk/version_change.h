#pragma once

#include <string>
#include <utility>

#include "base/object_info.h"

namespace cachey::store {

/// Makes `known` what `seen`, a newer answer about the same version, says of all that may change
/// while the version stays. What `seen` does not know stays. False: nothing has changed.
inline bool take_answer(ObjectInfo& known, const ObjectInfo& seen) {
  const bool other_attributes = tells_news(seen.attributes, known.attributes);
  const bool other_time = seen.last_modified != 0 && seen.last_modified != known.last_modified;
  if (other_attributes) known.attributes = seen.attributes;
  if (other_time) known.last_modified = seen.last_modified;
  return other_attributes || other_time;
}

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
  /// The version that the object has now; null: none is known.
  [[nodiscard]] const ObjectSource* seen() const { return removed_ ? nullptr : &source_; }
  /// Empty: all buckets.
  [[nodiscard]] const std::string& bucket() const { return source_.bucket; }
  /// The memory of the change, about.
  [[nodiscard]] size_t memory_bytes() const {
    const ObjectAttributes* attributes = source_.info.attributes.get();
    return sizeof *this + source_.info.etag.size() + source_.bucket.size() +
           (attributes == nullptr ? 0 : attributes->bytes());
  }

 private:
  VersionChange(ObjectSource source, bool removed)
      : source_(std::move(source)), removed_(removed) {}

  ObjectSource source_;
  bool removed_;
};

}  // namespace cachey::store
