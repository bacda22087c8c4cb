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

/// The addresses of a host name. Blocks; called on the blocking pool.
using LookUp =
    std::function<Result<std::vector<boost::asio::ip::address>>(const std::string& host)>;

/// Asks the system (getaddrinfo). `*.localhost` is loopback without asking.
[[nodiscard]] Result<std::vector<boost::asio::ip::address>> system_look_up(const std::string& host);

/// A worker's host names and their addresses. Callers that ask for a name at the same time share
/// one look-up; a caller whose time is up leaves it, and it goes on for the others. Each answer
/// begins with another address, so that connections spread, and takes turns between IPv6 and IPv4.
/// Shared by the pool and its look-ups; one worker's thread.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  Resolver(rt::Worker& worker, rt::BlockingPool& pool, LookUp look_up, const PoolLimits& limits)
      : worker_(worker), pool_(pool), look_up_(std::move(look_up)), limits_(limits) {}

  /// In the order in which to try them. What was looked up before `since` is looked up anew; where
  /// that fails, what is known serves on for its time. kTimeout past `deadline`, kCancelled when
  /// `stop` is requested; kUpstream where the name has no address.
  [[nodiscard]] rt::Task<Result<Addresses>> resolve(std::string host, MonoTime since,
                                                    MonoTime deadline, std::stop_token stop = {});

  /// These did not answer: for as long as a look-up counts they are left out, unless no other is
  /// left; then the name is looked up anew with the next resolve().
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
    std::deque<Avoided> avoided;  // the latest last
    size_t turn = 0;
    rt::WaiterList waiting;
  };

  [[nodiscard]] rt::Task<void> look_up_name(std::shared_ptr<Resolver> self,
                                            std::shared_ptr<Name> name, std::string host);
  [[nodiscard]] rt::Task<bool> wait(std::shared_ptr<Name> name, MonoTime deadline,
                                    std::stop_token stop);
  [[nodiscard]] std::shared_ptr<Name> name_of(const std::string& host);
  /// REQUIRES: it has an answer.
  [[nodiscard]] static Addresses without_avoided(const Name& name);

  rt::Worker& worker_;
  rt::BlockingPool& pool_;
  const LookUp look_up_;
  const PoolLimits limits_;
  std::unordered_map<std::string, std::shared_ptr<Name>> names_;
};

/// `addresses` from the one whose turn it is in each family, the families in turn, that of the
/// first of all first (RFC 8305, 4).
[[nodiscard]] std::vector<boost::asio::ip::address> in_turn(
    const std::vector<boost::asio::ip::address>& addresses, size_t turn);

}  // namespace cachey::origin
