#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/http_date.h"

namespace cachey::net {

/// The `Date` field of a response, formatted at most once a second. Owned by WorkerState; the
/// worker's thread.
class DateLine {
 public:
  explicit DateLine(const Clock& clock) : clock_(clock) {}

  /// `Date: VALUE\r\n`.
  [[nodiscard]] std::string_view text() {
    const int64_t now = clock_.unix_seconds();
    if (now != second_) {
      second_ = now;
      line_ = "Date: " + format_http_date(now) + "\r\n";
    }
    return line_;
  }
  /// The value alone.
  [[nodiscard]] std::string_view value() {
    std::string_view line = text();
    line.remove_prefix(std::string_view("Date: ").size());
    line.remove_suffix(2);
    return line;
  }

 private:
  const Clock& clock_;
  int64_t second_ = -1;
  std::string line_;
};

}  // namespace cachey::net
