#include "aws/date.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/clock.h"

namespace cachey::aws {
namespace {

/// Takes `digits` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, size_t digits) {
  int number = 0;
  if (text.size() < digits || text.front() == '-') return std::nullopt;
  const char* const end = text.data() + digits;
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

constexpr int kLeapSecond = 60;  // RFC 3339 allows it

bool take(std::string_view& text, char lower, char upper) {
  if (text.empty() || (text.front() != lower && text.front() != upper)) return false;
  text.remove_prefix(1);
  return true;
}

/// Three numbers with a separator between them, such as `2009-02-13` or `23:31:30`.
struct Triple {
  int first;
  int second;
  int third;
};

constexpr char kNothing = '\0';  // no separator

std::optional<Triple> take_triple(std::string_view& text, size_t first_digits, char separator) {
  const auto skip = [&text, separator] {
    return separator == kNothing || take(text, separator, separator);
  };
  const std::optional<int> first = take_number(text, first_digits);
  if (!first || !skip()) return std::nullopt;
  const std::optional<int> second = take_number(text, 2);
  if (!second || !skip()) return std::nullopt;
  const std::optional<int> third = take_number(text, 2);
  if (!third) return std::nullopt;
  return Triple{*first, *second, *third};
}

/// Unix seconds. Nothing if there is no such day or time of day.
std::optional<int64_t> to_seconds(const Triple& date, const Triple& time, int second_max) {
  if (time.first > 23 || time.second > 59 || time.third > second_max) return std::nullopt;
  const std::chrono::year_month_day day(std::chrono::year(date.first),
                                        std::chrono::month(static_cast<unsigned>(date.second)),
                                        std::chrono::day(static_cast<unsigned>(date.third)));
  if (!day.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  return days * 86'400 + time.first * 3600 + time.second * 60 + time.third;
}

/// `Z`, `+02:00` or `-02:00`, in seconds.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, 'Z', 'z')) return 0;
  const bool negative = text.starts_with('-');
  if (!take(text, '+', '-')) return std::nullopt;
  const std::optional<int> hours = take_number(text, 2);
  if (!hours || !take(text, ':', ':')) return std::nullopt;
  const std::optional<int> minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int seconds = (*hours * 60 + *minutes) * 60;
  return negative ? -seconds : seconds;
}

}  // namespace

std::string amz_date(int64_t unix_seconds) {
  const std::tm parts = utc_of(unix_seconds);
  const int year = parts.tm_year + 1900;
  std::string text = "yyyymmddThhmmssZ";
  const auto put = [&text](size_t at, int number) {  // fmt takes 20 times as long
    text[at] = static_cast<char>('0' + number / 10 % 10);
    text[at + 1] = static_cast<char>('0' + number % 10);
  };
  put(0, year / 100);
  put(2, year % 100);
  put(4, parts.tm_mon + 1);
  put(6, parts.tm_mday);
  put(9, parts.tm_hour);
  put(11, parts.tm_min);
  put(13, parts.tm_sec);
  return text;
}

std::optional<int64_t> parse_amz_date(std::string_view text) {
  const std::optional<Triple> date = take_triple(text, 4, kNothing);
  if (!date || !take(text, 'T', 'T')) return std::nullopt;
  const std::optional<Triple> time = take_triple(text, 2, kNothing);
  if (!time || text != "Z") return std::nullopt;
  return to_seconds(*date, *time, kLeapSecond - 1);
}

std::optional<int64_t> parse_timestamp(std::string_view text) {
  const std::optional<Triple> date = take_triple(text, 4, '-');
  if (!date || !take(text, 'T', 't')) return std::nullopt;
  const std::optional<Triple> time = take_triple(text, 2, ':');
  if (!time) return std::nullopt;
  if (take(text, '.', '.'))
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  const std::optional<int> offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::optional<int64_t> seconds = to_seconds(*date, *time, kLeapSecond);
  return seconds ? std::optional(*seconds - *offset) : std::nullopt;
}

}  // namespace cachey::aws
