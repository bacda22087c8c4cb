#include "base/http_date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace cachey {
namespace {

constexpr size_t kNameBytes = 3;  // of a day and of a month
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<int> number(std::string_view text, size_t at, size_t digits) {
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

void put_name(char* to, std::string_view name) { std::memcpy(to, name.data(), kNameBytes); }

void put_two_digits(char* to, unsigned value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::optional<int64_t> parse_http_date(std::string_view text) {
  // 0         1         2
  // 01234567890123456789012345678
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != HttpDate::kBytes || text.substr(3, 2) != ", " || text.substr(25) != " GMT" ||
      text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':') {
    return std::nullopt;
  }
  unsigned month = 0;
  while (month < kMonths.size() && kMonths[month] != text.substr(8, 3)) ++month;
  const auto day = number(text, 5, 2);
  const auto year = number(text, 12, 4);
  const auto hour = number(text, 17, 2);
  const auto minute = number(text, 20, 2);
  const auto second = number(text, 23, 2);
  if (month == kMonths.size() || !day || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(month + 1),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::sys_seconds time = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                                        std::chrono::minutes(*minute) +
                                        std::chrono::seconds(*second);
  return time.time_since_epoch().count();
}

HttpDate::HttpDate(int64_t unix_seconds) {
  constexpr int64_t kYear0 = -62'167'219'200;
  constexpr int64_t kYear9999End = 253'402'300'799;
  constexpr int64_t kDay = 86'400;
  const int64_t when = std::clamp(unix_seconds, kYear0, kYear9999End);
  const int64_t before = (when % kDay + kDay) % kDay;
  const auto second = static_cast<unsigned>(before);
  const std::chrono::sys_days day{std::chrono::days((when - before) / kDay)};
  const std::chrono::year_month_day date(day);
  const auto year = static_cast<unsigned>(int(date.year()));
  constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";
  static_assert(kForm.size() == kBytes);
  char* const text = text_.data();
  std::memcpy(text, kForm.data(), kBytes);
  put_name(text, kDays[std::chrono::weekday(day).c_encoding()]);
  put_two_digits(text + 5, unsigned(date.day()));
  put_name(text + 8, kMonths[unsigned(date.month()) - 1]);
  put_two_digits(text + 12, year / 100);
  put_two_digits(text + 14, year % 100);
  put_two_digits(text + 17, second / 3600);
  put_two_digits(text + 20, second / 60 % 60);
  put_two_digits(text + 23, second % 60);
}

std::string format_http_date(int64_t unix_seconds) {
  return std::string(HttpDate(unix_seconds).view());
}

}  // namespace cachey
