#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/object_attributes.h"

namespace cachey::origin {

/// Collects an object's attributes from the fields of an answer's head. Attributes are those that a
/// client of S3 reads: Content-Type, Cache-Control, Content-Disposition, Content-Encoding,
/// Content-Language, Expires; x-amz-meta-*, x-amz-checksum-*, x-amz-server-side-encryption*,
/// x-amz-object-lock-*; x-amz-archive-status, -expiration, -missing-meta, -replication-status,
/// -restore, -storage-class, -tagging-count, -version-id, -website-redirect-location. All other
/// fields are about the answer, the connection or the store.
///
/// Values are kept verbatim, fields of one name in their order. Heads that differ only in the order
/// and the case of names give the same text.
class AttributeLines {
 public:
  /// Call before each line that is not folded.
  void begin_line() { last_ = nullptr; }
  /// Keeps the field if it is an attribute. Once a line. REQUIRES: `value` has no control
  /// characters but tabs.
  void take(std::string_view name, std::string_view value);
  /// Drops the line's field, if that was kept: its value goes on in a folded line.
  void drop_line();

  /// The attributes; too_large() past ObjectAttributes::kBytesMax. Call once.
  [[nodiscard]] ObjectAttributes finish();

 private:
  struct Lines {
    std::string text;
    size_t last = 0;       // where the last line begins
    bool in_order = true;  // of their names
  };
  void add(Lines& lines, std::string_view spelling, std::string_view name, std::string_view value);
  [[nodiscard]] static std::string finish(Lines lines);

  Lines lines_;
  Lines checksum_lines_;
  Lines* last_ = nullptr;  // has the line's field; null: that is no attribute
  bool too_large_ = false;
};

}  // namespace cachey::origin
