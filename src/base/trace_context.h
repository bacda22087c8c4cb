#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cachey {

/// The place of a request in a trace, as W3C Trace Context writes it: the trace, and whether the
/// caller records. https://www.w3.org/TR/trace-context/
struct TraceContext {
  static constexpr size_t kStateBytesMax = 512;
  static constexpr size_t kStateMembersMax = 32;

  std::string trace_id;        ///< 32 hexadecimal digits in lower case, not all 0
  std::string flags;           ///< 2 hexadecimal digits
  std::string state{};         ///< `tracestate`, passed on as it came; empty: none
  bool refuses_state = false;  ///< a value of `tracestate` was none: further ones are not taken

  /// Of a value of `traceparent`. Nothing: the value is not valid, so there is no trace. Of a
  /// version above 00 the parts that version 00 has count.
  [[nodiscard]] static std::optional<TraceContext> parse(std::string_view traceparent);

  /// Takes a value of `tracestate`, behind those taken before. If the whole has other characters
  /// than such a value may have, or passes a limit, there is no state, whatever comes then.
  void add_state(std::string_view value);

  /// The value of `traceparent` for a request that this one causes. `parent`: that request's id.
  [[nodiscard]] std::string traceparent(uint64_t parent) const;
};

/// Null: the request is part of no trace.
using TraceContextPtr = std::shared_ptr<const TraceContext>;

/// For logs; empty: none.
[[nodiscard]] inline std::string_view trace_id_of(const TraceContextPtr& trace) {
  return trace == nullptr ? std::string_view() : std::string_view(trace->trace_id);
}

}  // namespace cachey
