#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cachey::bench {

/// What the load needs of the head of an HTTP/1.1 answer.
struct AnswerHead {
  size_t bytes = 0;  ///< with the empty line
  int status = 0;    ///< 0: it was not HTTP/1.1
  std::optional<uint64_t> content_length;
  bool close = false;
};

/// Nothing while the empty line has not come.
[[nodiscard]] std::optional<AnswerHead> parse_answer_head(std::string_view text);

}  // namespace cachey::bench
