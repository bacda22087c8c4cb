#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"

/// Parts of objects that were uploaded in parts, as `partNumber` names them. A part is a range of
/// an object's version. Pure.
namespace cachey::api::s3 {

inline constexpr uint32_t kPartNumberMax = 10'000;  ///< S3's limit

/// The value of a `partNumber`: a whole number from 1 to kPartNumberMax.
[[nodiscard]] std::optional<uint32_t> parse_part_number(std::string_view text);

/// The number of parts in a tag such as `"0123abcd-3"`. Nothing: the tag is that of an object
/// without parts.
[[nodiscard]] std::optional<uint32_t> parts_in_tag(std::string_view etag);

/// The place of a part.
struct PartPlace {
  enum class Form : uint8_t {
    kRange,    ///< in these bytes of the version
    kWhole,    ///< the store ignores part numbers: it sends the whole object, with 200
    kNone,     ///< the version has no such part
    kForeign,  ///< the store says it in no form that is known here: its own answer must do
  };
  Form form = Form::kForeign;
  ByteRange range{};   ///< kRange: not empty, within the version
  uint32_t count = 0;  ///< kRange: of all parts; 0: the store does not say

  friend bool operator==(const PartPlace&, const PartPlace&) = default;
};

/// A store's answer to HeadObject or GetObject with a part number and If-Match with the version's
/// tag.
struct PartAnswer {
  unsigned status = 0;
  std::string_view lines;  ///< `Name: value\r\n`
  std::optional<uint64_t> content_length;
};

/// What the answer says of part `number` of `version`. The sizes that the answer tells must be
/// possible ones. Errors: kChanged (the answer is about another version, 404 or 412),
/// kDenied.
[[nodiscard]] Result<PartPlace> read_part_answer(const PartAnswer& answer,
                                                 const ObjectInfo& version, uint32_t number);

}  // namespace cachey::api::s3
