#include "app/status/first_bytes.h"

#include <algorithm>
#include <optional>

namespace cachey::app {
namespace {

struct TierColumns {
  Column p50;
  Column p99;
  Column p999;
};
constexpr std::array<TierColumns, kFirstByteTiers> kTierColumns = {{
    {Column::kMemoryP50, Column::kMemoryP99, Column::kMemoryP999},
    {Column::kDiskP50, Column::kDiskP99, Column::kDiskP999},
    {Column::kMissP50, Column::kMissP99, Column::kMissP999},
}};

int64_t micros_or_none(std::optional<uint64_t> nanoseconds) {
  return nanoseconds ? static_cast<int64_t>(*nanoseconds / 1000) : kNoValue;
}

}  // namespace

void FirstBytes::add(const FirstByteTotals& totals, Row& row) {
  ++added_;
  newest_[added_ % newest_.size()] = totals;
  if (added_ % kSeconds == 1) tens_[added_ / kSeconds % tens_.size()] = totals;
  if (added_ < 2) return;
  for (size_t tier = 0; tier < kFirstByteTiers; ++tier) {
    const FineHistogram::Snapshot second = window(tier, 1);
    row[kTierColumns[tier].p50] = micros_or_none(second.quantile(0.5));
    row[kTierColumns[tier].p99] = micros_or_none(second.quantile(0.99));
    row[kTierColumns[tier].p999] = micros_or_none(second.quantile(0.999));
  }
}

FineHistogram::Snapshot FirstBytes::window(size_t tier, size_t seconds) const {
  if (added_ == 0) return {};
  const FineHistogram::Snapshot& now = newest_[added_ % newest_.size()][tier];
  if (seconds <= kSeconds) {
    const uint64_t back = std::min<uint64_t>(seconds, added_ - 1);
    return now - newest_[(added_ - back) % newest_.size()][tier];
  }
  const uint64_t newest_ten = (added_ - 1) / kSeconds;
  const uint64_t back = std::min<uint64_t>({seconds / kSeconds, newest_ten, kTens});
  return now - tens_[(newest_ten - back) % tens_.size()][tier];
}

}  // namespace cachey::app
