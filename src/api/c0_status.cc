#include "api/c0_status.h"

namespace cachey::api {
C0StatusTrailers::C0StatusTrailers(const cache::RangeReader& reader) {
  texts_.reserve(reader.later_statuses().size());
  size_t bytes = 0;
  for (const cache::PageStatus& page : reader.later_statuses()) {
    const ByteRange part = reader.part_of(page.index);
    add_c0_status(texts_.emplace_back(), part, page.source->bucket, page.cached_at);
    bytes += texts_.back().view().size();
    if (bytes > kBytesMax) break;
    fields_.push_back(net::Field{"C0-Status", texts_.back().view()});
  }
}

}  // namespace cachey::api
