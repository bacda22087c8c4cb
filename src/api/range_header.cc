#include "api/range_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/ascii.h"
#include "base/units.h"

namespace cachey::api {
namespace {

std::unexpected<Error> fault(std::string text) {
  return fail(ErrorKind::kRangeNotSatisfiable, "Range: " + std::move(text));
}

constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kNoEndText = "18446744073709551615";  // the same

bool is_bytes_unit(std::string_view unit) {
  if (unit.size() != 5) return false;
  for (size_t i = 0; i < 5; ++i) {
    if ((unit[i] | 0x20) != "bytes"[i]) return false;
  }
  return true;
}

/// A number past 64 bits is the largest one.
Result<uint64_t> position(std::string_view digits, const char* name) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || digits.empty() ||
      error == std::errc::invalid_argument) {
    return fault(fmt::format("the {} byte is not a number", name));
  }
  return error == std::errc{} ? value : kNoEnd;
}

/// The two ends of a range, as text. One of them may be empty.
struct Ends {
  std::string_view first;
  std::string_view last;
};

/// The fault of a value that has no two ends; null: `ends` is set.
const char* split(std::string_view value, Ends& ends) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos || !is_bytes_unit(value.substr(0, equals)))
    return "must be bytes={first}-{last}";
  const std::string_view range = value.substr(equals + 1);
  if (range.find(',') != std::string_view::npos) return "only one range at a time";
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return "must be bytes={first}-{last}";
  ends = Ends{range.substr(0, dash), range.substr(dash + 1)};
  return nullptr;
}

/// REQUIRES: neither end is empty.
Result<ByteRange> range_of(const Ends& ends) {
  Result<uint64_t> first = position(ends.first, "first");
  if (!first) return std::unexpected(std::move(first.error()));
  Result<uint64_t> last = position(ends.last, "last");
  if (!last) return std::unexpected(std::move(last.error()));
  if (*first > *last) return fault("the first byte is after the last");
  if (*first >= kObjectBytesMax) return fault("past the largest object there can be, 50 TiB");
  return ByteRange{*first, std::min(*last, kObjectBytesMax - 1) + 1};
}

/// Takes the digits at the front of `text`, at most as many as always fit. Nothing: there is none.
std::optional<uint64_t> take_digits(std::string_view& text) {
  constexpr size_t kDigitsMax = 18;
  uint64_t value = 0;
  size_t digits = 0;
  for (; digits < std::min(text.size(), kDigitsMax) && is_digit(text[digits]); ++digits) {
    value = value * 10 + static_cast<uint64_t>(text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

}  // namespace

std::optional<ByteRange> parse_usual_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes=";
  if (!value.starts_with(kUnit)) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const std::optional<uint64_t> first = take_digits(value);
  if (!first || !value.starts_with('-')) return std::nullopt;
  value.remove_prefix(1);
  const std::optional<uint64_t> last = take_digits(value);
  const bool is_whole = last && value.empty();
  if (!is_whole || *first > *last || *last >= kObjectBytesMax) return std::nullopt;
  return ByteRange{*first, *last + 1};
}

Result<ByteRange> parse_range(std::string_view value) {
  if (const std::optional<ByteRange> usual = parse_usual_range(value)) return *usual;
  Ends ends;
  if (const char* const text = split(value, ends)) return fault(text);
  if (ends.first.empty()) return fault("suffix ranges are not supported; give first and last byte");
  if (ends.last.empty()) return fault("open ranges are not supported; give the last byte");
  return range_of(ends);
}

Result<AnyRange> parse_any_range(std::string_view value) {
  using Form = AnyRange::Form;
  if (const std::optional<ByteRange> usual = parse_usual_range(value))
    return AnyRange{Form::kBothEnds, *usual};
  Ends ends;
  if (const char* const text = split(value, ends)) return fault(text);
  if (ends.first.empty()) {
    Result<uint64_t> count = position(ends.last, "last");
    if (!count) return std::unexpected(std::move(count.error()));
    return AnyRange{Form::kTail, {0, std::min(*count, kObjectBytesMax)}};
  }
  const bool open = ends.last.empty();
  if (open) ends.last = kNoEndText;
  Result<ByteRange> range = range_of(ends);
  if (!range) return std::unexpected(std::move(range.error()));
  return AnyRange{open ? Form::kOpen : Form::kBothEnds, *range};
}

}  // namespace cachey::api
