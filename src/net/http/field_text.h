#pragma once

#include <string_view>

namespace cachey::net {

/// The text of a response's fields, on its way to the wire.

/// It has no control characters.
[[nodiscard]] bool is_clean(std::string_view text);

/// Whatever a value has been through, it ends no line but its own: control characters become `?`.
/// Writes text.size() bytes to `to` and returns where they end.
[[nodiscard]] char* copy_clean(std::string_view text, char* to);

}  // namespace cachey::net
