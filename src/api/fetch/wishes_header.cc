#include "api/fetch/wishes_header.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace cachey::api {
namespace {

std::unexpected<Error> bad_wish(const char* text) { return fail(ErrorKind::kBadRequest, text); }

/// The next member between commas; empty ones count as none (RFC 9110 5.6.1). Empty: there is none.
std::string_view take_member(std::string_view& line) {
  std::string_view member;
  while (member.empty() && !line.empty()) {
    member = line.substr(0, line.find(','));
    line.remove_prefix(std::min(line.size(), member.size() + 1));
    member = trimmed(member);
  }
  return member;
}

/// The value that all members of a line and the lines before it have; `known` is that of the lines
/// before.
template <typename T, typename Parse>
Result<void> add_line(std::string_view line, std::optional<T>& known, Parse parse, const char* rule,
                      const char* differs) {
  std::string_view member = take_member(line);
  do {
    const std::optional<T> value = parse(member);
    if (!value) return bad_wish(rule);
    if (known.value_or(*value) != *value) return bad_wish(differs);
    known = value;
    member = take_member(line);
  } while (!member.empty());
  return {};
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text != "true" && text != "false") return std::nullopt;
  return text == "true";
}

Result<void> add_exact(std::string_view line, std::optional<bool>& exact) {
  return add_line(line, exact, parse_bool, "C0-Exact: must be true or false",
                  "C0-Exact: must not be both true and false");
}

Result<void> add_object_size(std::string_view line, std::optional<uint64_t>& size) {
  return add_line(line, size, parse_number<uint64_t>,
                  "C0-Object-Size: must be a whole number of bytes",
                  "C0-Object-Size: must not be two numbers");
}

bool says_only_if_cached(std::string_view line) {
  while (true) {
    const std::string_view member = take_member(line);
    if (member.empty()) return false;
    if (lower_case(member) == "only-if-cached") return true;
  }
}

}  // namespace

Result<cache::Wishes> parse_wishes(const net::Request& request, ByteRange range) {
  cache::Wishes wishes;
  std::optional<bool> exact;
  for (const net::Field& field : request.fields()) {
    Result<void> added;
    if (field.name == "c0-exact") added = add_exact(field.value, exact);
    if (field.name == "c0-object-size") added = add_object_size(field.value, wishes.object_size);
    if (!added) return std::unexpected(std::move(added.error()));
    if (field.name == "cache-control" && says_only_if_cached(field.value))
      wishes.only_if_cached = true;
  }
  wishes.exact = exact.value_or(false);
  if (wishes.exact && range.size() > kExactBytesMax)
    return bad_wish("C0-Exact: the range must not have more than 16 MiB");
  return wishes;
}

}  // namespace cachey::api
