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

/// Asks the buckets in turn, each within the rest of the request's time limit. Each turn marks at
/// least one more bucket as failed.
rt::Task<Result<void>> ObjectRead::try_buckets(BucketOrder order, ByteRange range) {
  const MonoTime began = worker_.timers().now();
  failed_buckets_.clear();
  std::optional<Error> failure;
  while (true) {
    const auto* const next =
        std::ranges::find_if(order, [this](size_t bucket) { return !has_failed(bucket); });
    if (next == order.end()) break;
    const size_t bucket = *next;
    if (!opened_) bucket_ = bucket;
    const Fallback fallback = has_other(bucket, order) ? Fallback::kNextBucket : Fallback::kNone;
    Result<void> good = co_await try_bucket(bucket, range, fallback, began);
    if (good || is_final(good.error())) co_return good;
    failure = failure ? less_final(*failure, good.error()) : good.error();
    if (is_time_up()) break;
  }
  co_return std::unexpected(std::move(*failure));
}

rt::Task<Result<void>> ObjectRead::try_bucket(size_t bucket, ByteRange range, Fallback fallback,
                                              MonoTime began) {
  GetRequest request = request_for(bucket, range);
  if (opened_) request.config.forget_backoffs();  // others read the body, too
  if (auto& limit = request.config.operation_timeout) {
    *limit = time_left(*limit, began);
    if (fallback == Fallback::kNextBucket) *limit -= *limit / kNextBucketShare;
  }
  Result<Answer> answer = co_await first_good_answer(bucket, std::move(request), fallback);
  if (!answer) {
    set_failed(bucket);
    co_return std::unexpected(std::move(answer.error()));
  }
  // A second request may have won.
  const size_t answered = answer->bucket;
  Result<void> good = accept(answered, std::move(answer->get), range);
  if (good) co_return good;
  set_failed(answered);
  co_return std::unexpected(judge(answered, std::move(good.error()), range));
}

/// Whether no other bucket is asked after this failure.
bool ObjectRead::is_final(const Error& failure) const {
  if (gone_ != nullptr) return true;
  // Nobody waits for bytes there: whether another copy is longer is asked when somebody does.
  const bool ends = failure.kind() == ErrorKind::kRangeNotSatisfiable;
  if (ends && terms_.priority.urgency() == Urgency::kSpeculation) return true;
  return !worth_another_bucket(failure.kind());
}

/// Whether the order has another bucket that has not failed.
bool ObjectRead::has_other(size_t bucket, const BucketOrder& order) const {
  return std::ranges::any_of(order,
                             [&](size_t other) { return other != bucket && !has_failed(other); });
}

Gate::Request ObjectRead::gate_request(size_t bucket) const {
  return {.bucket = terms_.buckets[bucket],
          .kind = terms_.kind,
          .priority = terms_.priority,
          .stage = has_memory() ? Stage::kFurther : Stage::kFirst,
          .audience = terms_.audience,
          .may_forecast = !has_memory(),
          .client = terms_.client};
}

/// Waits until the bucket may be asked; with a fallback, for a shorter time.
/// Deducts the wait from the request's limit.
rt::Task<Result<Gate::Pass>> ObjectRead::enter_gate(size_t bucket, RequestConfig& config,
                                                    Fallback fallback) {
  const std::string& name = terms_.buckets[bucket];
  // If a bucket told the object's end, the others are asked only to make sure.
  const bool elsewhere = fallback == Fallback::kNextBucket || told_size_.has_value();
  const auto instead =
      elsewhere ? BucketHealth::Instead::kOtherBucket : BucketHealth::Instead::kNothing;
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
    return !elsewhere || !context_.buckets.is_down(name);
  };
  if (!may_ask()) co_return refuse();
  const MonoTime came = worker_.timers().now();
  auto& limit = config.operation_timeout;
  milliseconds wait = limit.value_or(Gate::kWaitTimeMax);
  if (elsewhere) wait /= kNextBucketShare;
  const MonoTime deadline = came + wait;
  const Gate::Request request = gate_request(bucket);
  Result<Gate::Pass> pass = co_await context_.gate.enter(worker_, request, deadline);
  const std::chrono::nanoseconds waited = worker_.timers().now() - came;
  progress_at_ += waited;
  if (!pass) co_return pass;
  if (limit) *limit = time_left(*limit, came);
  const bool old_news = waited > kHealthValid;
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
  Result<Gate::Pass> pass = co_await enter_gate(bucket, request.config, fallback);
  if (!pass) co_return std::unexpected(std::move(pass.error()));
  HedgeRace race(worker_, wakeup_, bucket,
                 PendingGet::send(worker_, context_.origin, request, std::move(*pass), wakeup_));
  if (asked_at_ == MonoTime{}) asked_at_ = progress_at_ = race.first->sent_at();
  const BucketHealth::Patience patience = context_.buckets.patience(terms_.buckets[bucket]);
  HeadWatch watch(terms_.audience, race, patience.hung, race.first->sent_at());
  SecondTimes times = second_times(race, patience);
  std::optional<Error> failure;  // of the GET that failed while the other one is awaited
  while (true) {
    race.look_at = std::min({watch.next_look(), times.late, times.hung, head_given_up_at(race)});
    const HedgeRace::Event event = co_await race.next_event();
    if (event == HedgeRace::Event::kLookDue) {
      watch.look(worker_.timers().now());
      if (worker_.timers().now() >= head_given_up_at(race)) {
        const Error late = time_up(race);
        co_return std::unexpected(failure ? less_final(*failure, late) : late);
      }
      look_for_second(race, times, request);
      continue;
    }
    Answer answer{race.take(event),
                  event == HedgeRace::Event::kSecond ? race.second_bucket : race.first_bucket};
    record_health(answer.bucket, *answer.get);
    if (answer.get->failure() == nullptr) {
      end_race(race, event);
      co_return answer;
    }
    const bool is_hedge = event == HedgeRace::Event::kSecond && race.purpose == Purpose::kHedge;
    // A hedge has one attempt: its bucket may be asked again.
    if (!is_hedge || is_final_for_bucket(answer.get->failure()->kind())) set_failed(answer.bucket);
    const Error failed = take_failure(answer, request.range);
    failure = failure ? less_final(*failure, failed) : failed;
    const bool may_wait = race.remaining() != nullptr && gone_ == nullptr &&
                          may_wait_for_other(race, answer.bucket, failed);
    if (event == HedgeRace::Event::kSecond) second_ended(race, HedgeResult::kLost);
    if (!may_wait) {
      drop_second(race);
      if (race.first != nullptr) give_up(race.first_bucket, *race.first);
      co_return std::unexpected(std::move(*failure));
    }
    if (event == HedgeRace::Event::kSecond) continue;
    second_ended(race, HedgeResult::kWon);  // the read depends on it now
    race.promote_second();
    times = {.hung = race.first->sent_at() + slot_of_second(race)};
  }
}

/// What a GET's failure means for the read.
Error ObjectRead::take_failure(const Answer& answer, ByteRange asked) {
  const Error& failure = *answer.get->failure();
  if (!opened_) {
    sent_at_ = answer.get->sent_at();
    progress_at_ = std::max(progress_at_, answer.get->last_sign());
    if (failure.kind() == ErrorKind::kRangeNotSatisfiable) {
      ends_.push_back({answer.bucket, answer.get->sent_at()});
    }
  }
  return judge(answer.bucket, failure, asked);
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
  give_up(race.first_bucket, *race.first);
  const bool was_probe = !race.second_paid;
  if (race.purpose == Purpose::kRescue || was_probe) blame_silent(race);
}

ObjectRead::Limits ObjectRead::limits_of(const PendingGet& get) const {
  const RequestConfig& config = terms_.config;
  const bool not_ours = config.connect_timeout || config.first_byte_timeout ||
                        config.attempt_timeout || config.operation_timeout || get.made_way();
  return not_ours ? Limits::kNotTheBuckets : Limits::kOurs;
}

/// Attempts that others followed count, too.
void ObjectRead::record_attempts(size_t bucket, PendingGet& get) {
  for (const Error& failure : get.take_failed_attempts()) {
    record_failure(bucket, failure, limits_of(get));
  }
}

void ObjectRead::record_health(size_t bucket, PendingGet& get) {
  record_attempts(bucket, get);
  if (const Error* failure = get.failure()) {
    record_failure(bucket, *failure, limits_of(get));
  } else {
    std::erase(counted_buckets_, bucket);
    context_.buckets.answered(terms_.buckets[bucket], terms_.key,
                              get.head_at() - get.stream().sent_at());
  }
}

/// Counts the bucket's first failure since its last answer to this read, as soon as an attempt
/// fails: a key that is asked for by few reads is not shut for their attempts (FailedKeys).
void ObjectRead::record_failure(size_t bucket, const Error& failure, Limits limits) {
  if (std::ranges::find(counted_buckets_, bucket) != counted_buckets_.end()) return;
  const FailureTerms terms{.clients_limits = limits == Limits::kNotTheBuckets,
                           .clients_addressing = context_.origin.goes_elsewhere(terms_.config)};
  const bool counts = context_.buckets.failed(terms_.buckets[bucket], terms_.key, failure, terms);
  if (counts) counted_buckets_.push_back(bucket);
}

}  // namespace cachey::origin
