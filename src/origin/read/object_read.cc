#include "origin/read/object_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "origin/finality.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

}  // namespace

ObjectRead::~ObjectRead() {
  if (body_ != nullptr) body_->give_up();
}

rt::Task<Result<void>> ObjectRead::open() {
  Result<void> opened = co_await try_buckets(terms_.order, terms_.range);
  if (!opened) co_return opened;
  bucket_ = body_bucket_;
  opened_ = true;
  to_head_ = worker_.timers().now() - sent_at_;
  co_return opened;
}

/// Asks the buckets in turn, each within the rest of the request's time limit.
rt::Task<Result<void>> ObjectRead::try_buckets(BucketOrder order, ByteRange range) {
  const MonoTime began = worker_.timers().now();
  failed_buckets_.clear();
  std::optional<Error> failure;
  for (size_t i = 0; i < order.count; ++i) {
    const size_t bucket = order.index[i];
    if (has_failed(bucket)) continue;
    if (!opened_) bucket_ = bucket;
    const bool is_last = i + 1 == order.count || has_failed(order.index[i + 1]);
    const Fallback fallback = is_last ? Fallback::kNone : Fallback::kNextBucket;
    GetRequest request = request_for(bucket, range);
    if (opened_) request.config.forget_backoffs();  // others read the body, too
    if (auto& limit = request.config.operation_timeout) {
      *limit = time_left(*limit, began);
      if (fallback == Fallback::kNextBucket) *limit -= *limit / kSecondBucketShare;
    }
    Result<Answer> answer = co_await first_good_answer(bucket, std::move(request), fallback);
    Result<void> good;
    if (answer) {
      good = accept(answer->bucket, std::move(answer->get), range);
      if (!good) good = std::unexpected(judge(answer->bucket, std::move(good.error()), range));
    } else {
      good = std::unexpected(std::move(answer.error()));
    }
    const bool is_final = good || gone_ != nullptr || !worth_another_bucket(good.error().kind());
    if (is_final) co_return good;
    if (answer && answer->bucket != bucket) {  // a second request won in vain: ask the first again
      failed_buckets_.push_back(answer->bucket);
      --i;
    }
    failure = failure ? less_final(*failure, good.error()) : good.error();
  }
  co_return std::unexpected(std::move(*failure));
}

Gate::Request ObjectRead::gate_request(size_t bucket) const {
  return {.bucket = terms_.buckets[bucket],
          .kind = terms_.kind,
          .priority = terms_.priority,
          .stage = has_memory() ? Stage::kFurther : Stage::kFirst,
          .audience = terms_.audience,
          .may_forecast = !has_memory()};
}

/// Waits until the bucket may be asked; with a fallback, for a shorter time.
/// Deducts the wait from the request's limit.
rt::Task<Result<Gate::Pass>> ObjectRead::enter_gate(size_t bucket, RequestConfig& config,
                                                    Fallback fallback) {
  const std::string& name = terms_.buckets[bucket];
  const auto instead = fallback == Fallback::kNextBucket ? BucketHealth::Instead::kOtherBucket
                                                         : BucketHealth::Instead::kNothing;
  const auto refuse = [&]() -> Result<Gate::Pass> {
    context_.metrics.refused.add();
    return fail(ErrorKind::kThrottled,
                fmt::format("bucket {} or this object failed again and again and is asked for less "
                            "for a moment",
                            log::quoted(name)));
  };
  // The rest of a page is asked for whatever its key or the bucket's share: the page has memory.
  const auto may_ask = [&] {
    if (!has_memory()) return context_.buckets.may_ask(name, terms_.key, instead);
    return fallback == Fallback::kNone || !context_.buckets.is_down(name);
  };
  if (!may_ask()) co_return refuse();
  const MonoTime came = worker_.timers().now();
  auto& limit = config.operation_timeout;
  milliseconds wait = limit.value_or(Gate::kWaitTimeMax);
  if (fallback == Fallback::kNextBucket) wait /= kSecondBucketShare;
  const MonoTime deadline = came + wait;
  const Gate::Request request = gate_request(bucket);
  Result<Gate::Pass> pass = co_await context_.gate.enter(worker_, request, deadline);
  if (!pass) co_return pass;
  if (limit) *limit = time_left(*limit, came);
  const bool old_news = worker_.timers().now() - came > kHealthValid;
  if (old_news && !may_ask()) co_return refuse();
  co_return pass;
}

milliseconds ObjectRead::time_left(milliseconds limit, MonoTime since) const {
  const auto used = std::chrono::duration_cast<milliseconds>(worker_.timers().now() - since);
  return std::max(limit - used, milliseconds(0));
}

/// Sends a request and, if its head is late or the request hangs, a second one. Returns the first
/// good answer.
rt::Task<Result<ObjectRead::Answer>> ObjectRead::first_good_answer(size_t bucket,
                                                                   GetRequest request,
                                                                   Fallback fallback) {
  const std::string& name = terms_.buckets[bucket];
  Result<Gate::Pass> pass = co_await enter_gate(bucket, request.config, fallback);
  if (!pass) co_return std::unexpected(std::move(pass.error()));
  HedgeRace race(worker_, wakeup_, bucket,
                 PendingGet::send(worker_, context_.origin, request, std::move(*pass), wakeup_));
  const MonoTime sent_at = race.first->sent_at();
  if (asked_at_ == MonoTime{}) asked_at_ = sent_at;
  const BucketHealth::Patience patience = context_.buckets.patience(name);
  HeadWatch watch(terms_.audience, race, patience.hung, sent_at);
  MonoTime late_at = patience.late ? sent_at + *patience.late : MonoTime::max();
  MonoTime hung_at = sent_at + patience.hung;
  std::optional<Error> failure;  // of the GET that failed while the other one is awaited
  while (true) {
    const MonoTime second_at = race.first == nullptr ? MonoTime::max() : std::min(late_at, hung_at);
    race.look_at = std::min(watch.next_look(), second_at);
    const HedgeRace::Event event = co_await race.next_event();
    if (event == HedgeRace::Event::kLookDue) {
      const MonoTime now = worker_.timers().now();
      watch.look(now);
      if (now < second_at) continue;
      const Purpose purpose = now < hung_at ? Purpose::kHedge : Purpose::kRescue;
      const bool sent = send_second(race, purpose, request, sent_at);
      late_at = MonoTime::max();
      if (sent) {
        hung_at = now + patience.hung;
      } else if (purpose == Purpose::kRescue) {
        hung_at = now + RescueBudget::kTryAgainAfter;
      }
      continue;
    }
    Answer answer{race.take(event),
                  event == HedgeRace::Event::kSecond ? race.second_bucket : race.first_bucket};
    record_health(answer.bucket, *answer.get);
    if (answer.get->failure() == nullptr) {
      end_race(race, event);
      co_return answer;
    }
    const Error failed = judge(answer.bucket, *answer.get->failure(), request.range);
    if (!opened_) sent_at_ = answer.get->sent_at();
    if (!has_failed(answer.bucket)) failed_buckets_.push_back(answer.bucket);
    failure = failure ? less_final(*failure, failed) : failed;
    if (event == HedgeRace::Event::kSecond) second_ended(race, HedgeResult::kLost);
    const bool may_wait = race.remaining() != nullptr && gone_ == nullptr &&
                          may_wait_for_other(race, answer.bucket, failed);
    if (may_wait) continue;
    drop_second(race);
    if (race.first != nullptr) give_up(*race.first);
    co_return std::unexpected(std::move(*failure));
  }
}

/// One of the race's GETs failed: whether the other one may still bring the object.
bool ObjectRead::may_wait_for_other(const HedgeRace& race, size_t failed, const Error& error) {
  const size_t other = race.first != nullptr ? race.first_bucket : race.second_bucket;
  if (other == failed) return !is_final_for_bucket(error.kind());
  return race.first != nullptr || worth_another_bucket(error.kind());
}

/// The GET of `winner` has answered: cancels the other one.
void ObjectRead::end_race(HedgeRace& race, HedgeRace::Event winner) {
  if (winner == HedgeRace::Event::kFirst) return drop_second(race);
  second_ended(race, HedgeResult::kWon);
  if (race.first == nullptr) return;
  give_up(*race.first);
  if (race.purpose == Purpose::kRescue) blame_silent(race);
}

/// The first bucket was silent until another one answered: that counts as a timeout, whatever the
/// client's limits are.
void ObjectRead::blame_silent(const HedgeRace& race) {
  if (race.first_bucket == race.second_bucket) return;
  context_.buckets.give_back_rescue(terms_.buckets[race.first_bucket]);
  record_failure(race.first_bucket, Error(ErrorKind::kTimeout, "silent, while another answered"),
                 Limits::kOurs);
}

void ObjectRead::record_health(size_t bucket, const PendingGet& get) {
  const std::string& name = terms_.buckets[bucket];
  if (const Error* failure = get.failure()) {
    const RequestConfig& config = terms_.config;
    const bool limits = config.connect_timeout || config.first_byte_timeout ||
                        config.attempt_timeout || config.operation_timeout || get.made_way();
    record_failure(bucket, *failure, limits ? Limits::kNotTheBuckets : Limits::kOurs);
  } else {
    context_.buckets.answered(name, terms_.key, worker_.timers().now() - get.sent_at());
  }
}

void ObjectRead::record_failure(size_t bucket, const Error& failure, Limits limits) {
  const FailureTerms terms{.clients_limits = limits == Limits::kNotTheBuckets,
                           .clients_addressing = context_.origin.goes_elsewhere(terms_.config)};
  context_.buckets.failed(terms_.buckets[bucket], terms_.key, failure, terms);
}

/// To which bucket a second request goes: to another one, if that one is not down and has not
/// failed; if the last second one was lost there, to the first one's.
size_t ObjectRead::bucket_for_second(const HedgeRace& race) const {
  const bool was_lost = race.second != nullptr && race.second_bucket != race.first_bucket;
  for (size_t i = 0; i < terms_.order.count && !was_lost; ++i) {
    const size_t bucket = terms_.order.index[i];
    if (bucket == race.first_bucket || has_failed(bucket)) continue;
    if (!context_.buckets.is_down(terms_.buckets[bucket])) return bucket;
  }
  return race.first_bucket;
}

/// Sends a second request like `first` beside it, in the place of an older second one. False: no
/// time is left, the first bucket's budget is used up, or the gate has no room now.
bool ObjectRead::send_second(HedgeRace& race, Purpose purpose, const GetRequest& first,
                             MonoTime first_sent) {
  const size_t bucket = bucket_for_second(race);
  GetRequest request = request_for(bucket, first.range);
  request.config = first.config;
  request.fresh_connection = true;  // the first one may be late because of its connection
  auto& limit = request.config.operation_timeout;
  if (limit) *limit = time_left(*limit, first_sent);
  if (limit == milliseconds(0)) return false;
  const std::string& payer = terms_.buckets[race.first_bucket];
  std::optional<Gate::Pass> pass = context_.gate.try_enter(gate_request(bucket));
  const bool is_rescue = purpose == Purpose::kRescue;
  const bool paid = pass && (is_rescue ? context_.buckets.spend_rescue(payer)
                                       : context_.buckets.spend_hedge(payer));
  ReadMetrics& metrics = context_.metrics;
  (is_rescue ? metrics.rescues : metrics.hedges).count_sent(paid);
  if (!paid) return false;
  drop_second(race);
  race.second =
      PendingGet::send(worker_, context_.origin, std::move(request), std::move(*pass), wakeup_);
  race.second_bucket = bucket;
  race.purpose = purpose;
  race.phase = race.first == body_ ? HedgePhase::kBody : HedgePhase::kFirstByte;
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
  give_up(*race.second);
  race.second.reset();
}

/// Cancels the request that lost a race.
void ObjectRead::give_up(PendingGet& loser) {
  context_.metrics.wasted_bytes.add(loser.bytes_unused());
  loser.give_up();
}

}  // namespace cachey::origin
