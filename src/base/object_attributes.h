#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/units.h"

namespace cachey {

/// What a store says about an object beside its bytes and its version: Content-Type, x-amz-meta-*
/// and others, as lines `Name: value\r\n` for a head. Values are verbatim. Immutable; shared by
/// all objects with the same text (AttributesPool).
class ObjectAttributes {
 public:
  /// The most text of one object. S3 allows 2 KiB of x-amz-meta-*.
  static constexpr size_t kBytesMax = 8 * kKiB;

  /// REQUIRES: whole lines, without other control characters than their ends and tabs.
  ObjectAttributes(std::string lines, std::string checksum_lines)
      : lines_(std::move(lines)), checksum_lines_(std::move(checksum_lines)) {}

  /// For each answer that has the object.
  [[nodiscard]] std::string_view lines() const { return lines_; }
  /// `x-amz-checksum-*`: only for an answer with the whole object, if the client asks for them.
  [[nodiscard]] std::string_view checksum_lines() const { return checksum_lines_; }
  /// The answer was about the whole object: no checksum lines mean that the store has none. With a
  /// part of an object S3 sends none. Not kept on the disk.
  [[nodiscard]] bool tells_checksums() const { return tells_checksums_; }
  void set_tells_checksums() { tells_checksums_ = true; }
  [[nodiscard]] size_t bytes() const { return lines_.size() + checksum_lines_.size(); }
  /// The store said more than kBytesMax. Such attributes have no text.
  [[nodiscard]] bool too_large() const { return too_large_; }
  [[nodiscard]] static ObjectAttributes make_too_large() {
    ObjectAttributes attributes({}, {});
    attributes.too_large_ = true;
    return attributes;
  }

  friend bool operator==(const ObjectAttributes&, const ObjectAttributes&) = default;

 private:
  std::string lines_;
  std::string checksum_lines_;
  bool too_large_ = false;
  bool tells_checksums_ = false;
};
using ObjectAttributesPtr = std::shared_ptr<const ObjectAttributes>;

/// Whether `said`, of a newer answer with the same version, takes the place of `known`. Null says
/// nothing. No checksums say nothing either: S3 sends none with a part of an object.
[[nodiscard]] inline bool tells_news(const ObjectAttributesPtr& said,
                                     const ObjectAttributesPtr& known) {
  if (said == nullptr || said == known) return false;
  if (known == nullptr) return true;
  if (said->lines() != known->lines() || said->too_large() != known->too_large()) return true;
  return !said->checksum_lines().empty() && said->checksum_lines() != known->checksum_lines();
}

}  // namespace cachey
