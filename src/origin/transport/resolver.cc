#include "origin/transport/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/log.h"

namespace cachey::origin {
namespace {

namespace ip = boost::asio::ip;

constexpr size_t kAddressesMax = 16;

std::optional<ip::address> address_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return ip::make_address_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), v6.sin6_addr.s6_addr, bytes.size());
    return ip::make_address_v6(bytes, v6.sin6_scope_id);
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<ip::address>> system_look_up(const std::string& host) {
  std::vector<ip::address> addresses;
  if (host.ends_with(".localhost")) {
    addresses = {ip::address_v4::loopback(), ip::address_v6::loopback()};
    return addresses;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    return fail(ErrorKind::kUpstream,
                fmt::format("cannot look up {}: {}", log::quoted(host), ::gai_strerror(error)),
                ErrorCause::kUnknownHost);
  }
  for (const addrinfo* entry = list; entry != nullptr && addresses.size() < kAddressesMax;
       entry = entry->ai_next) {
    if (const std::optional<ip::address> address = address_of(entry->ai_addr))
      addresses.push_back(*address);
  }
  ::freeaddrinfo(list);
  if (addresses.empty()) {
    return fail(ErrorKind::kUpstream, fmt::format("{} has no address", log::quoted(host)),
                ErrorCause::kNoAddress);
  }
  return addresses;
}

std::vector<ip::address> in_turn(const std::vector<ip::address>& addresses, size_t turn) {
  const bool v4_first = !addresses.empty() && addresses.front().is_v4();
  std::array<std::vector<ip::address>, 2> families;
  for (const ip::address& address : addresses)
    families[address.is_v4() == v4_first ? 0 : 1].push_back(address);
  for (std::vector<ip::address>& family : families) {
    if (family.empty()) continue;
    const auto first = static_cast<std::ptrdiff_t>(turn % family.size());
    std::ranges::rotate(family, family.begin() + first);
  }
  std::vector<ip::address> ordered;
  for (size_t i = 0; ordered.size() < addresses.size(); ++i) {
    for (const std::vector<ip::address>& family : families) {
      if (i < family.size()) ordered.push_back(family[i]);
    }
  }
  return ordered;
}

/// A caller's place in its look-up's list. Lives in the caller's frame.
class Resolver::Caller : public rt::Waiter {
 public:
  Caller(Resolver& resolver, const rt::Executor& executor)
      : rt::Waiter(executor), resolver_(resolver) {}
  ~Caller() { static_cast<void>(resolver_.leave(*this)); }  // the frame may end while it waits

  JobPtr job;            // null: none joined yet
  bool waiting = false;  // in the job's list; mutex_ guards it

 private:
  Resolver& resolver_;
};

rt::Task<Result<Resolver::Addresses>> Resolver::resolve(rt::Worker& worker, std::string host,
                                                        MonoTime since, MonoTime deadline,
                                                        std::stop_token stop) {
  boost::system::error_code not_literal;
  const ip::address literal = ip::make_address(host, not_literal);
  if (!not_literal) co_return Addresses(1, literal);

  const std::shared_ptr<Resolver> self = shared_from_this();
  Caller caller(*this, worker.executor());
  {
    const MutexLock lock(mutex_);
    if (std::optional<Addresses> known = remembered(host, since)) co_return std::move(*known);
    const Result<void> joined = join(host, caller);
    if (!joined) co_return std::unexpected(joined.error());
  }
  bool stopped = false;
  const std::stop_callback on_stop(std::move(stop), [this, &caller, &stopped] {
    stopped = leave(caller);
    if (stopped) caller.notify();
  });
  std::move_only_function<bool()> give_up = [this, &caller] { return leave(caller); };
  const bool in_time = co_await caller.wait_until(worker.timers(), deadline, std::move(give_up));
  if (stopped) co_return fail(ErrorKind::kCancelled, "nobody waits for the look-up");
  if (!in_time) {
    co_return fail(ErrorKind::kTimeout, "the look-up of the origin's host name timed out",
                   ErrorCause::kUnknownHost);
  }
  const MutexLock lock(mutex_);
  if (std::optional<Addresses> known = remembered(host, MonoTime())) co_return std::move(*known);
  co_return *caller.job->answer;
}

/// The host's addresses, if they were looked up after `since` and are valid.
std::optional<Resolver::Addresses> Resolver::remembered(const std::string& host, MonoTime since) {
  Name* const name = names_.find(host);
  const MonoTime now = clock_.mono();
  if (name == nullptr || name->valid_until <= now || name->looked_up_at < since)
    return std::nullopt;
  std::erase_if(name->avoided, [now](const Avoided& avoided) { return avoided.until <= now; });
  const Addresses usable = without_avoided(*name);
  return in_turn(usable.empty() ? name->addresses : usable, name->turn++);
}

/// The look-up of `host`, which may be new. Null: too many unproven names wait.
Resolver::JobPtr Resolver::find_or_queue(const std::string& host) {
  const auto found = jobs_.find(host);
  if (found != jobs_.end()) return found->second;
  const bool unproven = host != own_host_ && !names_.contains(host);
  if (unproven && unproven_queue_.size() >= kUnprovenQueuedMax) return nullptr;
  const auto job = std::make_shared<Job>(host, unproven);
  (unproven ? unproven_queue_ : proven_queue_).push_back(*job);
  jobs_.emplace(host, job);
  return job;
}

Result<void> Resolver::join(const std::string& host, Caller& caller) {
  caller.job = find_or_queue(host);
  if (caller.job == nullptr)
    return fail(ErrorKind::kOverloaded, "too many host names are being looked up");
  caller.job->waiting.push_back(caller);
  caller.waiting = true;
  begin_next();
  return {};
}

/// Takes the caller off its look-up's list. A queued look-up without callers ends. False: the
/// caller was notified meanwhile, or has not joined.
bool Resolver::leave(Caller& caller) {
  const MutexLock lock(mutex_);
  if (!std::exchange(caller.waiting, false)) return false;
  Job& job = *caller.job;
  job.waiting.erase(job.waiting.iterator_to(caller));
  if (job.waiting.empty() && job.is_linked()) {
    Queue& queue = job.unproven ? unproven_queue_ : proven_queue_;
    queue.erase(queue.iterator_to(job));
    jobs_.erase(job.host);
  }
  return true;
}

/// Begins queued look-ups as long as threads are free for them.
void Resolver::begin_next() {
  while (running_ < kAtOnce) {
    const bool unproven = proven_queue_.empty();
    Queue& queue = unproven ? unproven_queue_ : proven_queue_;
    if (queue.empty() || (unproven && unproven_running_ >= kUnprovenAtOnce)) return;
    Job& job = queue.front();
    queue.pop_front();
    ++running_;
    if (unproven) ++unproven_running_;
    job.begun = clock_.mono();
    pool_.post([self = shared_from_this(), job = jobs_.at(job.host)] { self->run(job); });
  }
}

/// On a thread of the pool.
void Resolver::run(const JobPtr& job) {
  Result<Addresses> answer = look_up_(job->host);
  if (answer && answer->empty())
    answer =
        fail(ErrorKind::kUpstream, "the origin's host name has no address", ErrorCause::kNoAddress);
  rt::WaiterList waiting;
  {
    const MutexLock lock(mutex_);
    if (answer) learn(job->host, *answer, job->begun);
    job->answer = std::move(answer);
    jobs_.erase(job->host);
    waiting.swap(job->waiting);
    for (rt::Waiter& waiter : waiting) static_cast<Caller&>(waiter).waiting = false;
    --running_;
    if (job->unproven) --unproven_running_;
    begin_next();
  }
  rt::notify_all(waiting);
}

void Resolver::learn(const std::string& host, Addresses addresses, MonoTime begun) {
  Name* const name = names_.find_or_add(host);
  if (name == nullptr) return;
  name->addresses = std::move(addresses);
  name->looked_up_at = begun;
  name->valid_until = clock_.mono() + limits_.look_up_valid;
}

Resolver::Addresses Resolver::without_avoided(const Name& name) {
  Addresses usable = name.addresses;
  std::erase_if(usable, [&name](const ip::address& address) {
    return std::ranges::find(name.avoided, address, &Avoided::address) != name.avoided.end();
  });
  return usable;
}

void Resolver::avoid(const std::string& host, const Addresses& addresses) {
  if (addresses.empty()) return;
  const MutexLock lock(mutex_);
  Name* const name = names_.find(host);
  if (name == nullptr) return;
  const MonoTime now = clock_.mono();
  for (const ip::address& address : addresses) {
    std::erase_if(name->avoided,
                  [&](const Avoided& avoided) { return avoided.address == address; });
    name->avoided.push_back(Avoided(address, now + limits_.look_up_valid));
  }
  while (name->avoided.size() > kAddressesMax) name->avoided.pop_front();
  if (without_avoided(*name).empty()) name->valid_until = now;
}

size_t Resolver::look_ups() const {
  const MutexLock lock(mutex_);
  return jobs_.size();
}

}  // namespace cachey::origin
