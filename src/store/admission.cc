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
  Client* client = nullptr;  // null: not enqueued
  bool queued = false;       // in the client's queue
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
      client_(other.client_),
      bytes_(other.bytes_) {}

Admissions::Admission::~Admission() {
  if (admissions_ != nullptr) admissions_->give_back(*client_, bytes_);
}

void Admissions::Admission::shrink_to(uint64_t bytes) {
  CHECK(bytes > 0 && bytes <= bytes_);
  const uint64_t excess = bytes_ - bytes;
  bytes_ = bytes;
  if (excess != 0) admissions_->give_back(*client_, excess);
}

Admissions::Client& Admissions::client_of(Account account) {
  auto bucket = buckets_.find(account.bucket);
  if (bucket == buckets_.end()) {
    bucket = buckets_.try_emplace(std::string(account.bucket)).first;
    bucket->second.self = bucket;
  }
  Clients& clients = bucket->second.clients;
  auto client = clients.find(account.client);
  if (client == clients.end()) {
    client = clients.try_emplace(std::string(account.client)).first;
    client->second.self = client;
    client->second.bucket = &bucket->second;
  }
  return client->second;
}

void Admissions::forget_if_idle(Client& client) {
  if (client.admitted != 0 || !client.waiting.empty()) return;
  Bucket& bucket = *client.bucket;
  bucket.clients.erase(client.self);
  if (bucket.clients.empty()) buckets_.erase(bucket.self);
}

/// Call before the place of the client or its bucket changes, and join_line() after that.
void Admissions::leave_line(Client& client) {
  Bucket& bucket = *client.bucket;
  if (client.is_linked()) bucket.line.erase(bucket.line.iterator_to(client));
  if (bucket.is_linked()) line_.erase(line_.iterator_to(bucket));
}

void Admissions::join_line(Client& client) {
  Bucket& bucket = *client.bucket;
  if (!client.waiting.empty()) {
    client.first_number = static_cast<Waiting&>(client.waiting.front()).number;
    bucket.line.insert(client);
  }
  if (bucket.line.empty()) return;
  bucket.first_number = bucket.line.begin()->first_number;
  line_.insert(bucket);
}

bool Admissions::fits(const Client& client, uint64_t needed, uint64_t limit) const {
  const Bucket& bucket = *client.bucket;
  const uint64_t idle = limit - std::min(limit, admitted_);
  if (needed > idle || bucket.admitted + needed > kShare * idle) return false;
  if (client.self->first.empty()) return true;
  const uint64_t left = std::min(idle, kShare * idle - bucket.admitted);  // of the bucket's share
  return client.admitted + needed <= kShare * left;
}

/// Admits the bytes if they fit under `limit`. REQUIRES: no request of the client waits.
std::optional<Admission> Admissions::take(Client& client, uint64_t needed, uint64_t limit) {
  if (!fits(client, needed, limit)) {
    forget_if_idle(client);
    return std::nullopt;
  }
  client.admitted += needed;
  client.bucket->admitted += needed;
  admitted_ += needed;
  return Admission(*this, client, needed);
}

std::optional<Admission> Admissions::try_admit(Account account, uint64_t bytes) {
  const MutexLock lock(mutex_);
  Client& client = client_of(account);
  const Bucket& bucket = *client.bucket;
  const bool is_next = line_.empty() || bucket.admitted < line_.begin()->admitted;
  if (is_next && bucket.line.empty()) return take(client, needed_for(bytes), limit_());
  forget_if_idle(client);
  return std::nullopt;
}

std::optional<Admission> Admissions::try_admit_speculation(Account account, uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!line_.empty()) return std::nullopt;
  const uint64_t limit = limit_();
  return take(client_of(account), needed_for(bytes), limit - limit / kDemandShare);
}

rt::Task<Result<Admission>> Admissions::admit(rt::Worker& worker, std::string bucket,
                                              uint64_t bytes, std::chrono::nanoseconds patience,
                                              std::string client) {
  const Account account(bucket, client);
  if (auto admission = try_admit(account, bytes)) co_return std::move(*admission);
  Waiting waiting(worker.executor(), needed_for(bytes));
  std::optional<Refused> refused = enqueue(waiting, account, patience);
  if (!refused) {
    let_in();  // bytes may have been given back before enqueue()
    const MonoTime began = clock_.mono();
    const MonoTime deadline = began + config_.timeout;
    std::move_only_function<bool()> leave = [this, &waiting] { return withdraw(waiting); };
    const bool admitted = co_await waiting.wait_until(worker.timers(), deadline, std::move(leave));
    if (config_.waits) config_.waits.observe(clock_.mono() - began);
    if (admitted) co_return Admission(*this, *waiting.client, waiting.needed);
    refused = Refused(Refusal::kTimeout);
  }
  co_return std::unexpected(refuse(*refused));
}

Error Admissions::refuse(Refused refused) {
  refused_[static_cast<size_t>(refused.cause)].fetch_add(1, std::memory_order_relaxed);
  return Error::overloaded("the cache's memory is taken; try again soon", refused.forecast);
}

Result<void> Admissions::look_ahead(std::span<const std::string> buckets, uint64_t bytes,
                                    std::chrono::nanoseconds patience, std::string_view client) {
  if (waiting_count_ == 0 || buckets.empty()) return Result<void>();
  auto least = std::chrono::nanoseconds::max();
  {
    const MutexLock lock(mutex_);
    for (const std::string& name : buckets) {
      const auto bucket = buckets_.find(name);
      if (bucket == buckets_.end()) return Result<void>();
      const auto found = bucket->second.clients.find(client);
      if (found == bucket->second.clients.end()) return Result<void>();
      const auto wait = too_long_wait(found->second, needed_for(bytes), patience);
      if (!wait) return Result<void>();
      least = std::min(least, *wait);
    }
  }
  return std::unexpected(refuse(Refused(Refusal::kForecast, least)));
}

/// The forecast of the wait, if that is longer than allowed.
std::optional<std::chrono::nanoseconds> Admissions::too_long_wait(
    Client& client, uint64_t needed, std::chrono::nanoseconds patience) {
  Bucket& bucket = *client.bucket;
  bucket.rate.advance(clock_.mono(), !bucket.line.empty());
  if (!config_.forecasts || client.waiting.empty()) return std::nullopt;
  const auto most = forecast_allowed(std::min<std::chrono::nanoseconds>(config_.timeout, patience));
  const uint64_t turns = bucket.line.size() * client.waiting_bytes;
  const auto work = static_cast<double>(std::min(bucket.waiting_bytes, turns) + needed);
  const auto wait = bucket.rate.forecast(work, static_cast<double>(limit_()));
  return wait && *wait > most ? wait : std::nullopt;
}

/// Of the places in the bucket's queue a client has at most kShare times as many as are free.
bool Admissions::has_place(const Client& client) const {
  const size_t taken = client.bucket->waiting_count;
  const size_t most = config_.waiting_per_bucket_max;
  if (waiting_count_ >= config_.waiting_max || taken >= most) return false;
  return client.self->first.empty() || client.waiting_count < kShare * (most - taken);
}

void Admissions::count_waiting(Client& client, const Waiting& waiting, bool joins) {
  Bucket& bucket = *client.bucket;
  const uint64_t bytes = joins ? waiting.needed : -waiting.needed;
  const size_t requests = joins ? 1 : -size_t{1};
  client.waiting_count += requests;
  client.waiting_bytes += bytes;
  bucket.waiting_count += requests;
  bucket.waiting_bytes += bytes;
}

/// Nothing: the request waits.
std::optional<Admissions::Refused> Admissions::enqueue(Waiting& waiting, Account account,
                                                       std::chrono::nanoseconds patience) {
  const MutexLock lock(mutex_);
  if (waiting.needed > limit_()) return Refused(Refusal::kTooMany);
  Client& client = client_of(account);
  std::optional<Refused> refused;
  if (!has_place(client)) {
    refused = Refused(Refusal::kTooMany);
  } else if (const auto wait = too_long_wait(client, waiting.needed, patience)) {
    refused = Refused(Refusal::kForecast, *wait);
  }
  if (refused) {
    forget_if_idle(client);
    return refused;
  }
  waiting.client = &client;
  waiting.number = next_number_++;
  leave_line(client);
  client.waiting.push_back(waiting);
  waiting.queued = true;
  join_line(client);
  count_waiting(client, waiting, true);
  ++waiting_count_;
  return std::nullopt;
}

/// Takes the request out of its queue. False: it was admitted meanwhile.
bool Admissions::withdraw(Waiting& waiting) {
  {
    const MutexLock lock(mutex_);
    if (!waiting.queued) return false;
    waiting.queued = false;
    Client& client = *waiting.client;
    client.bucket->rate.advance(clock_.mono(), true);
    leave_line(client);
    client.waiting.erase(client.waiting.iterator_to(waiting));
    join_line(client);
    count_waiting(client, waiting, false);
    --waiting_count_;
    forget_if_idle(client);
  }
  let_in();  // a smaller request behind it may fit
  return true;
}

void Admissions::give_back(Client& client, uint64_t bytes) {
  {
    const MutexLock lock(mutex_);
    Bucket& bucket = *client.bucket;
    CHECK(client.admitted >= bytes && bucket.admitted >= bytes && admitted_ >= bytes);
    leave_line(client);
    client.admitted -= bytes;
    bucket.admitted -= bytes;
    admitted_ -= bytes;
    join_line(client);
    forget_if_idle(client);
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
      Client& client = *line_.begin()->line.begin();
      Bucket& bucket = *client.bucket;
      auto& next = static_cast<Waiting&>(client.waiting.front());
      more = fits(client, next.needed, limit);
      if (!more) break;
      bucket.rate.advance(clock_.mono(), true);
      bucket.rate.served(static_cast<double>(next.needed));
      leave_line(client);
      client.waiting.pop_front();
      next.queued = false;  // it is in `admitted` now, which withdraw() must not touch
      client.admitted += next.needed;
      bucket.admitted += next.needed;
      join_line(client);
      count_waiting(client, next, false);
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
