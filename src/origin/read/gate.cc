#include "origin/read/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cachey::origin {
namespace {

constexpr std::string_view kUnprovenAccount;  // no kind is empty

static_assert(2 * FairQueue::kAgedAfter == Gate::kWaitTimeMax);

Counter refusals(Metrics& metrics, const char* cause) {
  return metrics.counter("cachey_admission_refusals_total",
                         "Misses that were refused for a queue, by queue and cause",
                         {{"cause", cause}, {"queue", "turn"}});
}

}  // namespace

Gate::Gate(const GateLimits& limits, const Clock& clock, Metrics& metrics)
    : limits_(limits),
      clock_(clock),
      refused_(metrics.counter("cachey_origin_turns_refused_total",
                               "Requests whose turn at their bucket did not come")),
      refused_by_{refusals(metrics, "too_many"), refusals(metrics, "forecast"),
                  refusals(metrics, "timeout")},
      waits_(metrics.fine_histogram("cachey_turn_wait_seconds",
                                    "How long misses waited for a turn, of those that had to",
                                    latency_bounds(), {}, FineHistogram::Parts::kOne)) {
  metrics.read_gauge("cachey_origin_requests_waiting", "Requests that wait for a turn",
                     [this] { return static_cast<double>(waiting_.load()); });
  metrics.read_gauges("cachey_bucket_requests_waiting",
                      "Requests that wait for a turn at their bucket", [this] {
                        std::vector<Metrics::Reading> readings;
                        for (const auto& [bucket, waiting] : waiting_by_bucket(kBucketsShown)) {
                          readings.push_back({{{"bucket", bucket}}, static_cast<double>(waiting)});
                        }
                        return readings;
                      });
}

void Gate::wake(const Woken& woken) {
  for (rt::Waiter* waiter : woken) waiter->notify();
}

/// Call settle() when the bucket's requests have changed.
Gate::Bucket& Gate::bucket_of(std::string_view name) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second;
  const auto added = buckets_.try_emplace(std::string(name)).first;
  Bucket& bucket = added->second;
  bucket.self = added;
  bucket.proven = is_proven_bucket(name);
  if (const Memory* const known = proven_buckets_.find(name)) {
    bucket.memory = *known;
  } else {
    bucket.memory.level = static_cast<double>(limits_.bytes_per_second) * kSavedSeconds;
    bucket.memory.level_time = clock_.mono();
  }
  return bucket;
}

bool Gate::is_proven_kind(std::string_view name) {
  return declared_kinds_.contains(name) || proven_kinds_.find(name) != nullptr;
}

/// The account of a bucket's queue that a request is charged to. No kind has a line feed.
std::string Gate::account_of(const Request& request) {
  if (!is_proven_kind(request.kind)) return std::string(kUnprovenAccount);
  if (request.client.empty()) return std::string(request.kind);
  return fmt::format("{}\n{}", request.kind, request.client);
}

bool Gate::is_proven_bucket(std::string_view name) {
  return declared_buckets_.contains(name) || proven_buckets_.find(name) != nullptr;
}

bool Gate::is_proven(std::string_view bucket, std::string_view kind) {
  const MutexLock lock(mutex_);
  return is_proven_bucket(bucket) && is_proven_kind(kind);
}

void Gate::declare(const std::string& kind, std::span<const std::string> buckets) {
  const MutexLock lock(mutex_);
  declared_kinds_.insert(kind);
  declared_buckets_.insert(buckets.begin(), buckets.end());
}

/// Puts the bucket into the lists that it belongs to. Forgets the bucket if it has no requests.
void Gate::settle(Bucket& bucket) {
  const auto keep_in = [&bucket](auto& list, bool is_in, bool belongs) {
    if (belongs && !is_in) list.push_back(bucket);
    if (!belongs && is_in) list.erase(list.iterator_to(bucket));
  };
  const FairQueue::Choice speculation(Urgency::kSpeculation, FairQueue::Among::kAll);
  keep_in(blocked_, bucket.Hook<InBlocked>::is_linked(), !bucket.proven && !bucket.queue.empty());
  keep_in(speculating_, bucket.Hook<InSpeculating>::is_linked(), bucket.queue.has(speculation));
  const bool has_requests = bucket.in_flight + bucket.parked + bucket.hung != 0;
  if (has_requests || !bucket.queue.empty()) return;
  if (bucket.proven) proven_buckets_.set(bucket.self->first, bucket.memory);
  buckets_.erase(bucket.self);
}

/// A request of the bucket begins.
void Gate::begin(Bucket& bucket) {
  ++bucket.begun;
  ++bucket.in_flight;
  if (!bucket.proven) ++unproven_requests_;
  bucket.memory.level -= bucket.memory.mean_bytes;
}

void Gate::refill(Bucket& bucket) const {
  if (limits_.bytes_per_second == 0) return;
  const auto rate = static_cast<double>(limits_.bytes_per_second);
  const MonoTime now = clock_.mono();
  const std::chrono::duration<double> passed = now - bucket.memory.level_time;
  bucket.memory.level = std::min(bucket.memory.level + rate * passed.count(), rate * kSavedSeconds);
  bucket.memory.level_time = now;
}

bool Gate::has_bandwidth(const Bucket& bucket) const {
  return limits_.bytes_per_second == 0 || bucket.memory.level > 0;
}

bool Gate::has_room(const Bucket& bucket, Urgency urgency, Stage stage) const {
  const uint32_t unproven_room =
      kUnprovenRequests - std::min(kUnprovenRequests, unproven_requests_);
  if (!bucket.proven && bucket.in_flight + bucket.parked >= unproven_room) return false;
  if (limits_.requests == 0) return true;
  const uint32_t most = urgency == Urgency::kDemand
                            ? limits_.requests
                            : std::max(1U, limits_.requests - limits_.requests / kReservedShare);
  const uint32_t taken =
      stage == Stage::kFirst ? bucket.in_flight + bucket.parked : bucket.in_flight;
  return taken < most;
}

/// Which queued request may go now, as far as the number of requests is concerned.
std::optional<FairQueue::Choice> Gate::next_choice(const Bucket& bucket) const {
  for (const Urgency urgency : {Urgency::kDemand, Urgency::kSpeculation}) {
    if (!has_room(bucket, urgency, Stage::kFurther)) continue;
    const bool all = has_room(bucket, urgency, Stage::kFirst);
    const FairQueue::Choice choice(urgency,
                                   all ? FairQueue::Among::kAll : FairQueue::Among::kFurther);
    if (bucket.queue.has(choice)) return choice;
  }
  return std::nullopt;
}

/// When to check again although no request ends: bandwidth refills with time.
MonoTime Gate::room_expected_at(Bucket& bucket, const QueuedRequest& request) const {
  if (has_bandwidth(bucket)) return MonoTime::max();
  const std::chrono::duration<double> wait(-bucket.memory.level /
                                           static_cast<double>(limits_.bytes_per_second));
  const MonoTime room =
      bucket.memory.level_time + std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
  const std::optional<FairQueue::Choice> next = next_choice(bucket);
  if (next && &bucket.queue.front(*next, clock_.mono()) == &request) return room;
  return std::max(room, bucket.memory.level_time + kRecheckAfter);
}

/// Grants queued requests in the queue's order, as long as there is room. Call settle() then.
void Gate::admit_next(Bucket& bucket, Woken& woken) {
  refill(bucket);
  while (has_bandwidth(bucket)) {
    const std::optional<FairQueue::Choice> next = next_choice(bucket);
    if (!next) return;
    const double cost = bucket.memory.mean_bytes + kRequestBytes;
    QueuedRequest& queued = bucket.queue.pop(*next, cost, clock_.mono());
    queued.granted = true;
    queued.charged = bucket.memory.mean_bytes;
    begin(bucket);
    queued.number = bucket.begun;
    --waiting_;
    if (queued.urgency == Urgency::kSpeculation) --speculation_waiting_;
    if (queued.waiter != nullptr) woken.push_back(std::exchange(queued.waiter, nullptr));
  }
}

/// Room among the unproven buckets may have come: each in turn may use it.
void Gate::admit_unproven(Woken& woken) {
  for (size_t left = blocked_.size(); left > 0 && unproven_requests_ < kUnprovenRequests; --left) {
    Bucket& bucket = blocked_.front();
    blocked_.pop_front();
    admit_next(bucket, woken);
    settle(bucket);
  }
}

/// Puts the request into its bucket's queue, unless too many wait already or it would wait too
/// long.
Gate::Joined Gate::enqueue(const Request& request, QueuedRequest& queued, MonoTime deadline) {
  Woken woken;
  Joined joined;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = bucket_of(request.bucket);
    queued.kind = account_of(request);
    const bool has_place = bucket.proven || blocked_.size() < kQueuedMax;
    if (!has_place || !bucket.queue.has_place(queued.kind)) {
      settle(bucket);
      return joined;
    }
    const MonoTime now = clock_.mono();
    if (request.may_forecast && request.priority.urgency() == Urgency::kDemand) {
      const auto wait = bucket.queue.forecast(queued.kind, now);
      if (wait && *wait > forecast_allowed(deadline - now)) {
        return {.refusal = Refusal::kForecast, .forecast = *wait};
      }
    }
    joined.bucket = &bucket;
    ++waiting_;
    ++speculation_waiting_;  // before push() reads the urgency; see promote_wanted()
    bucket.queue.push(queued, now);
    if (queued.urgency == Urgency::kDemand) --speculation_waiting_;
    admit_next(bucket, woken);
    settle(bucket);
  }
  wake(woken);
  return joined;
}

/// Registers `waiter`, unless the request is granted. Returns the time of the next check;
/// MonoTime::min(): granted.
MonoTime Gate::register_waiter(Bucket& bucket, QueuedRequest& queued, rt::Waiter& waiter) {
  Woken woken;
  MonoTime until = MonoTime::min();
  {
    const MutexLock lock(mutex_);
    admit_next(bucket, woken);
    settle(bucket);
    if (!queued.granted) {
      queued.waiter = &waiter;
      queued.waited = true;
      until = room_expected_at(bucket, queued);
    }
  }
  wake(woken);
  return until;
}

/// False: the request was granted meanwhile.
bool Gate::leave_queue(Bucket& bucket, QueuedRequest& queued) {
  const MutexLock lock(mutex_);
  if (queued.granted) return false;
  bucket.queue.remove(queued, clock_.mono());
  --waiting_;
  if (queued.urgency == Urgency::kSpeculation) --speculation_waiting_;
  settle(bucket);
  return true;
}

rt::Task<Result<Gate::Pass>> Gate::enter(rt::Worker& worker, Request request, MonoTime deadline) {
  QueuedRequest queued(std::string(), request.priority, request.stage);
  Joined joined = enqueue(request, queued, deadline);
  const MonoTime began = clock_.mono();
  Attendance attendance(request.audience, began);
  bool is_over = false;
  while (joined.bucket != nullptr) {
    rt::Waiter waiter(worker.executor());
    MonoTime until = register_waiter(*joined.bucket, queued, waiter);
    if (until == MonoTime::min()) break;
    until = std::min(until, deadline);
    if (request.audience != nullptr) until = std::min(until, clock_.mono() + kLookEvery);
    std::move_only_function<bool()> remove_waiter = [this, &queued] {
      const MutexLock lock(mutex_);
      return std::exchange(queued.waiter, nullptr) != nullptr;
    };
    const bool granted =
        co_await waiter.wait_until(worker.timers(), until, std::move(remove_waiter));
    is_over = attendance.is_over(clock_.mono());
    const bool ends = is_over || clock_.mono() >= deadline;
    const bool left = !granted && ends && leave_queue(*joined.bucket, queued);
    if (left) joined = {.refusal = is_over ? Refusal::kNobodyWaits : Refusal::kTimeout};
  }
  if (queued.waited && request.priority.urgency() == Urgency::kDemand) {
    waits_.observe(clock_.mono() - began);
  }
  if (joined.bucket == nullptr) co_return std::unexpected(refused(request, joined));
  Pass pass({this, std::string(request.kind), std::string(request.client), request.stage},
            *joined.bucket, std::move(queued.kind), queued.charged, queued.number);
  if (is_over) co_return std::unexpected(refused(request, {.refusal = Refusal::kNobodyWaits}));
  co_return pass;
}

Error Gate::refused(const Request& request, const Joined& why) {
  if (why.refusal == Refusal::kNobodyWaits) {
    return {ErrorKind::kCancelled, "nobody waits for the answer"};
  }
  refused_.add();
  refused_by_[static_cast<size_t>(why.refusal)].add();
  return Error::overloaded(
      fmt::format("too many requests for bucket {} at a time", log::quoted(request.bucket)),
      why.forecast);
}

std::optional<Gate::Pass> Gate::try_enter(const Request& request) {
  const MutexLock lock(mutex_);
  Bucket& bucket = bucket_of(request.bucket);
  refill(bucket);
  const bool enters = bucket.queue.empty() && has_bandwidth(bucket) &&
                      has_room(bucket, Urgency::kSpeculation, Stage::kFirst);
  if (!enters) {
    settle(bucket);
    return std::nullopt;
  }
  begin(bucket);
  Place place(this, std::string(request.kind), std::string(request.client), request.stage);
  return std::optional<Pass>(std::in_place, std::move(place), bucket, account_of(request),
                             bucket.memory.mean_bytes, bucket.begun);
}

void Gate::promote_wanted() {
  // No lock is needed to see that no speculation waits: enqueue() counts the request before it
  // reads the urgency, and the caller has set the wanted bits before this call.
  if (speculation_waiting_ == 0) return;
  Woken woken;
  {
    const MutexLock lock(mutex_);
    for (auto at = speculating_.begin(); at != speculating_.end();) {
      Bucket& bucket = *at++;
      speculation_waiting_ -= bucket.queue.promote_wanted(clock_.mono());
      admit_next(bucket, woken);
      settle(bucket);
    }
  }
  wake(woken);
}

std::vector<std::pair<std::string, size_t>> Gate::waiting_by_bucket(size_t most) const {
  std::vector<std::pair<std::string, size_t>> waiting;
  const auto show = [&waiting](const std::string& name, const Memory& /*memory*/) {
    waiting.emplace_back(name, 0);
  };
  const MutexLock lock(mutex_);
  proven_buckets_.visit_newest(most, show);
  size_t others = waiting_;
  for (auto& [name, count] : waiting) {
    const auto found = buckets_.find(name);
    if (found != buckets_.end()) count = found->second.queue.size();
    others -= std::min(others, count);
  }
  waiting.emplace_back("other", others);
  return waiting;
}

size_t Gate::buckets() const {
  const MutexLock lock(mutex_);
  return buckets_.size();
}

size_t Gate::names_remembered() const {
  const MutexLock lock(mutex_);
  return proven_buckets_.size() + proven_kinds_.size();
}

}  // namespace cachey::origin
