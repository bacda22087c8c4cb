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
  co_return opened;
}

/// Asks the buckets in turn, each within the rest of the request's time limit.
rt::Task<Result<void>> ObjectRead::try_buckets(BucketOrder order, ByteRange range) {
  const MonoTime began = worker_.timers().now();
  std::optional<Error> failure;
  for (size_t i = 0; i < order.count; ++i) {
    const size_t bucket = order.index[i];
    if (!opened_) bucket_ = bucket;
    const Fallback fallback = i + 1 == order.count ? Fallback::kNone : Fallback::kNextBucket;
    GetRequest request = request_for(bucket, range);
    if (opened_) request.config.forget_backoffs();  // others read the body, too
    if (auto& limit = request.config.operation_timeout) {
      *limit = time_left(*limit, began);
      if (fallback == Fallback::kNextBucket) *limit -= *limit / kSecondBucketShare;
    }
    Result<PendingGetPtr> answer = co_await first_good_answer(bucket, std::move(request), fallback);
    Result<void> good;
    if (answer) {
      good = accept(bucket, std::move(*answer), range);
    } else {
      good = std::unexpected(std::move(answer.error()));
    }
    if (!good) good = std::unexpected(judge(bucket, std::move(good.error()), range));
    const bool is_final = good || gone_ != nullptr || !worth_another_bucket(good.error().kind());
    if (is_final) co_return good;
    failure = failure ? less_final(*failure, good.error()) : good.error();
  }
  co_return std::unexpected(std::move(*failure));
}

Gate::Request ObjectRead::gate_request(size_t bucket) const {
  return {terms_.buckets[bucket], terms_.kind, terms_.priority,
          has_memory() ? Stage::kFurther : Stage::kFirst, terms_.audience};
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
  if (!context_.buckets.may_ask(name, terms_.key, instead)) co_return refuse();
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
  if (old_news && !context_.buckets.may_ask(name, terms_.key, instead)) co_return refuse();
  co_return pass;
}

milliseconds ObjectRead::time_left(milliseconds limit, MonoTime since) const {
  const auto used = std::chrono::duration_cast<milliseconds>(worker_.timers().now() - since);
  return std::max(limit - used, milliseconds(0));
}

/// Sends a request and, if its head is late, a hedge. Returns the first good answer.
rt::Task<Result<PendingGetPtr>> ObjectRead::first_good_answer(size_t bucket, GetRequest request,
                                                              Fallback fallback) {
  const std::string& name = terms_.buckets[bucket];
  Result<Gate::Pass> pass = co_await enter_gate(bucket, request.config, fallback);
  if (!pass) co_return std::unexpected(std::move(pass.error()));
  HedgeRace race(worker_, wakeup_,
                 PendingGet::send(worker_, context_.origin, request, std::move(*pass), wakeup_));
  const HeadWatch watch(worker_, terms_.audience, race);
  const MonoTime sent_at = race.first->sent_at();
  const auto delay = context_.buckets.hedge_delay(name);
  if (delay) race.hedge_at = sent_at + *delay;
  std::optional<Error> failure;  // of the GET that failed while the other one is awaited
  while (true) {
    const HedgeRace::Event event = co_await race.next_event();
    if (event == HedgeRace::Event::kHedgeDue) {
      race.hedge_at.reset();
      race.second = hedge_head(bucket, request, sent_at);
      continue;
    }
    const PendingGetPtr answered = race.take(event);
    const bool is_hedge = event == HedgeRace::Event::kSecond;
    record_health(bucket, *answered);
    const Error* const failed = answered->failure();
    if (failed != nullptr && !opened_) sent_at_ = answered->sent_at();
    if (is_hedge) hedge_ended(name, failed == nullptr ? HedgeResult::kWon : HedgeResult::kLost);
    if (PendingGet* const other = race.remaining()) {
      if (failed != nullptr && !is_final_for_bucket(failed->kind())) {
        failure = *failed;
        continue;
      }
      if (!is_hedge) hedge_ended(name, HedgeResult::kLost);
      give_up(*other);
    }
    if (failed == nullptr) co_return answered;
    co_return std::unexpected(failure ? less_final(*failure, *failed) : *failed);
  }
}

/// The hedge of a request whose head is late, with the rest of that request's time limit.
PendingGetPtr ObjectRead::hedge_head(size_t bucket, GetRequest request, MonoTime first_sent) {
  if (auto& limit = request.config.operation_timeout) *limit = time_left(*limit, first_sent);
  return hedge(bucket, std::move(request));
}

void ObjectRead::record_health(size_t bucket, const PendingGet& get) {
  const std::string& name = terms_.buckets[bucket];
  if (const Error* failure = get.failure()) {
    const RequestConfig& config = terms_.config;
    const bool limits = config.connect_timeout || config.first_byte_timeout ||
                        config.attempt_timeout || config.operation_timeout;
    record_failure(bucket, *failure, limits ? Limits::kClients : Limits::kOurs);
  } else {
    context_.buckets.answered(name, terms_.key, worker_.timers().now() - get.sent_at());
  }
}

void ObjectRead::record_failure(size_t bucket, const Error& failure, Limits limits) {
  const FailureTerms terms{.clients_limits = limits == Limits::kClients,
                           .clients_addressing = context_.origin.goes_elsewhere(terms_.config)};
  context_.buckets.failed(terms_.buckets[bucket], terms_.key, failure, terms);
}

/// Sends a second request beside the one under way. Null if no time is left, the bucket's budget is
/// used up, or the gate has no room now.
PendingGetPtr ObjectRead::hedge(size_t bucket, GetRequest request) {
  if (request.config.operation_timeout == milliseconds(0)) return nullptr;
  request.fresh_connection = true;  // the first one may be late because of its connection
  std::optional<Gate::Pass> pass = context_.gate.try_enter(gate_request(bucket));
  if (!pass || !context_.buckets.spend_hedge(terms_.buckets[bucket])) {
    context_.metrics.hedges_denied.add();
    return nullptr;
  }
  context_.metrics.hedges_issued.add();
  return PendingGet::send(worker_, context_.origin, std::move(request), std::move(*pass), wakeup_);
}

void ObjectRead::hedge_ended(const std::string& name, HedgeResult result) {
  context_.buckets.hedge_ended(name, result);
  if (result == HedgeResult::kLost) return;
  context_.metrics.hedges_won.add();
  hedged_ = true;
}

/// Cancels the request that lost a race.
void ObjectRead::give_up(PendingGet& loser) {
  context_.metrics.wasted_bytes.add(loser.bytes_unused());
  loser.give_up();
}

rt::Task<Result<void>> ObjectRead::run(ByteSink& sink) {
  begin_window();
  while (true) {
    Result<void> ended = co_await read_body(sink);
    if (ended) co_return ended;
    if (gave_up_) {
      co_return fail(ErrorKind::kTimeout, "the body came too slowly, and nobody waited for it");
    }
    record_failure(body_bucket_, ended.error(), Limits::kOurs);
    const uint64_t begun = body_->request().range.begin;
    const uint64_t brought = body_->position() - begun;
    fruitless_ = brought * kFruitfulShare >= range_.end - begun ? 0 : fruitless_ + 1;
    if (ended.error().kind() == ErrorKind::kChanged) {
      gone_ = versions_.of(terms_.buckets[body_bucket_]);
    }
    if (!may_resume(ended.error())) co_return ended;
    Result<void> resumed = co_await resume();
    if (!resumed) co_return resumed;
  }
}

void ObjectRead::begin_window() {
  window_end_ = worker_.timers().now() + kLeastWindow;
  window_position_ = body_->position();
}

/// Whether the body is to be given up: a window has ended, and too little came in it.
bool ObjectRead::too_slow(const ByteSink& sink) {
  if (gave_up_ || worker_.timers().now() < window_end_) return false;
  const uint64_t came = body_->position() + body_->bytes_unused() - window_position_;
  gave_up_ = came < kLeastBytes && !sink.is_wanted();
  begin_window();
  return gave_up_;
}

/// Reads the current body to its end. If it stops, a hedge may take over.
rt::Task<Result<void>> ObjectRead::read_body(ByteSink& sink) {
  HedgeRace race(worker_, wakeup_, body_);
  MonoTime watched_since = worker_.timers().now();
  MonoTime last_arrival;  // of a body byte, as of when the hedge was sent
  body_->read_body(sink);
  while (true) {
    race.hedge_at = race.second == nullptr ? stopped_at(watched_since) : std::nullopt;
    race.hedge_at = std::min(race.hedge_at.value_or(MonoTime::max()), window_end_);
    if (gave_up_) race.hedge_at.reset();  // only the body's end is awaited
    const HedgeRace::Event event = co_await race.next_event();
    if (event == HedgeRace::Event::kFirst) break;
    if (event == HedgeRace::Event::kSecond) {
      co_await second_answered(race, sink, last_arrival);
      watched_since = worker_.timers().now();
      continue;
    }
    if (too_slow(sink)) {
      context_.metrics.too_slow.add();
      drop_hedge(race);
      body_->stop();
    }
    if (gave_up_ || race.second != nullptr) continue;
    const std::optional<MonoTime> stopped = stopped_at(watched_since);
    if (!stopped || worker_.timers().now() < *stopped) continue;  // bytes have come meanwhile
    watched_since = worker_.timers().now();
    if (body_->bytes_unused() != 0) continue;  // the bytes are here: the worker is late
    last_arrival = body_->last_arrival();
    const ByteRange left{body_->position(), range_.end};
    race.second = hedge(body_bucket_, request_for(body_bucket_, left));
  }
  drop_hedge(race);
  co_return body_->body_end();
}

/// Cancels the second request, if there is one.
void ObjectRead::drop_hedge(HedgeRace& race) {
  if (race.second == nullptr) return;
  hedge_ended(terms_.buckets[body_bucket_], HedgeResult::kLost);
  give_up(*race.second);
  race.second.reset();
}

/// When the body counts as stopped, if no more bytes come. Nothing: the bucket is not hedged.
std::optional<MonoTime> ObjectRead::stopped_at(MonoTime watched_since) const {
  const auto delay = context_.buckets.hedge_delay(terms_.buckets[body_bucket_]);
  if (!delay) return std::nullopt;
  const MonoTime moved = std::max(watched_since, body_->last_arrival());
  return moved + std::max<std::chrono::nanoseconds>(*delay, kStoppedMin);
}

/// The hedge takes over if the body has brought nothing since `last_arrival`; else it is cancelled.
rt::Task<void> ObjectRead::second_answered(HedgeRace& race, ByteSink& sink, MonoTime last_arrival) {
  const PendingGetPtr second = race.take(HedgeRace::Event::kSecond);
  record_health(body_bucket_, *second);
  const bool stopped = body_->last_arrival() == last_arrival && body_->bytes_unused() == 0;
  bool won = false;
  if (second->failure() == nullptr && stopped) won = co_await take_over(second);
  hedge_ended(terms_.buckets[body_bucket_], won ? HedgeResult::kWon : HedgeResult::kLost);
  if (won) {
    race.first = body_;
    body_->read_body(sink);
  } else {
    give_up(*second);
  }
}

/// Cancels the current body and continues with `second`'s. False: the body brought more bytes or
/// ended, or `second` is not of the expected version or range.
rt::Task<bool> ObjectRead::take_over(PendingGetPtr second) {
  const PendingGetPtr first = body_;
  first->stop();
  while (!first->body_ended()) co_await wakeup_.wait();
  const ByteRange left{first->position(), range_.end};
  if (first->body_end() || second->request().range != left) co_return false;
  context_.metrics.wasted_bytes.add(first->bytes_unused());
  const Result<void> taken = accept(body_bucket_, std::move(second), left);
  co_return taken.has_value();
}

bool ObjectRead::may_resume(const Error& error) const {
  if (resumes_ >= kResumesMax) return false;
  // take_over() cancelled the body for a hedge that did not fit: not a failure, always resumed.
  if (error.kind() == ErrorKind::kCancelled) return true;
  // Any delivered byte may be wrong, and delivered bytes cannot be taken back.
  const bool delivered = body_->position() != body_->request().range.begin;
  if (error.kind() == ErrorKind::kDamaged && delivered) return false;
  const uint32_t tries = terms_.config.attempts_max.value_or(kFruitlessMax);
  return is_store_failure(error.kind()) && tries > 1 && fruitless_ < tries;
}

/// Asks for a new body from the next byte on: first the same bucket, or the other bucket if the
/// last body was fruitless.
rt::Task<Result<void>> ObjectRead::resume() {
  ++resumes_;
  context_.metrics.resumes.add();
  if (fruitless_ > 0) co_await worker_.timers().sleep(kResumePause * fruitless_);
  BucketOrder order = terms_.order;
  const bool stay = fruitless_ == 0;
  if ((order.index[0] == body_bucket_) != stay && order.count > 1) {
    std::swap(order.index[0], order.index[1]);
  }
  const ByteRange left{body_->position(), range_.end};
  co_return co_await try_buckets(order, left);
}

}  // namespace cachey::origin
