#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cachey::bench {

/// The parts of an HTTP/1.1 response head that the load needs.
struct AnswerHead {
  size_t bytes = 0;  ///< including the empty line
  int status = 0;    ///< 0: not HTTP/1.1
  std::optional<uint64_t> content_length;
  bool close = false;
};

/// nullopt until the empty line has arrived.
[[nodiscard]] std::optional<AnswerHead> parse_answer_head(std::string_view text);

}  // namespace cachey::bench
