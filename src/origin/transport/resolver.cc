#include "origin/transport/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "rt/queued_waiter.h"

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

std::shared_ptr<Resolver::Name> Resolver::name_of(const std::string& host) {
  const auto found = names_.find(host);
  if (found != names_.end()) return found->second;
  if (names_.size() >= limits_.look_ups_kept_max) names_.clear();  // running look-ups keep theirs
  return names_.emplace(host, std::make_shared<Name>()).first->second;
}

rt::Task<Result<Resolver::Addresses>> Resolver::resolve(std::string host, MonoTime since,
                                                        MonoTime deadline, std::stop_token stop) {
  boost::system::error_code not_literal;
  const ip::address literal = ip::make_address(host, not_literal);
  if (!not_literal) co_return Addresses(1, literal);

  const std::shared_ptr<Name> name = name_of(host);
  const bool valid = name->answer.has_value() && worker_.timers().now() < name->valid_until &&
                     name->looked_up_at >= since;
  if (!valid) {
    if (!name->look_up_running) {
      name->look_up_running = true;
      name->looked_up_at = worker_.timers().now();
      worker_.tasks().spawn(look_up_name(shared_from_this(), name, std::move(host)));
    }
    if (name->look_up_running) {  // the task may have ended within spawn()
      const bool answered = co_await wait(name, deadline, stop);
      if (!answered && stop.stop_requested())
        co_return fail(ErrorKind::kCancelled, "nobody waits for the look-up");
      if (!answered)
        co_return fail(ErrorKind::kTimeout, "the look-up of the origin's host name timed out");
    }
  }
  if (!name->answer) co_return std::unexpected(name->answer.error());
  const MonoTime now = worker_.timers().now();
  std::erase_if(name->avoided, [now](const Avoided& avoided) { return avoided.until <= now; });
  const Addresses usable = without_avoided(*name);
  co_return in_turn(usable.empty() ? *name->answer : usable, name->turn++);
}

Resolver::Addresses Resolver::without_avoided(const Name& name) {
  Addresses usable = *name.answer;
  std::erase_if(usable, [&name](const ip::address& address) {
    return std::ranges::find(name.avoided, address, &Avoided::address) != name.avoided.end();
  });
  return usable;
}

void Resolver::avoid(const std::string& host, const Addresses& addresses) {
  const auto found = names_.find(host);
  if (addresses.empty() || found == names_.end() || !found->second->answer) return;
  Name& name = *found->second;
  const MonoTime now = worker_.timers().now();
  for (const ip::address& address : addresses) {
    std::erase_if(name.avoided, [&](const Avoided& avoided) { return avoided.address == address; });
    name.avoided.push_back(Avoided(address, now + limits_.look_up_valid));
  }
  while (name.avoided.size() > kAddressesMax) name.avoided.pop_front();
  if (without_avoided(name).empty()) name.valid_until = now;
}

rt::Task<bool> Resolver::wait(std::shared_ptr<Name> name, MonoTime deadline, std::stop_token stop) {
  rt::QueuedWaiter waiter(worker_.executor(), name->waiting);
  waiter.enqueue();
  co_return co_await waiter.wait_in_list(worker_.timers(), deadline, std::move(stop));
}

rt::Task<void> Resolver::look_up_name(std::shared_ptr<Resolver> self, std::shared_ptr<Name> name,
                                      std::string host) {
  auto work = [&self, &host]() -> Result<Addresses> { return self->look_up_(host); };
  Result<Addresses> answer = co_await pool_.run(work);
  if (answer && answer->empty())
    answer =
        fail(ErrorKind::kUpstream, "the origin's host name has no address", ErrorCause::kNoAddress);
  const MonoTime now = worker_.timers().now();
  const bool old_is_good = name->answer && now < name->valid_until;
  if (answer || !old_is_good) {
    name->answer = std::move(answer);
    name->valid_until = now + limits_.look_up_valid;
  }
  name->look_up_running = false;
  rt::notify_all(name->waiting);
}

}  // namespace cachey::origin
