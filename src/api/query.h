#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::api {

/// A parameter that a query may have.
struct QueryParameter {
  std::string_view name;
  std::optional<std::string> value = {};
};

/// kBadRequest, with a text that names the query.
[[nodiscard]] std::unexpected<Error> bad_query(std::string text);

/// Sets the values of `known` from `NAME=VALUE&...`, percent-encoded; `+` is a plus. Each is there
/// at most once. kBadRequest for other names; `names` lists the known ones for the error's text.
[[nodiscard]] Result<void> parse_query(std::string_view query, std::span<QueryParameter> known,
                                       std::string_view names);

/// A key, or the begin of one: not empty, at most 1024 bytes, UTF-8.
[[nodiscard]] Result<void> check_key_text(std::string_view name, const std::string& text);

/// The part of a request's target after `?`; empty: there is none.
[[nodiscard]] inline std::string_view query_part(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace cachey::api
