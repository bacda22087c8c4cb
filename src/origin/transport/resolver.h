#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/units.h"
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

/// Host names and their addresses. Concurrent callers for a name share one look-up. Each answer
/// begins with the next address, so that connections spread, and alternates between IPv6 and IPv4.
///
/// Clients choose names: with virtual-host addressing each bucket is a host. So only names that
/// have addresses are remembered, the ones used last. A name without a remembered address is
/// unproven. Look-ups of unproven names begin after those of the others, take at most
/// kUnprovenAtOnce of the kAtOnce threads, and wait in a queue of kUnprovenQueuedMax. A look-up
/// that nobody waits for any more leaves the queue; one that has begun goes on.
///
/// Shared by the pools of all workers and by the running look-ups. Any thread.
class Resolver : public std::enable_shared_from_this<Resolver> {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;

  static constexpr size_t kAtOnce = 6;  ///< of the blocking pool's threads
  static constexpr size_t kUnprovenAtOnce = 4;
  static constexpr size_t kUnprovenQueuedMax = 512;
  static constexpr AgedMapLimits kNamesKept{.entries = 1024, .key_bytes = 128 * kKiB};

  /// `own_host`: the configured store's, which is never unproven; may be empty. `clock` and `pool`
  /// outlive the look-ups.
  Resolver(rt::BlockingPool& pool, LookUp look_up, const PoolLimits& limits, const Clock& clock,
           std::string own_host = {})
      : pool_(pool),
        look_up_(std::move(look_up)),
        limits_(limits),
        clock_(clock),
        own_host_(std::move(own_host)) {}

  /// The addresses, in the order in which to try them. An answer older than `since` is looked up
  /// again; if that fails, the old answer is used until its TTL. `worker`: the calling thread's
  /// own. kTimeout past `deadline`, kCancelled when `stop` is requested, kUpstream if the name has
  /// no address, kOverloaded if too many unproven names wait.
  [[nodiscard]] rt::Task<Result<Addresses>> resolve(rt::Worker& worker, std::string host,
                                                    MonoTime since, MonoTime deadline,
                                                    std::stop_token stop = {}) EXCLUDES(mutex_);

  /// `addresses` did not answer. Answers leave them out for PoolLimits::look_up_valid. If no other
  /// address is left, answers keep them, and the next resolve() looks the name up again.
  void avoid(const std::string& host, const Addresses& addresses) EXCLUDES(mutex_);

  /// Look-ups that wait or run.
  [[nodiscard]] size_t look_ups() const EXCLUDES(mutex_);

 private:
  struct Avoided {
    boost::asio::ip::address address;
    MonoTime until;
  };

  struct Name {
    Addresses addresses;
    MonoTime looked_up_at;
    MonoTime valid_until;
    std::deque<Avoided> avoided;  // in order of time
    size_t turn = 0;
  };

  /// One look-up: in a queue, or running. mutex_ guards all fields but the constant ones.
  struct Job : boost::intrusive::list_base_hook<> {
    Job(std::string its_host, bool is_unproven)
        : host(std::move(its_host)), unproven(is_unproven) {}
    const std::string host;
    const bool unproven;
    MonoTime begun;
    rt::WaiterList waiting;
    std::optional<Result<Addresses>> answer;  // once the look-up has ended
  };
  class Caller;
  using JobPtr = std::shared_ptr<Job>;
  using Queue = boost::intrusive::list<Job>;

  [[nodiscard]] std::optional<Addresses> remembered(const std::string& host, MonoTime since)
      REQUIRES(mutex_);
  [[nodiscard]] JobPtr find_or_queue(const std::string& host) REQUIRES(mutex_);
  [[nodiscard]] Result<void> join(const std::string& host, Caller& caller) REQUIRES(mutex_);
  [[nodiscard]] bool leave(Caller& caller) EXCLUDES(mutex_);
  void begin_next() REQUIRES(mutex_);
  void run(const JobPtr& job) EXCLUDES(mutex_);
  void learn(const std::string& host, Addresses addresses, MonoTime begun) REQUIRES(mutex_);
  [[nodiscard]] static Addresses without_avoided(const Name& name);

  rt::BlockingPool& pool_;
  const LookUp look_up_;
  const PoolLimits limits_;
  const Clock& clock_;
  const std::string own_host_;
  mutable Mutex mutex_;
  AgedMap<Name> names_ GUARDED_BY(mutex_){kNamesKept};
  std::map<std::string, JobPtr, std::less<>> jobs_ GUARDED_BY(mutex_);
  Queue proven_queue_ GUARDED_BY(mutex_);
  Queue unproven_queue_ GUARDED_BY(mutex_);
  size_t running_ GUARDED_BY(mutex_) = 0;
  size_t unproven_running_ GUARDED_BY(mutex_) = 0;
};

/// Alternates between the address families, beginning with the family of the first address (RFC
/// 8305, 4). Each family is rotated to begin with its address number `turn`.
[[nodiscard]] std::vector<boost::asio::ip::address> in_turn(
    const std::vector<boost::asio::ip::address>& addresses, size_t turn);

}  // namespace cachey::origin
