#include "base/log_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/escape.h"

namespace cachey {
namespace {

constexpr size_t kUsualBytes = 512;  // most lines need no second allocation
constexpr std::string_view kTruncatedText = " truncated=true";
constexpr std::string_view kTruncatedJson = ",\"truncated\":true}";

/// True if the value needs no quotation marks.
bool is_bare(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_visible(c) && c != '"' && c != '\\' && c != '=';
  });
}

/// Appends `text`: other bytes than printable ASCII become `\xff`, quotation marks and backslashes
/// get a backslash. False: the text was cut at `bytes_max` bytes.
bool append_escaped(std::string_view text, size_t bytes_max, std::string& out) {
  constexpr size_t kEscapeBytes = 4;
  const size_t end = out.size() + bytes_max;
  for (const char c : text) {
    if (out.size() + kEscapeBytes > end) return false;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return true;
}

/// Appends the inside of a JSON string. `text`: UTF-8 without control characters. False: the text
/// was cut, between two characters, at `bytes_max` bytes.
bool append_json(std::string_view text, size_t bytes_max, std::string& out) {
  constexpr size_t kCharacterBytes = 4;
  const size_t end = out.size() + bytes_max;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (begins && out.size() + kCharacterBytes > end) return false;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return true;
}

}  // namespace

LogLine::LogLine(LogFormat format) : format_(format) { text_.reserve(kUsualBytes); }

void LogLine::begin_field(std::string_view key) {
  if (format_ == LogFormat::kText) {
    if (!text_.empty()) text_ += ' ';
    if (!key.empty()) fmt::format_to(std::back_inserter(text_), "{}=", key);
  } else {
    fmt::format_to(std::back_inserter(text_), "{}\"{}\":", text_.empty() ? '{' : ',', key);
  }
}

void LogLine::add_word(std::string_view key, std::string_view word) {
  begin_field(format_ == LogFormat::kText ? std::string_view() : key);
  if (format_ == LogFormat::kText) {
    text_ += word;
  } else {
    append(word, kValueBytesMax);
  }
}

void LogLine::add(const LogField& field, size_t value_bytes_max) {
  const auto* text = std::get_if<std::string_view>(&field.value);
  if (text != nullptr && text->empty()) return;
  const size_t before = text_.size();
  begin_field(field.key);
  if (text != nullptr) {
    append(*text, value_bytes_max);
  } else {
    std::visit([this](const auto& v) { fmt::format_to(std::back_inserter(text_), "{}", v); },
               field.value);
  }
  const size_t end = format_ == LogFormat::kText ? kTruncatedText.size() : kTruncatedJson.size();
  if (text_.size() + end <= kBytesMax) return;
  text_.resize(before);
  truncated_ = true;
}

void LogLine::append(std::string_view text, size_t bytes_max) {
  if (format_ == LogFormat::kText && is_bare(text) && text.size() <= bytes_max) {
    text_ += text;
    return;
  }
  text_ += '"';
  bool whole = true;
  if (format_ == LogFormat::kText) {
    whole = append_escaped(text, bytes_max, text_);
  } else if (is_utf8(text) && !has_control(text)) {
    whole = append_json(text, bytes_max, text_);
  } else {  // not a text: escape its bytes
    std::string escaped;
    whole = append_escaped(text, bytes_max / 2, escaped);
    whole = append_json(escaped, bytes_max, text_) && whole;
  }
  text_ += whole ? "\"" : "...\"";
}

std::string_view LogLine::finish() {
  if (format_ == LogFormat::kText) {
    if (truncated_) text_ += kTruncatedText;
  } else {
    text_ += truncated_ ? kTruncatedJson : "}";
  }
  return text_;
}

std::string format_log_time(std::chrono::system_clock::time_point time) {
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::tm utc = utc_of(millis / 1000);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     millis % 1000);
}

std::string log::quoted(std::string_view text, size_t bytes_max) {
  std::string out = "\"";
  const std::string_view kept = text.substr(0, bytes_max);
  (void)append_escaped(kept, 4 * (kept.size() + 1), out);
  if (kept.size() < text.size()) out += "...";
  out += '"';
  return out;
}

}  // namespace cachey
