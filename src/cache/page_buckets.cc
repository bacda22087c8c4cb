// Which buckets a page's bytes are of.

#include <algorithm>

#include "cache/page.h"

namespace cachey::cache {

bool Page::is_filled_from(std::span<const std::string> buckets) const {
  const FetchSpecPtr filled_by = leader();
  return filled_by == nullptr ||
         std::ranges::all_of(filled_by->buckets, [buckets](const std::string& bucket) {
           return std::ranges::find(buckets, bucket) != buckets.end();
         });
}

bool Page::is_all_of(std::span<const std::string> buckets) const {
  const auto has = [buckets](const ObjectSource& source) {
    return std::ranges::find(buckets, source.bucket) != buckets.end();
  };
  if (!has(*source_)) return false;
  const Phase now = phase();
  if (now == Phase::kWhole || now == Phase::kOnDisk)
    return other_source_ == nullptr || has(*other_source_);
  return !has_other_source_.load(std::memory_order_relaxed) && is_filled_from(buckets);
}

bool FetchSpec::may_hold(const Page& page) const {
  const Page::Phase phase = page.phase();
  if (!wishes.own_buckets || phase == Page::Phase::kFailed) return true;
  return phase == Page::Phase::kPending ? page.is_filled_from(buckets) : page.is_all_of(buckets);
}

}  // namespace cachey::cache
