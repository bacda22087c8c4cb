#pragma once

#include <cstdint>
#include <string>

namespace cachey {

/// What the origin says of an object, as of one answer. Immutable once made; shared by the pages
/// that were fetched from the same version.
struct ObjectInfo {
  std::string etag;           ///< verbatim, quotes included; empty where the origin sent none
  uint64_t size = 0;          ///< bytes
  int64_t last_modified = 0;  ///< Unix seconds; 0 = the origin did not say

  /// Same bytes, as far as can be told: by entity tag where both have one, else by size and time.
  [[nodiscard]] bool same_version(const ObjectInfo& other) const {
    if (size != other.size) return false;
    if (!etag.empty() && !other.etag.empty()) return etag == other.etag;
    return last_modified == other.last_modified;
  }
};

}  // namespace cachey
