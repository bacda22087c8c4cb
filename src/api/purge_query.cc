#include "api/purge_query.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/names.h"
#include "api/query.h"

namespace cachey::api {
namespace {

using Parameters = std::array<QueryParameter, 5>;

Result<KeyScope> scope_of(Parameters& parameters) {
  auto& [kind, object, prefix, all, soft] = parameters;
  const int scopes =
      int{object.value.has_value()} + int{prefix.value.has_value()} + int{all.value.has_value()};
  if (scopes != 1) return bad_query("one of object=, prefix= and all=true says what is purged");
  if (all.value && *all.value != "true") return bad_query("all must be true");
  if (!kind.value && !all.value) return bad_query("kind= is missing");
  if (!kind.value) return KeyScope::all();
  if (Result<void> checked = check_kind_name("kind", *kind.value); !checked)
    return std::unexpected(std::move(checked.error()));
  if (all.value) return KeyScope::of_kind(std::move(*kind.value));
  QueryParameter& text = object.value ? object : prefix;
  if (Result<void> checked = check_key_text(text.name, *text.value); !checked)
    return std::unexpected(std::move(checked.error()));
  return object.value ? KeyScope::object(std::move(*kind.value), std::move(*text.value))
                      : KeyScope::prefix(std::move(*kind.value), std::move(*text.value));
}

}  // namespace

Result<PurgeQuery> parse_purge_query(std::string_view query) {
  Parameters parameters{{{"kind"}, {"object"}, {"prefix"}, {"all"}, {"soft"}}};
  Result<void> parsed =
      parse_query(query, parameters, "kind=, object=, prefix=, all=true and soft=true");
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  Result<KeyScope> scope = scope_of(parameters);
  if (!scope) return std::unexpected(std::move(scope.error()));
  const std::optional<std::string>& soft = parameters.back().value;
  if (soft && *soft != "true") return bad_query("soft must be true");
  if (soft && !scope->is_object()) return bad_query("soft=true is for one object=");
  return PurgeQuery{std::move(*scope), soft.has_value()};
}

}  // namespace cachey::api
