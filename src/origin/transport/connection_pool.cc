#include "origin/transport/connection_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "origin/transport/tunnel.h"
#include "rt/queued_waiter.h"

// Invariants. A host's `open` counts its slots. A slot is taken before a connection is opened, and
// freed after the connection is closed; in between a lease or the idle list owns the connection. A
// caller that finds no slot waits in its host's queue if the host is full, else in the pool's
// queue. Every freed slot and every idle connection wakes one waiter. A woken waiter owns no slot:
// the waiter tries again, and may have to wait again.

namespace cachey::origin {
namespace {

/// What callers may have of a limit.
size_t share_of(size_t limit, bool has_memory) {
  return has_memory ? limit : limit - limit / ConnectionPool::kMemoryShare;
}

}  // namespace

ConnectionPool::Lease::Lease(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<Host> host,
                             std::unique_ptr<Connection> connection, Use use, bool has_memory)
    : pool_(std::move(pool)),
      host_(std::move(host)),
      connection_(std::move(connection)),
      use_(use),
      has_memory_(has_memory) {
  if (has_memory_) return;
  ++host_->without_memory;
  ++pool_->without_memory_;
}

void ConnectionPool::Lease::give_back(std::chrono::milliseconds idle) {
  if (!connection_) return;
  connection_->cancel_on({});
  pool_->lease_ended(*host_, has_memory_);
  pool_->keep(*host_, std::move(connection_), idle);
}

void ConnectionPool::Lease::drop() {
  if (!connection_) return;
  connection_.reset();
  pool_->lease_ended(*host_, has_memory_);
  pool_->release(*host_);
}

ConnectionPool::ConnectionPool(rt::Worker& worker, std::shared_ptr<Resolver> resolver,
                               std::shared_ptr<TlsContext> tls, const PoolLimits& limits,
                               std::shared_ptr<TransportCounters> counters,
                               std::shared_ptr<const ProxyRules> proxies)
    : worker_(worker),
      resolver_(std::move(resolver)),
      tls_(std::move(tls)),
      limits_(limits),
      counters_(std::move(counters)),
      proxies_(std::move(proxies)),
      expiry_([this] { close_expired(); }) {}

rt::Task<Attempt<ConnectionPool::Lease>> ConnectionPool::acquire(Server server,
                                                                 ConnectOptions options) {
  for (Place place = Place::kLast;; place = Place::kFirst) {
    const std::shared_ptr<Host> host = host_of(server);
    std::optional<Lease> lease = try_lease(host, options);
    if (!lease) {
      Attempt<void> waited = co_await wait(host, options, place);
      if (!waited) co_return std::unexpected(std::move(waited.error()));
      continue;
    }
    lease->connection().cancel_on(options.stop);
    if (lease->reused()) co_return std::move(*lease);
    const MonoTime limit = worker_.timers().now() + options.connect_timeout;
    const MonoTime deadline = std::min(options.deadline, limit);
    Attempt<void> opened = co_await open(lease->connection(), host->server, options, deadline);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    co_return std::move(*lease);
  }
}

/// An idle connection, or one that is to be opened; nothing: the caller has to wait.
std::optional<ConnectionPool::Lease> ConnectionPool::try_lease(const std::shared_ptr<Host>& host,
                                                               const ConnectOptions& options) {
  if (pool_is_full(options.has_memory) || host_is_full(*host, options.has_memory))
    return std::nullopt;
  std::unique_ptr<Connection> idle = options.fresh ? nullptr : take_idle(*host);
  if (idle != nullptr) {
    count(counters_->connections_reused);
    return Lease(shared_from_this(), host, std::move(idle), Lease::Use::kAgain, options.has_memory);
  }
  if (!take_slot(*host)) return std::nullopt;
  return Lease(shared_from_this(), host, std::make_unique<Connection>(worker_, counters_),
               Lease::Use::kFirst, options.has_memory);
}

bool ConnectionPool::host_is_full(const Host& host, bool has_memory) const {
  const size_t most = limits_.connections_per_host_max;
  if (!has_memory && host.without_memory >= share_of(most, false)) return true;
  return host.open >= most && host.idle.empty();
}

/// Whether callers without memory hold their share of all connections.
bool ConnectionPool::pool_is_full(bool has_memory) const {
  return !has_memory && without_memory_ >= share_of(limits_.connections_max, false);
}

rt::Task<Attempt<void>> ConnectionPool::open(Connection& connection, const Server& server,
                                             const ConnectOptions& options, MonoTime deadline) {
  const Scheme scheme = server.tls ? Scheme::kHttps : Scheme::kHttp;
  const Proxy* proxy = proxies_ == nullptr ? nullptr : proxies_->proxy_for(scheme, server.host);
  const std::string& host = proxy == nullptr ? server.host : proxy->host;
  const uint16_t port = proxy == nullptr ? server.port : proxy->port;
  Result<Resolver::Addresses> addresses =
      co_await resolver_->resolve(worker_, host, options.names_since, deadline, options.stop);
  if (!addresses) co_return std::unexpected(Failure(addresses.error(), Retry::kTransient));
  IoResult<void> done = co_await connection.connect(std::move(*addresses), port, deadline);
  resolver_->avoid(host, connection.unreachable());
  if (!done) co_return std::unexpected(failure_of(done.error()));
  if (!server.tls) co_return Attempt<void>();
  if (proxy != nullptr) {
    Attempt<void> tunnel =
        co_await open_tunnel(connection, *proxy, server.host, server.port, deadline);
    if (!tunnel) co_return tunnel;
    count(counters_->tunnels_opened);
  }
  done = co_await connection.handshake(*tls_, server.host, deadline);
  if (!done) co_return std::unexpected(failure_of(done.error()));
  co_return Attempt<void>();
}

rt::Task<Attempt<void>> ConnectionPool::wait(std::shared_ptr<Host> host,
                                             const ConnectOptions& options, Place place) {
  if (waiting_ >= limits_.waiting_max) {
    forget_if_unused(*host);
    co_return std::unexpected(Failure(
        Error(ErrorKind::kOverloaded, "too many requests wait for a connection to the origin")));
  }
  const std::shared_ptr<ConnectionPool> self = shared_from_this();
  Queue& queue = host_is_full(*host, options.has_memory) ? host->waiting : waiting_for_any_;
  rt::QueuedWaiter waiter(worker_.executor(), queue.of(options.has_memory));
  if (place == Place::kLast) {
    waiter.enqueue();
  } else {
    waiter.enqueue_first();
  }
  ++waiting_;
  const bool its_turn =
      co_await waiter.wait_in_list(worker_.timers(), options.deadline, options.stop);
  --waiting_;
  if (its_turn) co_return Attempt<void>();
  // We gave up. If our host has a free slot, its next waiter may use the slot.
  static_cast<void>(wake_one_of(*host));
  forget_if_unused(*host);
  if (options.stop.stop_requested()) {
    co_return std::unexpected(
        Failure(Error(ErrorKind::kCancelled, "nobody waits for the connection")));
  }
  co_return std::unexpected(
      Failure(Error(ErrorKind::kOverloaded, "no connection to the origin came free in time"),
              Retry::kTransient));
}

std::shared_ptr<ConnectionPool::Host> ConnectionPool::host_of(const Server& server) {
  const auto found = hosts_.find(server);
  if (found != hosts_.end()) return found->second;
  return hosts_.emplace(server, std::make_shared<Host>(server)).first->second;
}

std::unique_ptr<Connection> ConnectionPool::take_idle(Host& host) {
  while (!host.idle.empty()) {
    std::unique_ptr<Connection> connection = std::move(host.idle.back().connection);
    const bool expired = host.idle.back().expires <= worker_.timers().now();
    host.idle.pop_back();
    if (!expired && connection->is_quiet()) return connection;
    --host.open;
    --open_;
  }
  return nullptr;
}

bool ConnectionPool::take_slot(Host& host) {
  if (host.open >= limits_.connections_per_host_max) {
    if (host.idle.empty()) return false;
    close_oldest_idle(host);
  }
  ++host.open;
  ++open_;
  if (open_ <= limits_.connections_max || close_any_idle()) return true;
  --host.open;
  --open_;
  return false;
}

void ConnectionPool::close_oldest_idle(Host& host) {
  host.idle.pop_front();
  --host.open;
  --open_;
}

bool ConnectionPool::close_any_idle() {
  for (const auto& [server, host] : hosts_) {
    if (host->idle.empty()) continue;
    const std::shared_ptr<Host> kept = host;
    close_oldest_idle(*kept);
    static_cast<void>(
        wake_one_of(*kept));  // the host is no longer full: its waiter may queue for the pool
    forget_if_unused(*kept);
    return true;
  }
  return false;
}

void ConnectionPool::keep(Host& host, std::unique_ptr<Connection> connection,
                          std::chrono::milliseconds idle) {
  if (idle <= std::chrono::milliseconds(0)) {
    connection.reset();
    return release(host);
  }
  const MonoTime expires = worker_.timers().now() + idle;
  host.idle.push_back(Idle(std::move(connection), expires));
  if (!expiry_.armed() || expires < next_expiry_) arm_expiry(expires);
  wake_one(host);
}

void ConnectionPool::release(Host& host) {
  CHECK(host.open > 0 && open_ > 0);
  --host.open;
  --open_;
  wake_one(host);
  forget_if_unused(host);
}

void ConnectionPool::forget_if_unused(Host& host) {
  if (host.open > 0 || !host.waiting.empty()) return;
  const auto found = hosts_.find(host.server);
  if (found != hosts_.end() && found->second.get() == &host) hosts_.erase(found);
}

void ConnectionPool::lease_ended(Host& host, bool has_memory) {
  if (has_memory) return;
  --host.without_memory;
  --without_memory_;
}

/// Wakes the next caller that waits for this host and has room now. False: there is none.
bool ConnectionPool::wake_one_of(Host& host) {
  for (const bool has_memory : {true, false}) {
    if (host.waiting.of(has_memory).empty() || host_is_full(host, has_memory)) continue;
    rt::notify_first(host.waiting.of(has_memory));
    return true;
  }
  return false;
}

/// A slot or an idle connection of this host has come free.
void ConnectionPool::wake_one(Host& host) {
  if (wake_one_of(host)) return;
  if (!waiting_for_any_.with_memory.empty()) return rt::notify_first(waiting_for_any_.with_memory);
  if (!pool_is_full(false)) rt::notify_first(waiting_for_any_.without_memory);
}

void ConnectionPool::close_expired() {
  const MonoTime now = worker_.timers().now();
  std::optional<MonoTime> next;
  for (auto entry = hosts_.begin(); entry != hosts_.end();) {
    const std::shared_ptr<Host> host = (entry++)->second;
    const auto expired = [now](const Idle& idle) { return idle.expires <= now; };
    const size_t closed = std::erase_if(host->idle, expired);
    for (size_t i = 0; i < closed; ++i) release(*host);
    for (const Idle& idle : host->idle) next = std::min(next.value_or(idle.expires), idle.expires);
  }
  if (next) arm_expiry(*next);
}

void ConnectionPool::arm_expiry(MonoTime when) {
  next_expiry_ = when;
  worker_.timers().arm(expiry_, when);
}

}  // namespace cachey::origin
