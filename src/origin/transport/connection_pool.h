#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "origin/transport/connection.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/failure.h"
#include "origin/transport/pool_limits.h"
#include "origin/transport/proxy.h"
#include "origin/transport/resolver.h"
#include "origin/transport/tls.h"
#include "origin/transport/transport_counters.h"
#include "rt/waiter.h"

namespace cachey::origin {

/// The server that a connection leads to.
struct Server {
  bool tls = false;
  std::string host;
  uint16_t port = 0;

  friend auto operator<=>(const Server&, const Server&) = default;
};

[[nodiscard]] inline Server server_of(const EndpointUrl& url) {
  return {url.tls, url.host, url.port};
}

struct ConnectOptions {
  MonoTime deadline;                          ///< of acquire(), including the wait in the queue
  std::chrono::milliseconds connect_timeout;  ///< of a new connection: name, TCP, CONNECT, TLS
  bool fresh = false;                         ///< only a new connection will do
  bool has_memory = false;                    ///< of GetRequest: goes before those without
  MonoTime names_since{};  ///< a new connection repeats look-ups that are older than this
  /// Ends acquire(), and every operation on the connection until it is given back.
  std::stop_token stop{};
};

class ConnectionPool;

/// One worker's connections, by server. Hands out the connection that was used last, else opens a
/// new one; past the limits callers queue. Closes idle connections before the server does. Shared
/// by the origin and the leases, so a stream may outlive the origin. One worker's thread.
///
/// A caller without memory may hold its connection until others have read their bodies. So those
/// callers leave 1 / kMemoryShare of each limit to callers with memory, which also go first.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 private:
  struct Host;

 public:
  static constexpr size_t kMemoryShare = 8;

  /// The right to use a connection. The destructor closes a connection that was not given back.
  class Lease {
   public:
    enum class Use : uint8_t { kFirst, kAgain };

    Lease(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<Host> host,
          std::unique_ptr<Connection> connection, Use use, bool has_memory);
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() { drop(); }

    [[nodiscard]] Connection& connection() { return *connection_; }
    /// True until give_back() or drop().
    [[nodiscard]] bool holds() const { return connection_ != nullptr; }
    /// Whether the connection has carried a request before.
    [[nodiscard]] bool reused() const { return use_ == Use::kAgain; }

    /// Keeps the connection for another request, for at most `idle`. REQUIRES: the last answer was
    /// read to its end.
    void give_back(std::chrono::milliseconds idle);
    /// Closes the connection.
    void drop();

   private:
    std::shared_ptr<ConnectionPool> pool_;
    std::shared_ptr<Host> host_;
    std::unique_ptr<Connection> connection_;
    Use use_;
    bool has_memory_;
  };

  ConnectionPool(rt::Worker& worker, std::shared_ptr<Resolver> resolver,
                 std::shared_ptr<TlsContext> tls, const PoolLimits& limits,
                 std::shared_ptr<TransportCounters> counters,
                 std::shared_ptr<const ProxyRules> proxies = nullptr);

  /// An idle connection or a new one. Errors: kTimeout; kUpstream (no server, or a wrong
  /// certificate); kOverloaded (the queue is full, or no connection came free in time); kCancelled.
  [[nodiscard]] rt::Task<Attempt<Lease>> acquire(Server server, ConnectOptions options);

  /// The number of servers with connections or waiters.
  [[nodiscard]] size_t servers() const { return hosts_.size(); }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    MonoTime expires;
  };

  struct Queue {
    rt::WaiterList with_memory;
    rt::WaiterList without_memory;

    [[nodiscard]] rt::WaiterList& of(bool has_memory) {
      return has_memory ? with_memory : without_memory;
    }
    [[nodiscard]] bool empty() const { return with_memory.empty() && without_memory.empty(); }
  };
  struct Host {
    explicit Host(Server name) : server(std::move(name)) {}
    const Server server;
    size_t open = 0;            // slots taken: connections in use, being opened, or idle
    size_t without_memory = 0;  // leases of callers without memory
    std::deque<Idle> idle;      // the one used last is at the back
    Queue waiting;
  };

  /// A caller's place in its queue. A caller that was woken and found no slot goes to the front.
  enum class Place : uint8_t { kLast, kFirst };

  [[nodiscard]] std::shared_ptr<Host> host_of(const Server& server);
  [[nodiscard]] std::unique_ptr<Connection> take_idle(Host& host);
  [[nodiscard]] std::optional<Lease> try_lease(const std::shared_ptr<Host>& host,
                                               const ConnectOptions& options);
  [[nodiscard]] bool host_is_full(const Host& host, bool has_memory) const;
  [[nodiscard]] bool pool_is_full(bool has_memory) const;
  [[nodiscard]] bool take_slot(Host& host);
  void close_oldest_idle(Host& host);
  [[nodiscard]] bool close_any_idle();
  [[nodiscard]] rt::Task<Attempt<void>> open(Connection& connection, const Server& server,
                                             const ConnectOptions& options, MonoTime deadline);
  [[nodiscard]] rt::Task<Attempt<void>> wait(std::shared_ptr<Host> host,
                                             const ConnectOptions& options, Place place);
  void lease_ended(Host& host, bool has_memory);
  void keep(Host& host, std::unique_ptr<Connection> connection, std::chrono::milliseconds idle);
  void release(Host& host);
  void forget_if_unused(Host& host);
  void wake_one(Host& host);
  [[nodiscard]] bool wake_one_of(Host& host);
  void close_expired();
  void arm_expiry(MonoTime when);

  rt::Worker& worker_;
  const std::shared_ptr<Resolver> resolver_;
  const std::shared_ptr<TlsContext> tls_;
  const PoolLimits limits_;
  const std::shared_ptr<TransportCounters> counters_;
  const std::shared_ptr<const ProxyRules> proxies_;  // null: none
  std::map<Server, std::shared_ptr<Host>> hosts_;    // hosts with connections or waiters
  size_t open_ = 0;                                  // the sum of all hosts' slots
  size_t without_memory_ = 0;                        // the sum of all hosts' leases without memory
  size_t waiting_ = 0;                               // waiters of all queues
  Queue waiting_for_any_;  // callers stopped by connections_max, not by their host's limit
  rt::TimerWheel::Entry expiry_;
  MonoTime next_expiry_;
};

}  // namespace cachey::origin
