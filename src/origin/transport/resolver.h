#pragma once

#include <boost/asio/ip/address.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "origin/transport/pool_limits.h"
#include "rt/blocking_pool.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Looks up the addresses of a host name. Blocks; called on the blocking pool.
using LookUp =
    std::function<Result<std::vector<boost::asio::ip::address>>(const std::string& host)>;

/// Asks the system (getaddrinfo). `*.localhost` is loopback without a look-up.
[[nodiscard]] Result<std::vector<boost::asio::ip::address>> system_look_up(const std::string& host);

/// One worker's cache of host names and their addresses. Concurrent callers for a name share one
/// look-up, which goes on after a caller's timeout. Each answer begins with the next address, so
/// that connections spread, and alternates between IPv6 and IPv4. Shared by the pool and the
/// running look-ups. One worker's thread.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  Resolver(rt::Worker& worker, rt::BlockingPool& pool, LookUp look_up, const PoolLimits& limits)
      : worker_(worker), pool_(pool), look_up_(std::move(look_up)), limits_(limits) {}

  /// The addresses, in the order in which to try them. An answer older than `since` is looked up
  /// again; if that fails, the old answer is used until its TTL. kTimeout past `deadline`,
  /// kCancelled when `stop` is requested, kUpstream if the name has no address.
  [[nodiscard]] rt::Task<Result<Addresses>> resolve(std::string host, MonoTime since,
                                                    MonoTime deadline, std::stop_token stop = {});

  /// `addresses` did not answer. Answers leave them out for PoolLimits::look_up_valid. If no other
  /// address is left, answers keep them, and the next resolve() looks the name up again.
  void avoid(const std::string& host, const Addresses& addresses);

 private:
  struct Avoided {
    boost::asio::ip::address address;
    MonoTime until;
  };

  struct Name {
    bool look_up_running = false;
    Result<Addresses> answer;
    MonoTime looked_up_at;
    MonoTime valid_until;
    std::deque<Avoided> avoided;  // in order of time
    size_t turn = 0;
    rt::WaiterList waiting;
  };

  [[nodiscard]] rt::Task<void> look_up_name(std::shared_ptr<Resolver> self,
                                            std::shared_ptr<Name> name, std::string host);
  [[nodiscard]] rt::Task<bool> wait(std::shared_ptr<Name> name, MonoTime deadline,
                                    std::stop_token stop);
  [[nodiscard]] std::shared_ptr<Name> name_of(const std::string& host);
  /// REQUIRES: `name` has an answer.
  [[nodiscard]] static Addresses without_avoided(const Name& name);

  rt::Worker& worker_;
  rt::BlockingPool& pool_;
  const LookUp look_up_;
  const PoolLimits limits_;
  std::unordered_map<std::string, std::shared_ptr<Name>> names_;
};

/// Alternates between the address families, beginning with the family of the first address (RFC
/// 8305, 4). Each family is rotated to begin with its address number `turn`.
[[nodiscard]] std::vector<boost::asio::ip::address> in_turn(
    const std::vector<boost::asio::ip::address>& addresses, size_t turn);

}  // namespace cachey::origin
