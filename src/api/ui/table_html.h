#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cachey::api {

/// The numbers of `/ui/data` as an HTML document without script. `data`: the text of that answer.
/// `style`: the text of the document's style. Nothing: `data` is no such answer.
[[nodiscard]] std::optional<std::string> table_html(std::string_view data, std::string_view style);

}  // namespace cachey::api
