#include "api/c0_status.h"

namespace cachey::api {
namespace {

ShortText status_text(ByteRange part, std::string_view bucket, int64_t cached_at) {
  ShortText text;
  text.add(part.begin).add("-").add(part.end - 1);
  text.add("; ").add(bucket).add("; ").add(cached_at);
  return text;
}

}  // namespace

ShortText content_range_of(const cache::RangeReader& reader) {
  const ByteRange range = reader.range();
  ShortText text;
  text.add("bytes ").add(range.begin).add("-").add(range.end - 1);
  text.add("/").add(reader.source().info.size);
  return text;
}

ShortText c0_status_of(const cache::RangeReader& reader) {
  const uint32_t first = reader.spec()->page_size.index_of(reader.range().begin);
  return status_text(reader.part_of(first), reader.source().bucket, reader.first_cached_at());
}

C0StatusTrailers::C0StatusTrailers(const cache::RangeReader& reader) {
  texts_.reserve(reader.later_statuses().size());
  size_t bytes = 0;
  for (const cache::PageStatus& page : reader.later_statuses()) {
    const ByteRange part = reader.part_of(page.index);
    texts_.push_back(status_text(part, page.source->bucket, page.cached_at));
    bytes += texts_.back().view().size();
    if (bytes > kBytesMax) break;
    fields_.push_back(net::Field{"C0-Status", texts_.back().view()});
  }
}

}  // namespace cachey::api
