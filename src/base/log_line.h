#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace cachey {

enum class LogFormat : uint8_t { kText, kJson };

/// One `key=value` of a line. Keeps a view of the text, which may be hostile or long. JSON writes
/// numbers without quotation marks.
struct LogField {
  using Value = std::variant<int64_t, uint64_t, double, bool, std::string_view>;

  LogField(std::string_view k, std::signed_integral auto v)
      : key(k), value(static_cast<int64_t>(v)) {}
  LogField(std::string_view k, std::unsigned_integral auto v)
      : key(k), value(static_cast<uint64_t>(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}

  std::string_view key;  ///< a literal, needs no escaping
  Value value;
};

/// Builds a log line: `word word key=value ...`, or one JSON object. At most kBytesMax long: a
/// field that does not fit is left out and `truncated=true` is added. Whatever bytes the values
/// have, the result is one line of UTF-8, and valid JSON in JSON format.
class LogLine {
 public:
  static constexpr size_t kBytesMax = 4096;
  static constexpr size_t kValueBytesMax = 512;  ///< of a text value, after escaping

  explicit LogLine(LogFormat format);

  /// Adds a JSON member, or the bare word in text format. Each line begins with such words.
  /// `word`: needs no escaping.
  void add_word(std::string_view key, std::string_view word);
  /// Adds nothing if the value is an empty text.
  void add(const LogField& field, size_t value_bytes_max = kValueBytesMax);

  /// The whole line, without a newline. Nothing can be added afterwards.
  [[nodiscard]] std::string_view finish();

 private:
  void begin_field(std::string_view key);
  void append(std::string_view text, size_t bytes_max);

  const LogFormat format_;
  std::string text_;
  bool truncated_ = false;
};

/// `2026-01-31T23:59:59.123Z`.
[[nodiscard]] std::string format_log_time(std::chrono::system_clock::time_point time);

namespace log {
/// Makes text from outside safe for an error message: in quotation marks, with control characters
/// and non-ASCII bytes escaped, and cut at `bytes_max` bytes of the text.
[[nodiscard]] std::string quoted(std::string_view text, size_t bytes_max = 256);
}  // namespace log

}  // namespace cachey
