#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// The begin of a store's XML document, before the rest has come. Pure.
namespace cachey::api::s3 {

/// After this many bytes without an answer there is none: a list may have its prefix, of up to
/// 1,024 bytes, before its name.
inline constexpr size_t kDocumentBeginMax = 16 * 1024;

enum class Found : uint8_t {
  kYes,
  kNo,
  kNeedsMore,  ///< the text ends too early to tell
};

/// The root element's name without its namespace prefix.
struct RootName {
  Found found = Found::kNeedsMore;
  std::string_view name{};  ///< in the text
};

/// Skips a byte-order mark, blanks, processing instructions and comments. kNo: the text is no XML
/// document, or has a document type.
[[nodiscard]] RootName find_root(std::string_view text);

/// The text of a list's element `Name`, which is the bucket's name: [begin, end) of the document.
struct ListName {
  Found found = Found::kNeedsMore;
  size_t begin = 0;
  size_t end = 0;
};

/// kNo: an entry of the list comes first, or the document ends.
[[nodiscard]] ListName find_list_name(std::string_view text);

}  // namespace cachey::api::s3
