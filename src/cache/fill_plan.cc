#include "cache/fill_plan.h"

#include <algorithm>

namespace cachey::cache {

uint64_t FillPlan::part_bytes() const {
  constexpr uint64_t kAlign = 64 * kKiB;
  const uint64_t even = (page_size.bytes() / parts + kAlign - 1) / kAlign * kAlign;
  return std::max(even, kPartBytesMin);
}

ByteRange FillPlan::first_range() const {
  if (parts <= 1) return {first, page_size.bytes()};
  const uint64_t part = first / part_bytes();
  return {first, std::min((part + 1) * part_bytes(), page_size.bytes())};
}

std::vector<ByteRange> FillPlan::rest(uint64_t bytes) const {
  std::vector<ByteRange> ranges;
  const uint64_t step = parts <= 1 ? page_size.bytes() : part_bytes();
  for (uint64_t at = first_range().end; at < bytes; at += step) {
    ranges.push_back({at, std::min(at + step, bytes)});
  }
  for (uint64_t at = 0; at < first; at += step) ranges.push_back({at, std::min(at + step, first)});
  return ranges;
}

}  // namespace cachey::cache
