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

/// One `key=value` of a line; JSON knows a number from a text. Refers to the text it is given,
/// which need be neither safe nor short.
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

  std::string_view key;  ///< a word of ours
  Value value;
};

/// A log line as it grows: `word word key=value ...`, or one JSON object. Never longer than
/// kBytesMax: a field that does not fit is left out, and the line says `truncated`. Whatever a
/// value has in it, the line stays one line of UTF-8, and a JSON line stays JSON.
class LogLine {
 public:
  static constexpr size_t kBytesMax = 4096;
  static constexpr size_t kValueBytesMax = 512;  ///< of a text, escaped

  explicit LogLine(LogFormat format);

  /// A member in JSON, the bare word in text: what every line begins with. A word is ours.
  void add_word(std::string_view key, std::string_view word);
  /// An empty text is left out.
  void add(const LogField& field, size_t value_bytes_max = kValueBytesMax);

  /// The whole line, without its end. Nothing can be added afterwards.
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
/// Text from outside, safe to stand in an error text: in quotation marks, control characters and
/// non-ASCII bytes escaped, cut at `bytes_max`.
[[nodiscard]] std::string quoted(std::string_view text, size_t bytes_max = 256);
}  // namespace log

}  // namespace cachey
