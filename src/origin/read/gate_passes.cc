// What a pass does from its grant to its end.

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "origin/read/gate.h"

namespace cachey::origin {
namespace {

constexpr double kMeanWeight = 0.1;  // of one answer, in mean_bytes

}  // namespace

Gate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      bucket_(other.bucket_),
      place_(std::move(other.place_)),
      account_(std::move(other.account_)),
      number_(other.number_),
      charged_(other.charged_),
      counted_(other.counted_) {
  CHECK(hung_ == nullptr && other.hung_ == nullptr);
}

Gate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->release(*this);
}

void Gate::Pass::park() {
  if (counted_ != Counted::kUnderWay) return;
  counted_ = Counted::kParked;
  gate_->park(*bucket_);
}

void Gate::Pass::unpark() {
  if (counted_ != Counted::kParked) return;
  counted_ = Counted::kUnderWay;
  gate_->unpark(*bucket_);
}

void Gate::Pass::hang(HungRequest& request, MonoTime silent_since) {
  if (counted_ == Counted::kUnderWay) gate_->hang(*this, request, silent_since);
}

void Gate::Pass::revive() {
  if (counted_ == Counted::kHung) gate_->revive(*this);
}

void Gate::Pass::expect_body_bytes(uint64_t bytes) {
  gate_->charge_body(*this, static_cast<double>(bytes));
  charged_ = 0;
}

/// An object's head came for a request of this bucket and kind.
void Gate::prove(Bucket& bucket, std::string_view kind, Woken& woken) {
  proven_kinds_.find_or_add(kind);
  proven_buckets_.set(bucket.self->first, bucket.memory);
  if (std::exchange(bucket.proven, true)) return;
  unproven_requests_ -= bucket.in_flight + bucket.parked;
  unproven_hung_.move_those_of(&bucket, bucket.hung_requests);
  admit_next(bucket, woken);
  settle(bucket);
  admit_unproven(woken);
}

void Gate::park(Bucket& bucket) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    --bucket.in_flight;
    ++bucket.parked;
    admit_next(bucket, woken);
    settle(bucket);
  }
  wake(woken);
}

void Gate::unpark(Bucket& bucket) {
  const MutexLock lock(mutex_);
  ++bucket.in_flight;
  --bucket.parked;
}

HungRequests& Gate::hung_of(Bucket& bucket) {
  return bucket.proven ? bucket.hung_requests : unproven_hung_;
}

size_t Gate::hung_max(const Bucket& bucket) const {
  const size_t most = limits_.requests == 0 ? std::numeric_limits<size_t>::max() : limits_.requests;
  return bucket.proven ? most : std::min<size_t>(most, kUnprovenRequests);
}

void Gate::hang(Pass& pass, HungRequest& request, MonoTime silent_since) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = *pass.bucket_;
    HungRequests& hung = hung_of(bucket);
    if (hung.size() >= hung_max(bucket)) {
      const FairQueue::Choice demand(Urgency::kDemand, FairQueue::Among::kAll);
      const bool demand_waits = bucket.proven ? bucket.queue.has(demand) : !blocked_.empty();
      if (demand_waits) hung.end_one(bucket.newest_answered, clock_.mono());
      return;
    }
    hung.add(request, &bucket, silent_since, bucket.begun);
    pass.hung_ = &request;
    pass.counted_ = Pass::Counted::kHung;
    --bucket.in_flight;
    ++bucket.hung;
    if (!bucket.proven) --unproven_requests_;
    admit_next(bucket, woken);
    settle(bucket);
    admit_unproven(woken);
  }
  wake(woken);
}

/// The hung request is one under way again, whether there is room or not.
void Gate::count_again(Pass& pass) {
  Bucket& bucket = *pass.bucket_;
  hung_of(bucket).remove(*std::exchange(pass.hung_, nullptr));
  pass.counted_ = Pass::Counted::kUnderWay;
  --bucket.hung;
  ++bucket.in_flight;
  if (!bucket.proven) ++unproven_requests_;
}

void Gate::revive(Pass& pass) {
  const MutexLock lock(mutex_);
  count_again(pass);
}

void Gate::release(Pass& pass) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = *pass.bucket_;
    if (pass.hung_ != nullptr) count_again(pass);
    --(pass.counted_ == Pass::Counted::kParked ? bucket.parked : bucket.in_flight);
    if (!bucket.proven) --unproven_requests_;
    bucket.memory.level += pass.charged_;
    bucket.queue.adjust_charge(pass.account_, -pass.charged_);
    admit_next(bucket, woken);
    settle(bucket);
    admit_unproven(woken);
  }
  wake(woken);
}

void Gate::charge_body(Pass& pass, double bytes) {
  Woken woken;
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = *pass.bucket_;
    if (pass.hung_ != nullptr) count_again(pass);
    bucket.newest_answered = std::max(bucket.newest_answered, pass.number_);
    bucket.memory.level += pass.charged_ - bytes;
    bucket.queue.adjust_charge(pass.account_, bytes - pass.charged_);
    bucket.memory.mean_bytes += kMeanWeight * (bytes - bucket.memory.mean_bytes);
    prove(bucket, pass.place_.kind, woken);
  }
  wake(woken);
}

}  // namespace cachey::origin
