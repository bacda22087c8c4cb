#include "api/range_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/units.h"

namespace cachey::api {
namespace {

std::unexpected<Error> fault(std::string text) {
  return fail(ErrorKind::kRangeNotSatisfiable, "Range: " + std::move(text));
}

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
  return error == std::errc{} ? value : std::numeric_limits<uint64_t>::max();
}

}  // namespace

Result<ByteRange> parse_range(std::string_view value) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos || !is_bytes_unit(value.substr(0, equals))) {
    return fault("must be bytes={first}-{last}");
  }
  const std::string_view range = value.substr(equals + 1);
  if (range.find(',') != std::string_view::npos) return fault("only one range at a time");
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return fault("must be bytes={first}-{last}");
  if (dash == 0) return fault("suffix ranges are not supported; give first and last byte");
  if (dash + 1 == range.size()) return fault("open ranges are not supported; give the last byte");

  Result<uint64_t> first = position(range.substr(0, dash), "first");
  if (!first) return std::unexpected(std::move(first.error()));
  Result<uint64_t> last = position(range.substr(dash + 1), "last");
  if (!last) return std::unexpected(std::move(last.error()));
  if (*first > *last) return fault("the first byte is after the last");
  if (*first >= kObjectBytesMax) return fault("past the largest object there can be, 50 TiB");
  return ByteRange{*first, std::min(*last, kObjectBytesMax - 1) + 1};
}

}  // namespace cachey::api
