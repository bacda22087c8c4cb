#include "api/query.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr size_t kKeyBytesMax = 1024;

}  // namespace

std::unexpected<Error> bad_query(std::string text) {
  return fail(ErrorKind::kBadRequest, "query: " + std::move(text));
}

Result<void> parse_query(std::string_view query, std::span<QueryParameter> known,
                         std::string_view names) {
  bool more = true;
  while (more) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
    const std::string_view name = pair.substr(0, pair.find('='));
    const auto found = std::ranges::find(known, name, &QueryParameter::name);
    if (found == known.end() || name.size() == pair.size())
      return bad_query(log::quoted(name, 40) + " is none of " + std::string(names));
    if (found->value) return bad_query(std::string(name) + " is there twice");
    found->value = percent_decode(pair.substr(name.size() + 1));
    if (!found->value) return bad_query("a percent sign must be followed by two hex digits");
  }
  return {};
}

Result<void> check_key_text(std::string_view name, const std::string& text) {
  if (text.empty()) return bad_query(std::string(name) + " must not be empty");
  if (text.size() > kKeyBytesMax) return bad_query(std::string(name) + " is at most 1024 bytes");
  if (!is_utf8(text)) return bad_query(std::string(name) + " must be UTF-8");
  return {};
}

}  // namespace cachey::api
