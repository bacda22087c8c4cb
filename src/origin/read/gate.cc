#include "origin/read/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"

namespace cachey::origin {
namespace {

constexpr double kMeanWeight = 0.1;  // of one answer, in mean_bytes

void wake(const std::vector<rt::Waiter*>& woken) {
  for (rt::Waiter* waiter : woken) waiter->notify();
}

}  // namespace

Gate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      bucket_(other.bucket_),
      kind_(std::move(other.kind_)),
      stage_(other.stage_),
      charged_(other.charged_),
      parked_(other.parked_) {}

Gate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->release(*bucket_, kind_, charged_, parked_);
}

void Gate::Pass::park() {
  if (!std::exchange(parked_, true)) gate_->park(*bucket_);
}

void Gate::Pass::unpark() {
  if (std::exchange(parked_, false)) gate_->unpark(*bucket_);
}

void Gate::Pass::expect_body_bytes(uint64_t bytes) {
  gate_->charge_body(*bucket_, kind_, std::exchange(charged_, 0), static_cast<double>(bytes));
}

Gate::Gate(const GateLimits& limits, const Clock& clock, Metrics& metrics)
    : limits_(limits),
      clock_(clock),
      refused_(metrics.counter("cachey_origin_turns_refused_total",
                               "Requests whose turn at their bucket did not come")) {
  metrics.read_gauge("cachey_origin_requests_waiting", "Requests that wait for a turn",
                     [this] { return static_cast<double>(waiting_.load()); });
}

Gate::Bucket& Gate::bucket_of(std::string_view name) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return *found->second;
  if (buckets_.size() >= kBucketsMax) {
    std::erase_if(buckets_, [](const auto& entry) {
      const Bucket& bucket = *entry.second;
      return bucket.in_flight == 0 && bucket.parked == 0 && bucket.queue.empty();
    });
  }
  auto added = std::make_unique<Bucket>();
  added->level = static_cast<double>(limits_.bytes_per_second) * kSavedSeconds;
  added->level_time = clock_.mono();
  return *buckets_.emplace(std::string(name), std::move(added)).first->second;
}

void Gate::refill(Bucket& bucket) const {
  if (limits_.bytes_per_second == 0) return;
  const auto rate = static_cast<double>(limits_.bytes_per_second);
  const MonoTime now = clock_.mono();
  const std::chrono::duration<double> passed = now - bucket.level_time;
  bucket.level = std::min(bucket.level + rate * passed.count(), rate * kSavedSeconds);
  bucket.level_time = now;
}

bool Gate::has_bandwidth(const Bucket& bucket) const {
  return limits_.bytes_per_second == 0 || bucket.level > 0;
}

bool Gate::has_room(const Bucket& bucket, Urgency urgency, Stage stage) const {
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
  const std::chrono::duration<double> wait(-bucket.level /
                                           static_cast<double>(limits_.bytes_per_second));
  const MonoTime room =
      bucket.level_time + std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
  const std::optional<FairQueue::Choice> next = next_choice(bucket);
  if (next && &bucket.queue.front(*next) == &request) return room;
  return std::max(room, bucket.level_time + kRecheckAfter);
}

/// Grants queued requests in the queue's order, as long as there is room.
void Gate::admit_next(Bucket& bucket, Woken& woken) {
  refill(bucket);
  while (has_bandwidth(bucket)) {
    const std::optional<FairQueue::Choice> next = next_choice(bucket);
    if (!next) return;
    QueuedRequest& queued = bucket.queue.pop(*next, bucket.mean_bytes + kRequestBytes);
    queued.granted = true;
    ++bucket.in_flight;
    bucket.level -= bucket.mean_bytes;
    queued.charged = bucket.mean_bytes;
    --waiting_;
    if (queued.urgency == Urgency::kSpeculation) --speculation_waiting_;
    if (queued.waiter != nullptr) woken.push_back(std::exchange(queued.waiter, nullptr));
  }
}

/// Puts the request into its bucket's queue. Null: kQueuedMax requests wait already.
Gate::Bucket* Gate::enqueue(const Request& request, QueuedRequest& queued) {
  Woken woken;
  Bucket* joined = nullptr;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = bucket_of(request.bucket);
    if (bucket.queue.size() >= kQueuedMax) return nullptr;
    joined = &bucket;
    ++waiting_;
    ++speculation_waiting_;  // before push() reads the urgency; see promote_wanted()
    bucket.queue.push(queued);
    if (queued.urgency == Urgency::kDemand) --speculation_waiting_;
    admit_next(bucket, woken);
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
    if (!queued.granted) {
      queued.waiter = &waiter;
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
  bucket.queue.remove(queued);
  --waiting_;
  if (queued.urgency == Urgency::kSpeculation) --speculation_waiting_;
  return true;
}

rt::Task<Result<Gate::Pass>> Gate::enter(rt::Worker& worker, Request request, MonoTime deadline) {
  QueuedRequest queued(request.kind, request.priority, request.stage);
  Bucket* const bucket = enqueue(request, queued);
  bool refused = bucket == nullptr;
  while (!refused) {
    rt::Waiter waiter(worker.executor());
    const MonoTime until = std::min(register_waiter(*bucket, queued, waiter), deadline);
    if (until == MonoTime::min()) break;
    std::move_only_function<bool()> remove_waiter = [this, &queued] {
      const MutexLock lock(mutex_);
      return std::exchange(queued.waiter, nullptr) != nullptr;
    };
    const bool granted =
        co_await waiter.wait_until(worker.timers(), until, std::move(remove_waiter));
    refused = !granted && clock_.mono() >= deadline && leave_queue(*bucket, queued);
  }
  if (refused) {
    refused_.add();
    co_return fail(ErrorKind::kOverloaded, fmt::format("too many requests for bucket {} at a time",
                                                       log::quoted(request.bucket)));
  }
  co_return Pass(*this, *bucket, std::string(request.kind), request.stage, queued.charged);
}

std::optional<Gate::Pass> Gate::try_enter(const Request& request) {
  const MutexLock lock(mutex_);
  Bucket& bucket = bucket_of(request.bucket);
  refill(bucket);
  if (!bucket.queue.empty() || !has_bandwidth(bucket)) return std::nullopt;
  if (!has_room(bucket, Urgency::kSpeculation, Stage::kFirst)) return std::nullopt;
  ++bucket.in_flight;
  bucket.level -= bucket.mean_bytes;
  return std::optional<Pass>(std::in_place, *this, bucket, std::string(request.kind), request.stage,
                             bucket.mean_bytes);
}

void Gate::park(Bucket& bucket) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    --bucket.in_flight;
    ++bucket.parked;
    admit_next(bucket, woken);
  }
  wake(woken);
}

void Gate::unpark(Bucket& bucket) {
  const MutexLock lock(mutex_);
  ++bucket.in_flight;
  --bucket.parked;
}

void Gate::release(Bucket& bucket, const std::string& kind, double refund, bool parked) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    --(parked ? bucket.parked : bucket.in_flight);
    bucket.level += refund;
    bucket.queue.adjust_charge(kind, -refund);
    admit_next(bucket, woken);
  }
  wake(woken);
}

void Gate::charge_body(Bucket& bucket, const std::string& kind, double charged, double bytes) {
  const MutexLock lock(mutex_);
  bucket.level += charged - bytes;
  bucket.queue.adjust_charge(kind, bytes - charged);
  bucket.mean_bytes += kMeanWeight * (bytes - bucket.mean_bytes);
}

void Gate::promote_wanted() {
  // No lock is needed to see that no speculation waits: enqueue() counts the request before it
  // reads the urgency, and the caller has set the wanted bits before this call.
  if (speculation_waiting_ == 0) return;
  Woken woken;
  {
    const MutexLock lock(mutex_);
    for (auto& [name, bucket] : buckets_) {
      speculation_waiting_ -= bucket->queue.promote_wanted();
      admit_next(*bucket, woken);
    }
  }
  wake(woken);
}

}  // namespace cachey::origin
