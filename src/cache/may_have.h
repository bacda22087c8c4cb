#pragma once

#include <functional>
#include <string_view>

namespace cachey::cache {

/// Whether an object of this kind may come from this bucket. Each FetchSpec has only buckets that
/// the rule allowed for its kind when the request came. A fill begins only if the rule still allows
/// them. A rule that becomes stricter is followed by Purges::empty_memory(). So all pages in memory
/// come from allowed buckets, but the disk may have pages of buckets that were allowed earlier.
using MayHave = std::function<bool(std::string_view kind, std::string_view bucket)>;
[[nodiscard]] inline bool any_bucket(std::string_view /*kind*/, std::string_view /*bucket*/) {
  return true;
}

}  // namespace cachey::cache
