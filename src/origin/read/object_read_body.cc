#include <algorithm>
#include <exception>
#include <utility>

#include "origin/finality.h"
#include "origin/read/object_read.h"

namespace cachey::origin {

rt::Task<Result<void>> ObjectRead::run(ByteSink& sink) {
  const MonoTime began = worker_.timers().now();
  watch_.emplace(began, brought());
  progress_at_ = began;
  while (true) {
    Result<void> ended = co_await read_body(sink);
    note_bytes();
    if (ended && one_request_) {
      context_.buckets.read_whole(terms_.buckets[body_bucket_], range_.size(), to_head_,
                                  worker_.timers().now() - began);
    }
    if (ended) co_return ended;
    if (gave_up_) co_return ended;
    record_failure(body_bucket_, ended.error(),
                   body_->made_way() ? Limits::kNotTheBuckets : Limits::kOurs);
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

/// Reads the current body to its end. If it is late, hangs or is too slow, a second request may
/// take over. No exception leaves while `sink` is in use.
rt::Task<Result<void>> ObjectRead::read_body(ByteSink& sink) {
  body_end_.reset();
  std::exception_ptr failure;
  try {
    co_await watch_body(sink);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    body_->stop();
    while (body_->in_progress()) co_await wakeup_.wait();
    std::rethrow_exception(failure);
  }
  if (body_end_ && !body_->body_end()) co_return std::unexpected(*body_end_);
  co_return body_->body_end();
}

rt::Task<void> ObjectRead::watch_body(ByteSink& sink) {
  HedgeRace race(worker_, wakeup_, body_bucket_, body_);
  begin_body(sink);
  while (true) {
    race.look_at.reset();
    // After a stop only the body's end is awaited.
    if (!body_end_) race.look_at = next_look_at_body(race, sink);
    const HedgeRace::Event event = co_await race.next_event();
    if (event == HedgeRace::Event::kFirst) break;
    if (event == HedgeRace::Event::kSecond) {
      co_await second_answered(race, sink);
      continue;
    }
    look_at_body(race, sink);
  }
  drop_second(race);
  race.first.reset();
}

BodyWatch::Limits ObjectRead::watch_limits() const {
  BucketHealth::Patience patience = context_.buckets.patience(terms_.buckets[body_bucket_]);
  if (patience.late) {
    patience.late = std::max<std::chrono::nanoseconds>(*patience.late, kStoppedMin);
  }
  return {patience.late, silence_limit(body_bucket_, patience)};
}

MonoTime ObjectRead::next_look_at_body(const HedgeRace& race, const ByteSink& sink) {
  note_bytes();
  const BodyWatch::Look now = look(race, sink);
  const MonoTime next = std::min(watch_->next_look(now, watch_limits()), time_up_at());
  return body_->hangs() ? std::min(next, now.now + PendingGet::kLookEvery) : next;
}

BodyWatch::Look ObjectRead::look(const HedgeRace& race, const ByteSink& sink) const {
  const MonoTime now = worker_.timers().now();
  const uint64_t unused = body_->bytes_unused();  // here, and the worker is late
  return {.now = now,
          .last_arrival = unused > 0 ? now : body_->last_arrival(),
          .arrived = brought(),
          .wanted = sink.is_wanted(),
          .alone = race.second == nullptr};
}

/// The bytes that all bodies have brought. Two bodies may have brought the same ones.
uint64_t ObjectRead::brought() const {
  return brought_before_ + body_->position() - body_->request().range.begin + body_->bytes_unused();
}

void ObjectRead::look_at_body(HedgeRace& race, const ByteSink& sink) {
  note_bytes();
  if (is_time_up()) return stop_body(race, "no byte of the body came for too long");
  const BodyWatch::Limits limits = watch_limits();
  body_->watch(worker_.timers().now(), limits.hung);
  switch (watch_->look(look(race, sink), limits)) {
    case BodyState::kFlows:
      return;
    case BodyState::kLate:
      return send_second_body(race, Purpose::kHedge);
    case BodyState::kHung:
    case BodyState::kSlow:
      return send_second_body(race, Purpose::kRescue);
    case BodyState::kHopeless:
      return stop_body(race, "the body came too slowly");
    case BodyState::kUnwanted:
      gave_up_ = true;
      context_.metrics.too_slow.add();
      return stop_body(race, "the body came too slowly, and nobody waited for it");
  }
}

/// Ends the body with a timeout.
void ObjectRead::stop_body(HedgeRace& race, std::string why) {
  drop_second(race);
  body_end_ = Error(ErrorKind::kTimeout, std::move(why));
  body_->stop();
}

/// Asks for the missing rest beside the body.
void ObjectRead::send_second_body(HedgeRace& race, Purpose purpose) {
  const MonoTime now = worker_.timers().now();
  const MonoTime silent_since = std::max(body_began_, body_->last_sign());
  const bool is_rescue = purpose == Purpose::kRescue;
  const Cost cost = is_rescue ? cost_of_rescue(race, silent_since) : Cost::kBudget;
  const MonoTime due = silent_seconds_.due(brought());
  if (now < due && cost == Cost::kBudget) {
    const MonoTime left_at = silent_since + std::max(bucket_share(), watch_limits().hung);
    if (is_rescue) watch_->look_again(now < left_at ? std::min(due, left_at) : due, watch_limits());
    return;
  }
  GetRequest rest = request_for(body_bucket_, ByteRange(body_->position(), range_.end));
  if (send_second(race, purpose, rest, cost)) {
    arrived_at_second_ = body_->position() + body_->bytes_unused();
    if (!is_rescue) return;
    silent_seconds_.add(now, brought(), watch_limits().hung);
    watch_->look_again(now + slot_of_second(race), watch_limits());
  } else if (is_rescue) {
    watch_->look_again(now + RescueBudget::kTryAgainAfter, watch_limits());
  }
}

/// The second request takes over if the body has brought nothing since that was sent. The rescue
/// takes over from a body that trickles, too. Else the second request is cancelled.
rt::Task<void> ObjectRead::second_answered(HedgeRace& race, ByteSink& sink) {
  const PendingGetPtr second = race.take(HedgeRace::Event::kSecond);
  record_health(race.second_bucket, *second);
  const size_t first_bucket = body_bucket_;
  const uint64_t came = body_->position() + body_->bytes_unused() - arrived_at_second_;
  const std::chrono::duration<double> since = worker_.timers().now() - second->sent_at();
  const bool trickles = static_cast<double>(came) < BodyWatch::kLeastRate * since.count();
  const bool yields = came == 0 || (race.purpose == Purpose::kRescue && trickles);
  bool won = false;
  if (second->failure() == nullptr && yields && !body_end_)
    won = co_await take_over(second, race.second_bucket);
  second_ended(race, won ? HedgeResult::kWon : HedgeResult::kLost);
  if (!won) {
    give_up(race.second_bucket, *second);
    co_return;
  }
  if (came == 0 && race.purpose == Purpose::kRescue) blame_silent(race);
  if (came == 0 && body_bucket_ != first_bucket) set_silent(first_bucket);
  race.first = body_;
  race.first_bucket = body_bucket_;
  race.blamed = false;
  begin_body(sink);
}

void ObjectRead::begin_body(ByteSink& sink) {
  body_began_ = worker_.timers().now();
  watch_->begin_body(body_began_);
  body_->read_body(sink);
}

/// Cancels the current body and continues with `second`'s. False: the body ended, or `second` is
/// not of the expected version or range.
rt::Task<bool> ObjectRead::take_over(PendingGetPtr second, size_t bucket) {
  const PendingGetPtr first = body_;
  first->stop();
  while (!first->body_ended()) co_await wakeup_.wait();
  const uint64_t position = first->next_delivered();
  if (first->body_end() || second->request().range.end != range_.end) co_return false;
  context_.metrics.wasted_bytes.add(first->bytes_unused());
  context_.metrics.wasted_bytes.add(position - second->request().range.begin);
  const ByteRange asked = second->request().range;
  const Result<void> taken = accept(bucket, std::move(second), asked);
  if (taken) body_->drop_until(position);
  one_request_ = false;
  co_return taken.has_value();
}

bool ObjectRead::may_resume(const Error& error) const {
  if (resumes_ >= kResumesMax || is_time_up()) return false;
  // take_over() cancelled the body for a hedge that did not fit: not a failure, always resumed.
  if (error.kind() == ErrorKind::kCancelled) return true;
  // Any delivered byte may be wrong, and delivered bytes cannot be taken back.
  const bool delivered = body_->position() != body_->request().range.begin;
  if (error.kind() == ErrorKind::kDamaged && delivered) return false;
  if (!is_store_failure(error.kind())) return false;
  const size_t buckets = terms_.order.count;
  if (tries_of_bodies() > 1) return fruitless_ < std::max<size_t>(tries_of_bodies(), buckets);
  return static_cast<size_t>(resumes_) + 1 < buckets;  // one body of each bucket
}

/// Asks for a new body from the next byte on: first the same bucket, or the next one if the last
/// body was fruitless. With one attempt (ma) only buckets that had no turn.
rt::Task<Result<void>> ObjectRead::resume() {
  ++resumes_;
  one_request_ = false;
  context_.metrics.resumes.add();
  if (fruitless_ > 0) co_await worker_.timers().sleep(kResumePause * fruitless_);
  BucketOrder order = terms_.order;
  const bool once = tries_of_bodies() <= 1;
  auto* const begin = order.index.begin();
  auto* const end = begin + static_cast<std::ptrdiff_t>(order.count);
  auto* const last = std::find(begin, end, body_bucket_);
  std::rotate(begin, fruitless_ == 0 && !once ? last : last + 1, end);
  if (once) order.count -= std::min<size_t>(static_cast<size_t>(resumes_), order.count - 1);
  const ByteRange left{body_->next_delivered(), range_.end};
  co_return co_await try_buckets(order, left);
}

}  // namespace cachey::origin
