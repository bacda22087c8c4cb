// How long a read waits for a store that is silent.

#include <fmt/format.h>

#include <algorithm>

#include "origin/read/object_read.h"

namespace cachey::origin {

/// After which silence a bucket is left for another one. 0: it is not left for silence.
std::chrono::nanoseconds ObjectRead::bucket_share() const {
  const ReadLimits& limits = context_.limits;
  if (limits.bucket_timeout.count() == 0 || limits.download_timeout.count() == 0) {
    return limits.bucket_timeout;
  }
  const auto buckets = static_cast<int64_t>(std::max<size_t>(terms_.order.count, 1));
  return std::min<std::chrono::nanoseconds>(limits.bucket_timeout,
                                            limits.download_timeout / buckets);
}

/// After which silence of the bucket a second request is sent, whatever the hedges do. If there is
/// another bucket, that one is asked soon, even before much is known of the first one's latency.
std::chrono::nanoseconds ObjectRead::silence_limit(size_t bucket,
                                                   const BucketHealth::Patience& patience) const {
  if (!has_other(bucket)) return patience.hung;
  const std::chrono::nanoseconds hung = patience.is_known ? patience.hung : BucketHealth::kHangMin;
  const std::chrono::nanoseconds share = bucket_share();
  return share.count() == 0 ? hung : std::min(hung, share);
}

/// When the read fails if nothing comes until then.
MonoTime ObjectRead::time_up_at() const {
  const std::chrono::milliseconds limit = context_.limits.download_timeout;
  if (limit.count() == 0 || asked_at_ == MonoTime{}) return MonoTime::max();
  return progress_at_ + limit;
}

/// When no head is awaited any longer. If a bucket told the object's end, another one that is
/// silent has only its own share of the time.
MonoTime ObjectRead::head_given_up_at(const HedgeRace& race) {
  if (!opened_) {
    for (const PendingGetPtr& get : {race.first, race.second}) {
      if (get != nullptr) progress_at_ = std::max(progress_at_, get->last_sign());
    }
  }
  const std::chrono::nanoseconds share = bucket_share();
  if (!told_size_ || share.count() == 0) return time_up_at();
  return std::min(time_up_at(), race.first->sent_at() + share);
}

/// Ends the race because nothing came.
Error ObjectRead::time_up(HedgeRace& race) {
  blame(race);
  drop_second(race);
  give_up(race.first_bucket, *race.first);
  return {ErrorKind::kTimeout, "the store was silent for too long"};
}

/// When second requests are due beside the first one of a race. A probe of a bucket that was down
/// must not delay its client: another bucket is asked when an answer of either would be late.
ObjectRead::SecondTimes ObjectRead::second_times(const HedgeRace& race,
                                                 const BucketHealth::Patience& patience) const {
  const MonoTime sent_at = race.first->sent_at();
  SecondTimes times{.hung = sent_at + silence_limit(race.first_bucket, patience)};
  std::optional<std::chrono::nanoseconds> late = patience.late;
  if (patience.is_probe) {
    const size_t other = order_of_seconds(race).index[0];
    times.is_probe = other != race.first_bucket;
    if (times.is_probe)
      late = std::max(late, context_.buckets.patience(terms_.buckets[other]).late);
  }
  if (late) times.late = sent_at + *late;
  return times;
}

/// Counts the silence of the race's first bucket as a failure, once.
void ObjectRead::blame(HedgeRace& race) {
  if (race.blamed) return;
  race.blamed = true;
  record_failure(race.first_bucket, Error(ErrorKind::kTimeout, "silent"), Limits::kOurs);
}

/// The first bucket was silent until another one answered: that counts as a timeout, whatever the
/// client's limits are.
void ObjectRead::blame_silent(HedgeRace& race) {
  if (race.first_bucket == race.second_bucket) return;
  if (race.second_paid) context_.buckets.give_back_rescue(terms_.buckets[race.first_bucket]);
  set_silent(race.first_bucket);
  blame(race);
}

/// What a rescue from a bucket costs that has been silent since then. If the bucket is left:
/// nothing.
ObjectRead::Cost ObjectRead::cost_of_rescue(HedgeRace& race, MonoTime silent_since) {
  const std::chrono::nanoseconds share = bucket_share();
  if (share.count() == 0 || !has_other(race.first_bucket)) return Cost::kBudget;
  if (worker_.timers().now() - silent_since < share) return Cost::kBudget;
  blame(race);
  return Cost::kFree;
}

/// How long the last second request may be silent before another one takes its place: longer, if
/// no bucket is left that had no turn.
std::chrono::nanoseconds ObjectRead::slot_of_second(const HedgeRace& race) const {
  const size_t bucket = race.second_bucket;
  const BucketHealth::Patience patience = context_.buckets.patience(terms_.buckets[bucket]);
  const BucketOrder next = order_of_seconds(race);
  const bool untried =
      next.count > 0 && next.index[0] != race.first_bucket && !was_silent(next.index[0]);
  return untried ? silence_limit(bucket, patience) : patience.hung;
}

/// Bytes of the body are progress.
void ObjectRead::note_bytes() {
  if (body_->bytes_unused() > 0) {
    progress_at_ = worker_.timers().now();
  } else if (body_->position() > body_->request().range.begin) {
    progress_at_ = std::max(progress_at_, body_->last_arrival());
  }
}

}  // namespace cachey::origin
