#include "api/client_limiter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/io_vector.h"
#include "rt/wakeup.h"

namespace cachey::api {
namespace {

Counter refusals_by(Metrics& metrics, const char* limit) {
  return metrics.counter("cachey_client_limited_total",
                         "Requests and connections that a limit of their client refused",
                         {{"limit", limit}});
}

bool has_limit(const ClientLimits& limits) {
  return limits.misses.value_or(0) != 0 || limits.bandwidth.value_or(0) != 0;
}

}  // namespace

ClientLimiter::ClientLimiter(ClientLimits defaults, const Clock& clock, Metrics& metrics)
    : defaults_(defaults),
      clock_(clock),
      limited_misses_(refusals_by(metrics, "misses")),
      limited_bandwidth_(refusals_by(metrics, "bandwidth")),
      enabled_(has_limit(defaults)) {}

void ClientLimiter::replace_token_limits(std::map<std::string, ClientLimits, std::less<>> limits) {
  bool any = has_limit(defaults_);
  for (const auto& [client, its] : limits) any = any || has_limit(its);
  const MutexLock lock(mutex_);
  of_tokens_ = std::move(limits);
  enabled_.store(any, std::memory_order_relaxed);
}

ClientLimits ClientLimiter::limits_of(std::string_view client) const {
  const auto own = of_tokens_.find(client);
  ClientLimits limits = defaults_;
  if (own == of_tokens_.end()) return limits;
  if (own->second.misses) limits.misses = own->second.misses;
  if (own->second.bandwidth) limits.bandwidth = own->second.bandwidth;
  return limits;
}

/// The bucket of the client as of now; a client that is not known has a full one.
ClientLimiter::Level& ClientLimiter::level_of(std::string_view client, double bandwidth) {
  constexpr auto kSavedSeconds = std::chrono::duration<double>(kSavedTime).count();
  const MonoTime now = clock_.mono();
  const double full = bandwidth * kSavedSeconds;
  Level* const level = levels_.find_or_add(client, Level{full, now});
  CHECK(level != nullptr);
  const double passed = std::chrono::duration<double>(now - level->at).count();
  level->bytes = std::min(full, level->bytes + passed * bandwidth);
  level->at = now;
  return *level;
}

/// How long the client must wait; 0: not at all.
std::chrono::nanoseconds ClientLimiter::overdrawn(std::string_view client, double bandwidth) {
  const Level& level = level_of(client, bandwidth);
  if (level.bytes >= 0) return std::chrono::nanoseconds(0);
  return std::chrono::ceil<std::chrono::nanoseconds>(
      std::chrono::duration<double>(-level.bytes / bandwidth));
}

bool ClientLimiter::take_place(std::string_view client, size_t most) {
  const auto found = places_.find(client);
  if (found != places_.end()) {
    if (found->second >= most) return false;
    ++found->second;
    return true;
  }
  places_.emplace(client, 1);
  return true;
}

void ClientLimiter::leave(std::string_view client) {
  const MutexLock lock(mutex_);
  const auto found = places_.find(client);
  CHECK(found != places_.end());
  if (--found->second == 0) places_.erase(found);
}

void ClientLimiter::charge(std::string_view client, uint64_t bytes) {
  const MutexLock lock(mutex_);
  const uint64_t bandwidth = limits_of(client).bandwidth.value_or(0);
  if (bandwidth == 0) return;
  level_of(client, static_cast<double>(bandwidth)).bytes -= static_cast<double>(bytes);
}

size_t ClientLimiter::known() const {
  const MutexLock lock(mutex_);
  return places_.size() + levels_.size();
}

ClientLimiter::Visit::Visit(ClientLimiter& limiter, std::string client)
    : limiter_(limiter), client_(std::move(client)) {
  const MutexLock lock(limiter_.mutex_);
  const ClientLimits limits = limiter_.limits_of(client_);
  const uint64_t bandwidth = limits.bandwidth.value_or(0);
  pays_ = bandwidth != 0;
  if (pays_) wait_ = limiter_.overdrawn(client_, static_cast<double>(bandwidth));
  if (wait_.count() != 0) {
    limiter_.count(limiter_.limited_bandwidth_);
    return;
  }
  const uint32_t misses = limits.misses.value_or(0);
  if (misses == 0) return;
  has_place_ = limiter_.take_place(client_, misses);
  may_miss_ = has_place_;
}

ClientLimiter::Visit::~Visit() {
  if (has_place_) limiter_.leave(client_);
  if (uncharged_ != 0) limiter_.charge(client_, uncharged_);
}

std::optional<Error> ClientLimiter::Visit::refusal() const {
  if (wait_.count() == 0) return std::nullopt;
  return Error::limited("this client has had its bandwidth; try again later", wait_);
}

void ClientLimiter::Visit::is_hit() {
  if (std::exchange(has_place_, false)) limiter_.leave(client_);
}

std::chrono::nanoseconds ClientLimiter::Visit::pause() {
  if (!pays_) return std::chrono::nanoseconds(0);
  const MutexLock lock(limiter_.mutex_);
  const uint64_t bandwidth = limiter_.limits_of(client_).bandwidth.value_or(0);
  if (bandwidth == 0) return std::chrono::nanoseconds(0);
  return limiter_.overdrawn(client_, static_cast<double>(bandwidth));
}

void ClientLimiter::Visit::sent(uint64_t bytes) {
  if (!pays_) return;
  uncharged_ += bytes;
  if (uncharged_ >= kChargedAtOnce) limiter_.charge(client_, std::exchange(uncharged_, 0));
}

void VisitWriter::start(const net::ResponseHead& head) {
  if (head.cache_status() == net::CacheStatus::kHit && !head.rest_may_miss()) visit_.is_hit();
  if (head.error() == to_string(ErrorKind::kLimited)) visit_.missed();
  writer_.start(head);
}

size_t VisitWriter::offer(std::span<const iovec> body) {
  if (head_only_ || !visit_.pays()) return writer_.offer(body);
  const size_t offered = total_bytes(body);
  size_t taken = 0;
  while (taken < offered && visit_.pause().count() == 0) {
    std::array<iovec, kOfferPartsMax> parts;
    const std::span<iovec> slice = slice_parts(body, taken, kOfferBytesMax, parts);
    const size_t bytes = writer_.offer(slice);
    visit_.sent(bytes);
    taken += bytes;
    if (bytes < total_bytes(slice)) break;
  }
  return taken;
}

rt::Task<bool> VisitWriter::writable() {
  std::chrono::nanoseconds wait = visit_.pause();
  while (wait.count() > 0) {
    wait = std::min<std::chrono::nanoseconds>(wait, kPauseMax);
    if (!co_await rt::sleep(worker_, wait, writer_.client_left())) co_return false;
    wait = visit_.pause();
  }
  co_return co_await writer_.writable();
}

}  // namespace cachey::api
