#include "store/admission.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/arena.h"

namespace cachey::store {
namespace {

/// What is admitted for `bytes`: what they take of the arena. Never 0, because a bucket without
/// admitted bytes may be forgotten.
uint64_t needed_for(uint64_t bytes) { return std::max(Arena::rounded(bytes), kUnitBytes); }

}  // namespace

struct Admissions::Waiting : rt::Waiter {
  Waiting(const rt::Executor& executor, uint64_t bytes) : rt::Waiter(executor), needed(bytes) {}
  const uint64_t needed;
  uint64_t number = 0;       // in the order of arrival
  Bucket* bucket = nullptr;  // null: not enqueued
  bool queued = false;       // in the bucket's queue
};

Admissions::Admissions(AdmissionsConfig config, std::move_only_function<uint64_t() const> limit,
                       const Clock& clock)
    : config_(config), limit_(std::move(limit)), clock_(clock) {}

Admissions::~Admissions() {
  const MutexLock lock(mutex_);
  CHECK(buckets_.empty());
}

Admissions::Admission::Admission(Admission&& other) noexcept
    : admissions_(std::exchange(other.admissions_, nullptr)),
      bucket_(other.bucket_),
      bytes_(other.bytes_) {}

Admissions::Admission::~Admission() {
  if (admissions_ != nullptr) admissions_->give_back(*bucket_, bytes_);
}

void Admissions::Admission::shrink_to(uint64_t bytes) {
  CHECK(bytes > 0 && bytes <= bytes_);
  const uint64_t excess = bytes_ - bytes;
  bytes_ = bytes;
  if (excess != 0) admissions_->give_back(*bucket_, excess);
}

Admissions::Bucket& Admissions::bucket_of(std::string_view name) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second;
  const auto added = buckets_.try_emplace(std::string(name)).first;
  added->second.self = added;
  return added->second;
}

void Admissions::forget_if_idle(Bucket& bucket) {
  if (bucket.admitted == 0 && bucket.waiting.empty()) buckets_.erase(bucket.self);
}

/// Call before the bucket's place changes, and join_line() after that.
void Admissions::leave_line(Bucket& bucket) {
  if (bucket.is_linked()) line_.erase(line_.iterator_to(bucket));
}

void Admissions::join_line(Bucket& bucket) {
  if (bucket.waiting.empty()) return;
  bucket.first_number = static_cast<Waiting&>(bucket.waiting.front()).number;
  line_.insert(bucket);
}

bool Admissions::fits(const Bucket& bucket, uint64_t needed, uint64_t limit) const {
  const uint64_t idle = limit - std::min(limit, admitted_);
  return needed <= idle && bucket.admitted + needed <= kShare * idle;
}

/// Admits the bytes if they fit under `limit`. REQUIRES: no request of the bucket waits.
std::optional<Admission> Admissions::take(Bucket& bucket, uint64_t needed, uint64_t limit) {
  if (!fits(bucket, needed, limit)) {
    forget_if_idle(bucket);
    return std::nullopt;
  }
  bucket.admitted += needed;
  admitted_ += needed;
  return Admission(*this, bucket, needed);
}

std::optional<Admission> Admissions::try_admit(std::string_view name, uint64_t bytes) {
  const MutexLock lock(mutex_);
  Bucket& bucket = bucket_of(name);
  const bool is_next = line_.empty() || bucket.admitted < line_.begin()->admitted;
  if (is_next && bucket.waiting.empty()) return take(bucket, needed_for(bytes), limit_());
  forget_if_idle(bucket);
  return std::nullopt;
}

std::optional<Admission> Admissions::try_admit_speculation(std::string_view name, uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!line_.empty()) return std::nullopt;
  const uint64_t limit = limit_();
  return take(bucket_of(name), needed_for(bytes), limit - limit / kDemandShare);
}

rt::Task<Result<Admission>> Admissions::admit(rt::Worker& worker, std::string bucket,
                                              uint64_t bytes, std::chrono::nanoseconds patience) {
  if (auto admission = try_admit(bucket, bytes)) co_return std::move(*admission);
  Waiting waiting(worker.executor(), needed_for(bytes));
  std::optional<Refused> refused = enqueue(waiting, bucket, patience);
  if (!refused) {
    let_in();  // bytes may have been given back before enqueue()
    const MonoTime deadline = clock_.mono() + config_.timeout;
    std::move_only_function<bool()> leave = [this, &waiting] { return withdraw(waiting); };
    const bool admitted = co_await waiting.wait_until(worker.timers(), deadline, std::move(leave));
    if (admitted) co_return Admission(*this, *waiting.bucket, waiting.needed);
    refused = Refused(Refusal::kTimeout);
  }
  co_return std::unexpected(refuse(*refused));
}

Error Admissions::refuse(Refused refused) {
  refused_[static_cast<size_t>(refused.cause)].fetch_add(1, std::memory_order_relaxed);
  return Error::overloaded("the cache's memory is taken; try again soon", refused.forecast);
}

Result<void> Admissions::look_ahead(std::span<const std::string> buckets, uint64_t bytes,
                                    std::chrono::nanoseconds patience) {
  if (waiting_count_ == 0 || buckets.empty()) return Result<void>();
  auto least = std::chrono::nanoseconds::max();
  {
    const MutexLock lock(mutex_);
    for (const std::string& name : buckets) {
      const auto found = buckets_.find(name);
      if (found == buckets_.end()) return Result<void>();
      const auto wait = too_long_wait(found->second, needed_for(bytes), patience);
      if (!wait) return Result<void>();
      least = std::min(least, *wait);
    }
  }
  return std::unexpected(refuse(Refused(Refusal::kForecast, least)));
}

/// The forecast of the wait, if that is longer than allowed.
std::optional<std::chrono::nanoseconds> Admissions::too_long_wait(
    Bucket& bucket, uint64_t needed, std::chrono::nanoseconds patience) {
  bucket.rate.advance(clock_.mono(), !bucket.waiting.empty());
  if (!config_.forecasts || bucket.waiting.empty()) return std::nullopt;
  const auto most = forecast_allowed(std::min<std::chrono::nanoseconds>(config_.timeout, patience));
  const auto work = static_cast<double>(bucket.waiting_bytes + needed);
  const auto wait = bucket.rate.forecast(work, static_cast<double>(limit_()));
  return wait && *wait > most ? wait : std::nullopt;
}

/// Nothing: the request waits.
std::optional<Admissions::Refused> Admissions::enqueue(Waiting& waiting, std::string_view name,
                                                       std::chrono::nanoseconds patience) {
  const MutexLock lock(mutex_);
  const Refused too_many(Refusal::kTooMany);
  if (waiting_count_ >= config_.waiting_max || waiting.needed > limit_()) return too_many;
  Bucket& bucket = bucket_of(name);
  if (bucket.waiting_count >= config_.waiting_per_bucket_max) return too_many;
  if (const auto wait = too_long_wait(bucket, waiting.needed, patience)) {
    return Refused(Refusal::kForecast, *wait);
  }
  waiting.bucket = &bucket;
  waiting.number = next_number_++;
  leave_line(bucket);
  bucket.waiting.push_back(waiting);
  waiting.queued = true;
  join_line(bucket);
  ++bucket.waiting_count;
  bucket.waiting_bytes += waiting.needed;
  ++waiting_count_;
  return std::nullopt;
}

/// Takes the request out of its queue. False: it was admitted meanwhile.
bool Admissions::withdraw(Waiting& waiting) {
  {
    const MutexLock lock(mutex_);
    if (!waiting.queued) return false;
    waiting.queued = false;
    Bucket& bucket = *waiting.bucket;
    bucket.rate.advance(clock_.mono(), true);
    leave_line(bucket);
    bucket.waiting.erase(bucket.waiting.iterator_to(waiting));
    join_line(bucket);
    --bucket.waiting_count;
    bucket.waiting_bytes -= waiting.needed;
    --waiting_count_;
    forget_if_idle(bucket);
  }
  let_in();  // a smaller request behind it may fit
  return true;
}

void Admissions::give_back(Bucket& bucket, uint64_t bytes) {
  {
    const MutexLock lock(mutex_);
    CHECK(bucket.admitted >= bytes && admitted_ >= bytes);
    leave_line(bucket);
    bucket.admitted -= bytes;
    admitted_ -= bytes;
    join_line(bucket);
    forget_if_idle(bucket);
  }
  let_in();
}

void Admissions::let_in() {
  while (let_some_in()) {
  }
}

/// Admits the next requests that fit. True: there may be more.
bool Admissions::let_some_in() {
  rt::WaiterList admitted;
  bool more = true;
  {
    const MutexLock lock(mutex_);
    const uint64_t limit = limit_();
    for (size_t i = 0; i < kLetInAtOnce && more; ++i) {
      more = !line_.empty();
      if (!more) break;
      Bucket& bucket = *line_.begin();
      auto& next = static_cast<Waiting&>(bucket.waiting.front());
      more = fits(bucket, next.needed, limit);
      if (!more) break;
      bucket.rate.advance(clock_.mono(), true);
      bucket.rate.served(static_cast<double>(next.needed));
      leave_line(bucket);
      bucket.waiting.pop_front();
      next.queued = false;  // it is in `admitted` now, which withdraw() must not touch
      bucket.admitted += next.needed;
      join_line(bucket);
      --bucket.waiting_count;
      bucket.waiting_bytes -= next.needed;
      --waiting_count_;
      admitted_ += next.needed;
      admitted.push_back(next);
    }
  }
  rt::notify_all(admitted);
  return more;
}

uint64_t Admissions::admitted_bytes() const {
  const MutexLock lock(mutex_);
  return admitted_;
}

size_t Admissions::buckets() const {
  const MutexLock lock(mutex_);
  return buckets_.size();
}

}  // namespace cachey::store
