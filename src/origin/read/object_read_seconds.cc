// The second requests of a read: hedges and rescues.

#include <algorithm>
#include <utility>

#include "origin/read/object_read.h"

namespace cachey::origin {

/// The buckets for the next second request, the best one first: the others that are not down and
/// have not failed, those last that were silent for their time; then the first request's own,
/// unless a request to that one has failed. After a second request that was lost, the bucket behind
/// its bucket comes first. May be empty.
BucketOrder ObjectRead::order_of_seconds(const HedgeRace& race) const {
  BucketOrder order;
  for (const bool silent : {false, true}) {
    for (const size_t bucket : terms_.order) {
      if (bucket == race.first_bucket || has_failed(bucket)) continue;
      if (was_silent(bucket) != silent) continue;
      if (!context_.buckets.is_down(terms_.buckets[bucket])) order.add(bucket);
    }
  }
  if (!has_failed(race.first_bucket)) order.add(race.first_bucket);
  if (race.second == nullptr) return order;
  auto* const end = order.index.begin() + static_cast<std::ptrdiff_t>(order.count);
  auto* const last = std::find(order.index.begin(), end, race.second_bucket);
  if (last != end) std::rotate(order.index.begin(), last + 1, end);
  return order;
}

/// Sends a second request beside the one whose head is awaited, if that is due.
void ObjectRead::look_for_second(HedgeRace& race, SecondTimes& times, const GetRequest& first) {
  record_attempts(race.first_bucket, *race.first);
  const MonoTime now = worker_.timers().now();
  if (now < std::min(times.late, times.hung)) return;
  const Purpose purpose = now < times.hung ? Purpose::kHedge : Purpose::kRescue;
  Cost cost = times.is_probe ? Cost::kFree : Cost::kBudget;
  if (purpose == Purpose::kRescue) {
    cost = cost_of_rescue(race, std::max(race.first->sent_at(), race.first->last_sign()));
  }
  if (order_of_seconds(race).count == 0) {
    times = SecondTimes();
    return;
  }
  const bool sent = send_second(race, purpose, first, cost);
  times.late = MonoTime::max();
  if (sent) {
    times.hung = std::max(times.hung, now + slot_of_second(race));
  } else if (purpose == Purpose::kRescue) {
    times.hung = now + RescueBudget::kTryAgainAfter;
  }
}

/// Sends a second request like `first` beside it, in the place of an older second one: to the first
/// of its buckets whose gate has room. False: no time is left, the first bucket's budget is used
/// up, or no gate has room now. `kFree`: another bucket costs nothing.
bool ObjectRead::send_second(HedgeRace& race, Purpose purpose, const GetRequest& first, Cost cost) {
  GetRequest request = request_for(race.first_bucket, first.range);
  request.config = first.config;
  request.fresh_connection = true;  // the first one may be late because of its connection
  const bool is_rescue = purpose == Purpose::kRescue;
  if (!is_rescue) request.config.attempts_max = 1;  // the first one goes on trying
  auto& limit = request.config.operation_timeout;
  if (limit) *limit = time_left(*limit, race.first->sent_at());
  if (limit == std::chrono::milliseconds(0)) return false;
  std::optional<Gate::Pass> pass;
  size_t bucket = race.first_bucket;
  for (const size_t candidate : order_of_seconds(race)) {
    bucket = candidate;
    std::optional<Gate::Pass> room = context_.gate.try_enter(gate_request(candidate));
    if (room) pass.emplace(std::move(*room));
    if (pass) break;
  }
  const std::string& payer = terms_.buckets[race.first_bucket];
  const bool is_free = cost == Cost::kFree && bucket != race.first_bucket;
  const bool may_send = pass && (is_free || (is_rescue ? context_.buckets.spend_rescue(payer)
                                                       : context_.buckets.spend_hedge(payer)));
  ReadMetrics& metrics = context_.metrics;
  (is_rescue ? metrics.rescues : metrics.hedges).count_sent(may_send);
  if (!may_send) return false;
  if (is_rescue && race.second != nullptr) set_silent(race.second_bucket);
  drop_second(race);
  request.bucket = terms_.buckets[bucket];
  request.if_match = if_match_of(bucket);
  const bool beside_body = race.first == body_;
  race.second = PendingGet::send(
      worker_, context_.origin, std::move(request), std::move(*pass), wakeup_,
      beside_body ? PendingGet::AnsweredBy::kBytes : PendingGet::AnsweredBy::kHead);
  race.second_bucket = bucket;
  race.purpose = purpose;
  race.phase = beside_body ? HedgePhase::kBody : HedgePhase::kFirstByte;
  race.second_paid = !is_free;
  return true;
}

/// The second request has won or lost.
void ObjectRead::second_ended(const HedgeRace& race, HedgeResult result) {
  const bool is_rescue = race.purpose == Purpose::kRescue;
  if (!is_rescue) {
    const std::string& bucket = terms_.buckets[race.first_bucket];
    context_.buckets.hedge_ended(bucket, result);
    context_.metrics.hedges_ended.count(
        terms_.kind, bucket, race.phase,
        race.second_bucket == race.first_bucket ? HedgeTarget::kPrimary : HedgeTarget::kPeer,
        result);
  }
  if (result == HedgeResult::kLost) return;
  (is_rescue ? context_.metrics.rescues : context_.metrics.hedges).won.add();
  hedged_ = true;
}

/// Cancels the second request, if there is one.
void ObjectRead::drop_second(HedgeRace& race) {
  if (race.second == nullptr) return;
  second_ended(race, HedgeResult::kLost);
  give_up(race.second_bucket, *race.second);
  race.second.reset();
}

/// Cancels the request that lost a race.
void ObjectRead::give_up(size_t bucket, PendingGet& loser) {
  record_attempts(bucket, loser);
  context_.metrics.wasted_bytes.add(loser.bytes_unused());
  loser.give_up();
}

}  // namespace cachey::origin
