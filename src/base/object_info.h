#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/object_attributes.h"

namespace cachey {

/// True for `W/"..."` (RFC 9110 8.8.1): the same tag may stand for different bytes.
[[nodiscard]] constexpr bool is_weak_tag(std::string_view tag) { return tag.starts_with("W/"); }

/// True if the entity tag names a version. False for a tag of no characters, or of nothing but
/// zeros, dashes and blanks, with or without a number of parts (`-N`) behind: some stores send such
/// a tag with every object.
[[nodiscard]] constexpr bool is_informative_tag(std::string_view tag) {
  if (is_weak_tag(tag) || tag.starts_with("w/")) tag.remove_prefix(2);
  constexpr std::string_view kAround = "\" \t";
  while (!tag.empty() && kAround.contains(tag.back())) tag.remove_suffix(1);
  std::string_view text = tag;
  while (!text.empty() && text.back() >= '0' && text.back() <= '9') text.remove_suffix(1);
  if (text.ends_with('-')) tag = text;
  return tag.find_first_not_of("\"0- \t") != std::string_view::npos;
}

/// The version of an object, as one answer of the origin describes it. Immutable once made. Pages
/// of the same version share it.
struct ObjectInfo {
  std::string etag;           ///< verbatim, quotes included; empty: none, or not informative
  uint64_t size = 0;          ///< bytes
  int64_t last_modified = 0;  ///< Unix seconds; 0: the origin sent none
  /// As of the same answer. Not part of the version. Null: not known.
  ObjectAttributesPtr attributes = nullptr;

  /// The tag, if equal tags prove equal bytes; else empty.
  [[nodiscard]] std::string_view strong_tag() const {
    return is_weak_tag(etag) ? std::string_view() : etag;
  }

  /// Whether two answers of one bucket describe the same version. Sizes, then tags, then times
  /// decide:
  /// - Other sizes: other versions.
  /// - Two strong tags decide. Tags that differ prove other versions, weak ones too; equal weak
  ///   tags prove nothing.
  /// - Else the times must be equal. Without any time the size has decided, unless only one of the
  ///   answers has a tag.
  [[nodiscard]] bool same_version(const ObjectInfo& other) const {
    if (size != other.size) return false;
    const bool both_have_tags = !etag.empty() && !other.etag.empty();
    if (both_have_tags) {
      if (!strong_tag().empty() && !other.strong_tag().empty()) return etag == other.etag;
      if (opaque_tag() != other.opaque_tag()) return false;
    }
    if (last_modified != 0 || other.last_modified != 0) return last_modified == other.last_modified;
    return both_have_tags || (etag.empty() && other.etag.empty());
  }

 private:
  [[nodiscard]] std::string_view opaque_tag() const {
    return std::string_view(etag).substr(is_weak_tag(etag) ? 2 : 0);
  }
};

/// An object version and the bucket that it was read from. Immutable once made; shared by the
/// object's pages.
struct ObjectSource {
  ObjectInfo info;
  std::string bucket;

  /// Whether bytes of both may stand in one answer. The buckets of a kind hold the same bytes,
  /// under tags of their own: between two buckets the size decides.
  [[nodiscard]] bool same_version(const ObjectSource& other) const {
    if (this == &other) return true;
    return bucket == other.bucket ? info.same_version(other.info) : info.size == other.info.size;
  }
};
using ObjectSourcePtr = std::shared_ptr<const ObjectSource>;

}  // namespace cachey
