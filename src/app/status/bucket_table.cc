#include "app/status/bucket_table.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace cachey::app {
namespace {

struct Count {
  std::optional<int64_t> BucketFacts::* total;
  int64_t BucketView::Counts::* sum;
};
constexpr std::array kCounts = {
    Count{&BucketFacts::attempts, &BucketView::Counts::attempts},
    Count{&BucketFacts::failures, &BucketView::Counts::failures},
    Count{&BucketFacts::failed_objects, &BucketView::Counts::failed_objects},
    Count{&BucketFacts::throttled, &BucketView::Counts::throttled},
    Count{&BucketFacts::good, &BucketView::Counts::good},
    Count{&BucketFacts::denied, &BucketView::Counts::denied},
    Count{&BucketFacts::denied_objects, &BucketView::Counts::denied_objects},
};

}  // namespace

void BucketTable::update(std::span<const BucketFacts> buckets) {
  ++updates_;
  views_.clear();
  for (const BucketFacts& bucket : buckets) {
    Past& past = pasts_[bucket.name];
    past.seen = updates_;
    BucketView& view = views_.emplace_back();
    view.now = bucket;
    take_median(past, view.now);
    count(past, view.now);
    learn(past, view.now);
    view.idle_seconds = updates_ - past.asked;
    view.newest = sum(past, kNewestSeconds);
    view.recent = sum(past, kRecentSeconds);
    view.minute = sum(past, kMinute);
    if (past.usual_seconds >= kSecondsMin) view.usual_ms = past.usual_ms;
  }
  std::erase_if(pasts_, [this](const auto& entry) { return entry.second.seen != updates_; });
  std::ranges::sort(views_, {}, [](const BucketView& view) { return view.now.name; });
}

void BucketTable::take_median(Past& past, BucketFacts& now) const {
  if (now.first_byte.count() == 0) return;
  if (!past.has_totals) past.this_round = past.last_round = now.first_byte;
  const FineHistogram::Snapshot newest = now.first_byte - past.last_round;
  const std::optional<uint64_t> median = newest.quantile(0.5);
  if (median && newest.count() >= kAnswersMin) now.now_ms = static_cast<double>(*median) / 1e6;
  if (updates_ % kRoundSeconds != 0) return;
  past.last_round = std::move(past.this_round);
  past.this_round = now.first_byte;
}

void BucketTable::count(Past& past, const BucketFacts& now) const {
  BucketView::Counts totals;
  for (const Count& one : kCounts) totals.*one.sum = (now.*one.total).value_or(0);
  // An attempt that hangs is not counted before its end, but its read fails.
  const bool read_failed = now.failed_reads != past.failed_reads;
  if (!now.attempts || !past.has_totals || totals.attempts != past.totals.attempts || read_failed)
    past.asked = updates_;
  past.failed_reads = now.failed_reads;
  BucketView::Counts& second = past.seconds[updates_ % kMinute];
  second = {};
  if (past.has_totals) {
    for (const Count& one : kCounts)
      second.*one.sum = std::max<int64_t>(0, totals.*one.sum - past.totals.*one.sum);
  }
  past.totals = totals;
  past.has_totals = true;
}

void BucketTable::learn(Past& past, const BucketFacts& now) {
  if (!now.now_ms) return;
  const double difference = *now.now_ms - past.usual_ms;
  if (past.usual_seconds == 0) {
    past.usual_ms = *now.now_ms;
  } else if (difference < 0) {
    past.usual_ms += kQuickerPart * difference;
  } else if (past.usual_seconds < kSecondsMin) {
    past.usual_ms += kFirstSlowerPart * difference;
  } else {
    past.usual_ms = std::min(*now.now_ms, past.usual_ms * kSlowerFold);
  }
  past.usual_seconds = std::min(past.usual_seconds + 1, kSecondsMin);
}

BucketView::Counts BucketTable::sum(const Past& past, size_t seconds) const {
  BucketView::Counts sum;
  for (size_t i = 0; i < std::min<uint64_t>(seconds, updates_); ++i) {
    const BucketView::Counts& second = past.seconds[(updates_ - i) % kMinute];
    for (const Count& one : kCounts) sum.*one.sum += second.*one.sum;
  }
  return sum;
}

}  // namespace cachey::app
