#pragma once

#include <string>
#include <string_view>

namespace cachey::api {

/// Appends `text` to `html` as text: in an element's content or a quoted attribute, no character of
/// it is markup. Control characters, and those that turn the direction of the text around them,
/// become U+FFFD. REQUIRES: UTF-8.
void append_text(std::string_view text, std::string& html);

}  // namespace cachey::api
