#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace cachey {

/// The version of an object, as one answer of the origin describes it. Immutable once made. Pages
/// of the same version share it.
struct ObjectInfo {
  std::string etag;           ///< verbatim, quotes included; empty: the origin sent none
  uint64_t size = 0;          ///< bytes
  int64_t last_modified = 0;  ///< Unix seconds; 0: the origin sent none

  /// True if the sizes are equal, and of tag and time the first that both have. Without tag and
  /// time on both sides only the size tells versions apart: the origin has no names for versions.
  [[nodiscard]] bool same_version(const ObjectInfo& other) const {
    if (size != other.size) return false;
    if (!etag.empty() && !other.etag.empty()) return etag == other.etag;
    if (last_modified != 0 || other.last_modified != 0) return last_modified == other.last_modified;
    return etag.empty() && other.etag.empty();
  }
};

/// An object version and the bucket that it was read from. Immutable once made; shared by the
/// object's pages.
struct ObjectSource {
  ObjectInfo info;
  std::string bucket;
};
using ObjectSourcePtr = std::shared_ptr<const ObjectSource>;

}  // namespace cachey
