#include "cache/fill_plan.h"

#include <algorithm>

namespace cachey::cache {

uint64_t FillPlan::part_bytes() const {
  constexpr uint64_t kAlign = 64 * kKiB;
  const uint64_t even = (bytes_max / parts + kAlign - 1) / kAlign * kAlign;
  return std::max(even, kPartBytesMin);
}

/// The first missing byte from `offset` on; the page's end if there is none.
uint64_t FillPlan::missing_from(uint64_t offset) const {
  for (const ByteRange& there : present) {
    if (there.begin <= offset && offset < there.end) offset = there.end;
  }
  return std::min(offset, bytes_max);
}

/// The end of the missing run with `offset`.
uint64_t FillPlan::missing_end(uint64_t offset) const {
  const auto next = std::ranges::upper_bound(present, offset, {}, &ByteRange::begin);
  return next == present.end() ? bytes_max : next->begin;
}

ByteRange FillPlan::first_range() const {
  uint64_t begin = missing_from(first);
  if (begin == bytes_max) begin = missing_from(0);
  const uint64_t end = missing_end(begin);
  if (parts <= 1) return {begin, end};
  return {begin, std::min((begin / part_bytes() + 1) * part_bytes(), end)};
}

std::vector<ByteRange> FillPlan::rest(uint64_t bytes) const {
  std::vector<ByteRange> missing;
  const ByteRange asked = first_range();
  const uint64_t step = parts <= 1 ? bytes_max : part_bytes();
  for (uint64_t at = asked.end; at < bytes; at += step) {
    add_missing({at, std::min(at + step, bytes)}, missing);
  }
  for (uint64_t at = 0; at < asked.begin; at += step) {
    add_missing({at, std::min(at + step, asked.begin)}, missing);
  }
  return missing;
}

/// Adds what of `range` is not present.
void FillPlan::add_missing(ByteRange range, std::vector<ByteRange>& missing) const {
  for (const ByteRange& there : present) {
    if (there.end <= range.begin) continue;
    if (there.begin >= range.end) break;
    if (range.begin < there.begin) missing.push_back({range.begin, there.begin});
    range.begin = there.end;
  }
  if (!range.empty()) missing.push_back(range);
}

}  // namespace cachey::cache
