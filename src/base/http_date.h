#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey {

/// `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 5.6.7) from and to Unix seconds. Null if
/// the text has another form or names no such time.
[[nodiscard]] std::optional<int64_t> parse_http_date(std::string_view text);
[[nodiscard]] std::string format_http_date(int64_t unix_seconds);

/// format_http_date() without allocation, because each answer has a date. A time outside the years
/// 0 to 9999 is replaced by the nearest time within them.
class HttpDate {
 public:
  static constexpr size_t kBytes = 29;

  explicit HttpDate(int64_t unix_seconds);
  [[nodiscard]] std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, kBytes> text_;
};

}  // namespace cachey
