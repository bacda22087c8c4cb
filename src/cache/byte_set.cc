#include "cache/byte_set.h"

#include <algorithm>

namespace cachey::cache {

void ByteSet::add(ByteRange range) {
  auto first =
      std::ranges::find_if(ranges_, [&](const ByteRange& r) { return r.end >= range.begin; });
  auto last = first;
  while (last != ranges_.end() && last->begin <= range.end) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  if (first == last) {
    ranges_.insert(first, range);
  } else {
    *first = range;
    ranges_.erase(first + 1, last);
  }
}

uint64_t ByteSet::run_end(uint64_t offset) const {
  for (const ByteRange& range : ranges_) {
    if (range.begin <= offset && offset < range.end) return range.end;
  }
  return offset;
}

}  // namespace cachey::cache
