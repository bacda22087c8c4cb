#include "api/objects_query.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "api/names.h"
#include "api/query.h"
#include "base/escape.h"

namespace cachey::api {
namespace {

std::optional<size_t> limit_of(std::string_view text) {
  size_t limit = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool is_number = error == std::errc{} && stop == text.data() + text.size();
  if (!is_number || limit == 0 || limit > ObjectsQuery::kLimitMax) return std::nullopt;
  return limit;
}

}  // namespace

Result<ObjectsQuery> parse_objects_query(std::string_view query) {
  ObjectsQuery asked;
  if (query.empty()) return asked;
  std::array<QueryParameter, 5> parameters{
      {{"kind"}, {"object"}, {"prefix"}, {"after"}, {"limit"}}};
  Result<void> checked =
      parse_query(query, parameters, "kind=, object=, prefix=, after= and limit=");
  auto& [kind, object, prefix, after, limit] = parameters;
  if (checked && kind.value) checked = check_kind_name("kind", *kind.value);
  for (const QueryParameter* text : {&object, &prefix}) {
    if (!checked || !text->value) continue;
    checked = check_key_text(text->name, *text->value);
    if (checked && !kind.value) checked = bad_query("kind= is missing");
  }
  if (!checked) return std::unexpected(std::move(checked.error()));
  if (object.value && (prefix.value || after.value || limit.value))
    return bad_query("object= stands with kind= alone");
  if (limit.value) {
    const std::optional<size_t> number = limit_of(*limit.value);
    if (!number)
      return bad_query(fmt::format("limit is a number from 1 to {}", ObjectsQuery::kLimitMax));
    asked.limit = *number;
  }
  if (after.value) {
    const size_t slash = after.value->find('/');
    // A slash in a kind is escaped once more.
    const std::optional<std::string> after_kind = percent_decode(after.value->substr(0, slash));
    if (slash == std::string::npos || !after_kind) return bad_query("after is KIND/KEY");
    asked.after = {*after_kind, after.value->substr(slash + 1)};
  }
  if (object.value) {
    asked.scope = KeyScope::object(*kind.value, *object.value);
  } else if (prefix.value) {
    asked.scope = KeyScope::prefix(*kind.value, *prefix.value);
  } else if (kind.value) {
    asked.scope = KeyScope::of_kind(*kind.value);
  }
  return asked;
}

}  // namespace cachey::api
