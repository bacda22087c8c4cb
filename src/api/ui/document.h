#pragma once

#include <string_view>

namespace cachey::api {

/// The status page: one HTML document with its style and script. Constant.
struct UiDocument {
  std::string_view plain;
  std::string_view gzip;    ///< the same, compressed
  std::string_view style;   ///< the text of its style, which other documents may have too
  std::string_view digest;  ///< of `plain`, in hex
  /// The value of Content-Security-Policy: allows the document's own style and script, requests to
  /// its own server, and nothing else.
  std::string_view policy;
};

/// Made by assemble.py while building.
[[nodiscard]] UiDocument ui_document();

}  // namespace cachey::api
