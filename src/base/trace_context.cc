#include "base/trace_context.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"

namespace cachey {
namespace {

constexpr size_t kVersionEnd = 2;
constexpr size_t kTraceBegin = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentBegin = 36;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsBegin = 53;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kBytesOfVersion0 = 55;

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view digits) {
  return std::ranges::all_of(digits, [](char c) { return c == '0'; });
}

/// Printable characters, and a `=` in each member that is not empty.
bool is_state(std::string_view text) {
  if (!std::ranges::all_of(text, [](char c) { return is_visible(c) || c == ' ' || c == '\t'; }))
    return false;
  size_t members = 0;
  while (!text.empty()) {
    const std::string_view member = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), member.size() + 1));
    const std::string_view entry = trimmed(member);
    if (entry.empty()) continue;
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string_view::npos) return false;
    if (++members > TraceContext::kStateMembersMax) return false;
  }
  return true;
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent) {
  if (traceparent.size() < kBytesOfVersion0) return std::nullopt;
  const std::string_view version = traceparent.substr(0, kVersionEnd);
  if (!is_lower_hex(version) || version == "ff") return std::nullopt;
  const bool more = traceparent.size() > kBytesOfVersion0;
  if (more && (version == "00" || traceparent[kBytesOfVersion0] != '-')) return std::nullopt;
  for (const size_t dash : {kVersionEnd, kParentBegin - 1, kFlagsBegin - 1}) {
    if (traceparent[dash] != '-') return std::nullopt;
  }
  const std::string_view trace = traceparent.substr(kTraceBegin, kTraceDigits);
  const std::string_view parent = traceparent.substr(kParentBegin, kParentDigits);
  const std::string_view flags = traceparent.substr(kFlagsBegin, kFlagsDigits);
  if (!is_lower_hex(trace) || is_zero(trace)) return std::nullopt;
  if (!is_lower_hex(parent) || is_zero(parent) || !is_lower_hex(flags)) return std::nullopt;
  return TraceContext{std::string(trace), std::string(flags)};
}

void TraceContext::add_state(std::string_view value) {
  if (refuses_state) return;
  if (!state.empty()) state += ',';
  state += value.substr(0, kStateBytesMax + 1);
  refuses_state = state.size() > kStateBytesMax || !is_state(state);
  if (refuses_state) state.clear();
}

std::string TraceContext::traceparent(uint64_t parent) const {
  return fmt::format("00-{}-{:016x}-{}", trace_id, parent == 0 ? 1 : parent, flags);
}

}  // namespace cachey
