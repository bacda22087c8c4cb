#include "load/answer_head.h"

#include <strings.h>

#include <charconv>
#include <string>

namespace cachey::bench {

std::optional<AnswerHead> parse_answer_head(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  AnswerHead head;
  head.bytes = end + 4;
  std::string_view lines = text.substr(0, end + 2);
  if (lines.size() > 12 && lines.starts_with("HTTP/1.1 ")) {
    std::from_chars(lines.data() + 9, lines.data() + 12, head.status);
  }
  while (!lines.empty()) {
    const size_t line_end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, line_end);
    lines.remove_prefix(line_end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name(line.substr(0, colon));
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (strcasecmp(name.c_str(), "content-length") == 0) {
      uint64_t length = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), length);
      if (parsed.ec == std::errc{}) head.content_length = length;
    } else if (strcasecmp(name.c_str(), "connection") == 0 && value == "close") {
      head.close = true;
    }
  }
  return head;
}

}  // namespace cachey::bench
