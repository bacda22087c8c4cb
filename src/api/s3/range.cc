#include "api/s3/range.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "api/range_header.h"
#include "base/ascii.h"
#include "base/units.h"

namespace cachey::api::s3 {
namespace {

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kUnit = "bytes";

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

std::string_view without_zeros(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// Compares numbers of any length.
bool is_less(std::string_view a, std::string_view b) {
  a = without_zeros(a);
  b = without_zeros(b);
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

/// A number past 64 bits is the largest one. REQUIRES: is_number(digits).
uint64_t value_of(std::string_view digits) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? value : kLargest;
}

/// Names of units are case-insensitive (RFC 9110 14.1).
bool is_bytes_unit(std::string_view unit) {
  return std::ranges::equal(unit, kUnit, {}, [](char c) { return static_cast<char>(c | 0x20); });
}

}  // namespace

AskedRange AskedRange::parse(std::string_view value) {
  if (const std::optional<ByteRange> usual = parse_usual_range(value))
    return AskedRange{.form = Form::kFromTo, .first = usual->begin, .last = usual->end - 1};
  constexpr AskedRange kIgnored;
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos || !is_bytes_unit(value.substr(0, equals))) return kIgnored;
  const std::string_view range = value.substr(equals + 1);
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return kIgnored;
  const std::string_view first = range.substr(0, dash);
  const std::string_view last = range.substr(dash + 1);
  if (first.empty()) {
    if (!is_number(last)) return kIgnored;
    return AskedRange{.form = Form::kTail, .tail_bytes = value_of(last)};
  }
  if (!is_number(first)) return kIgnored;
  if (last.empty()) {
    return AskedRange{.form = Form::kFromTo, .first = value_of(first), .last = kLargest};
  }
  if (!is_number(last) || is_less(last, first)) return kIgnored;
  return AskedRange{.form = Form::kFromTo, .first = value_of(first), .last = value_of(last)};
}

AskedRange AskedRange::of(const net::Request& request) {
  const net::Field* range = nullptr;
  for (const net::Field& field : request.fields()) {
    if (field.name != "range") continue;
    if (range != nullptr) return AskedRange();
    range = &field;
  }
  return range == nullptr ? AskedRange() : parse(range->value);
}

ByteRange AskedRange::of_unknown_size() const {
  return {std::min(first, kObjectBytesMax - 1), std::min(last, kObjectBytesMax - 1) + 1};
}

RangeVerdict judge(const AskedRange& asked, uint64_t object_size) {
  using Answer = RangeVerdict::Answer;
  const bool all_of_nothing =
      asked.form == AskedRange::Form::kTail && asked.tail_bytes != 0 && object_size == 0;
  if (asked.form == AskedRange::Form::kWhole || all_of_nothing) {
    return {Answer::kWhole, ByteRange{0, object_size}};
  }
  const bool tail = asked.form == AskedRange::Form::kTail;
  const uint64_t begin = tail ? object_size - std::min(asked.tail_bytes, object_size) : asked.first;
  if (begin >= object_size) return {Answer::kUnsatisfiable, ByteRange()};
  const uint64_t last = tail ? object_size - 1 : std::min(asked.last, object_size - 1);
  return {Answer::kPart, ByteRange{begin, last + 1}};
}

}  // namespace cachey::api::s3
