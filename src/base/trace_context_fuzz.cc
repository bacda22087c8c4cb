// Input: lines. The first one is a value of traceparent, the others are values of tracestate.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/trace_context.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto next_line = [&rest] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
  };
  std::optional<TraceContext> trace = TraceContext::parse(next_line());
  if (!trace) return 0;
  CHECK(trace->trace_id.size() == 32 && trace->flags.size() == 2);
  const std::string sent = trace->traceparent(1);
  const std::optional<TraceContext> again = TraceContext::parse(sent);
  CHECK(again && again->trace_id == trace->trace_id && again->flags == trace->flags);
  while (!rest.empty()) {
    trace->add_state(next_line());
    CHECK(trace->state.size() <= TraceContext::kStateBytesMax);
    // The state goes to the store as the value of a header.
    const auto is_odd = [](char c) { return (c < ' ' && c != '\t') || c > '~'; };
    CHECK(std::none_of(trace->state.begin(), trace->state.end(), is_odd));
    CHECK(!trace->refuses_state || trace->state.empty());
  }
  return 0;
}
