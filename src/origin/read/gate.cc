#include "origin/read/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"

namespace cachey::origin {
namespace {

constexpr double kMeanWeight = 0.1;  // of one answer, in the mean of their bytes

void wake(const std::vector<rt::Waiter*>& woken) {
  for (rt::Waiter* waiter : woken) waiter->notify();
}

}  // namespace

Gate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      bucket_(other.bucket_),
      kind_(std::move(other.kind_)),
      charged_(other.charged_) {}

Gate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->end(*bucket_, kind_, charged_);
}

void Gate::Pass::comes(uint64_t bytes) {
  gate_->settle(*bucket_, kind_, std::exchange(charged_, 0), static_cast<double>(bytes));
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
      return entry.second->in_flight == 0 && entry.second->queue.empty();
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

bool Gate::has_room(const Bucket& bucket, bool demand) const {
  if (limits_.bytes_per_second != 0 && bucket.level <= 0) return false;
  if (limits_.requests == 0) return true;
  const uint32_t most =
      demand ? limits_.requests : std::max(1U, limits_.requests - limits_.requests / 4);
  return bucket.in_flight < most;
}

/// When there may be room although nobody ends: bandwidth comes back with time.
MonoTime Gate::next_look(Bucket& bucket, const Turn& turn) const {
  if (limits_.bytes_per_second == 0 || bucket.level > 0) return MonoTime::max();
  const std::chrono::duration<double> wait(-bucket.level /
                                           static_cast<double>(limits_.bytes_per_second));
  const MonoTime room =
      bucket.level_time + std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
  if (&bucket.queue.front() == &turn) return room;
  return std::max(room, bucket.level_time + kLookAgainAfter);
}

/// Lets in who is next, as long as there is room.
void Gate::grant(Bucket& bucket, Woken& woken) {
  refill(bucket);
  while (!bucket.queue.empty() && has_room(bucket, bucket.queue.demand() > 0)) {
    Turn& turn = bucket.queue.pop(bucket.mean_bytes + kRequestBytes);
    turn.granted = true;
    ++bucket.in_flight;
    bucket.level -= bucket.mean_bytes;
    turn.charged = bucket.mean_bytes;
    --waiting_;
    if (!turn.demand) --speculation_waiting_;
    if (turn.waiter != nullptr) woken.push_back(std::exchange(turn.waiter, nullptr));
  }
}

/// Null: too many wait.
Gate::Bucket* Gate::join(const Visitor& visitor, Turn& turn) {
  Woken woken;
  Bucket* joined = nullptr;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = bucket_of(visitor.bucket);
    if (bucket.queue.size() >= kWaitingMax) return nullptr;
    joined = &bucket;
    ++waiting_;
    ++speculation_waiting_;  // before the purpose is looked at; see look_again()
    bucket.queue.push(turn);
    if (turn.demand) --speculation_waiting_;
    grant(bucket, woken);
  }
  wake(woken);
  return joined;
}

/// Until when to wait; in the past where the turn has come.
MonoTime Gate::await_grant(Bucket& bucket, Turn& turn, rt::Waiter& waiter) {
  Woken woken;
  MonoTime until = MonoTime::min();
  {
    const MutexLock lock(mutex_);
    grant(bucket, woken);
    if (!turn.granted) {
      turn.waiter = &waiter;
      until = next_look(bucket, turn);
    }
  }
  wake(woken);
  return until;
}

/// False: the turn has come meanwhile.
bool Gate::leave(Bucket& bucket, Turn& turn) {
  const MutexLock lock(mutex_);
  if (turn.granted) return false;
  bucket.queue.remove(turn);
  --waiting_;
  if (!turn.demand) --speculation_waiting_;
  return true;
}

rt::Task<Result<Gate::Pass>> Gate::enter(rt::Worker& worker, Visitor visitor, MonoTime deadline) {
  Turn turn(visitor.kind, visitor.purpose);
  Bucket* const bucket = join(visitor, turn);
  bool refused = bucket == nullptr;
  while (!refused) {
    rt::Waiter waiter(worker.executor());
    const MonoTime until = std::min(await_grant(*bucket, turn, waiter), deadline);
    if (until == MonoTime::min()) break;
    std::move_only_function<bool()> take_off = [this, &turn] {
      const MutexLock lock(mutex_);
      return std::exchange(turn.waiter, nullptr) != nullptr;
    };
    const bool granted = co_await waiter.wait_until(worker.timers(), until, std::move(take_off));
    refused = !granted && clock_.mono() >= deadline && leave(*bucket, turn);
  }
  if (refused) {
    refused_.add();
    co_return fail(ErrorKind::kOverloaded, fmt::format("too many requests for bucket {} at a time",
                                                       log::quoted(visitor.bucket)));
  }
  co_return Pass(*this, *bucket, std::string(visitor.kind), turn.charged);
}

std::optional<Gate::Pass> Gate::try_enter(const Visitor& visitor) {
  const MutexLock lock(mutex_);
  Bucket& bucket = bucket_of(visitor.bucket);
  refill(bucket);
  if (!bucket.queue.empty() || !has_room(bucket, false)) return std::nullopt;
  ++bucket.in_flight;
  bucket.level -= bucket.mean_bytes;
  return std::optional<Pass>(std::in_place, *this, bucket, std::string(visitor.kind),
                             bucket.mean_bytes);
}

void Gate::end(Bucket& bucket, const std::string& kind, double refund) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    --bucket.in_flight;
    bucket.level += refund;
    bucket.queue.correct(kind, -refund);
    grant(bucket, woken);
  }
  wake(woken);
}

void Gate::settle(Bucket& bucket, const std::string& kind, double charged, double bytes) {
  const MutexLock lock(mutex_);
  bucket.level += charged - bytes;
  bucket.queue.correct(kind, bytes - charged);
  bucket.mean_bytes += kMeanWeight * (bytes - bucket.mean_bytes);
}

void Gate::look_again() {
  // Whoever waits says so before he looks at his interest, and the interest grew before this.
  if (speculation_waiting_ == 0) return;
  Woken woken;
  {
    const MutexLock lock(mutex_);
    for (auto& [name, bucket] : buckets_) {
      speculation_waiting_ -= bucket->queue.look_again();
      grant(*bucket, woken);
    }
  }
  wake(woken);
}

}  // namespace cachey::origin
