#include "api/purge_query.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/names.h"
#include "base/escape.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr size_t kKeyBytesMax = 1024;

struct Parameter {
  std::string_view name;
  std::optional<std::string> value = {};
};
using Parameters = std::array<Parameter, 5>;

std::unexpected<Error> bad_query(std::string text) {
  return fail(ErrorKind::kBadRequest, "query: " + std::move(text));
}

Result<Parameters> parameters_of(std::string_view query) {
  Parameters known{{{"kind"}, {"object"}, {"prefix"}, {"all"}, {"soft"}}};
  bool more = true;
  while (more) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
    const std::string_view name = pair.substr(0, pair.find('='));
    const auto found = std::ranges::find(known, name, &Parameter::name);
    if (found == known.end() || name.size() == pair.size()) {
      return bad_query(log::quoted(name, 40) +
                       " is none of kind=, object=, prefix=, all=true and soft=true");
    }
    if (found->value) return bad_query(std::string(name) + " is there twice");
    found->value = percent_decode(pair.substr(name.size() + 1));
    if (!found->value) return bad_query("a percent sign must be followed by two hex digits");
  }
  return known;
}

Result<void> check_key_text(std::string_view name, const std::string& text) {
  if (text.empty()) return bad_query(std::string(name) + " must not be empty");
  if (text.size() > kKeyBytesMax) return bad_query(std::string(name) + " is at most 1024 bytes");
  if (!is_utf8(text)) return bad_query(std::string(name) + " must be UTF-8");
  return {};
}

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
  Parameter& text = object.value ? object : prefix;
  if (Result<void> checked = check_key_text(text.name, *text.value); !checked)
    return std::unexpected(std::move(checked.error()));
  return object.value ? KeyScope::object(std::move(*kind.value), std::move(*text.value))
                      : KeyScope::prefix(std::move(*kind.value), std::move(*text.value));
}

}  // namespace

Result<PurgeQuery> parse_purge_query(std::string_view query) {
  Result<Parameters> parameters = parameters_of(query);
  if (!parameters) return std::unexpected(std::move(parameters.error()));
  Result<KeyScope> scope = scope_of(*parameters);
  if (!scope) return std::unexpected(std::move(scope.error()));
  const std::optional<std::string>& soft = parameters->back().value;
  if (soft && *soft != "true") return bad_query("soft must be true");
  if (soft && !scope->is_object()) return bad_query("soft=true is for one object=");
  return PurgeQuery{std::move(*scope), soft.has_value()};
}

}  // namespace cachey::api
