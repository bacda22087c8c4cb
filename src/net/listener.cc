#include "net/listener.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "net/http1/connection.h"
#include "net/http2/connection.h"

namespace cachey::net {
namespace {

using boost::system::error_code;

bool is_shortage(const error_code& error) {
  namespace errc = boost::system::errc;
  return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
         error == errc::no_buffer_space || error == errc::not_enough_memory;
}

/// Bounds the kernel's memory of a client that does not read: to what is on its way to the client,
/// and ClientSocket::kUnsentMax bytes that are not yet. Accepted sockets inherit it.
void limit_kernel(int acceptor) {
  constexpr int kUnsentMax = ClientSocket::kUnsentMax;
  (void)::setsockopt(acceptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMax, sizeof kUnsentMax);
}

}  // namespace

Result<rt::Tcp::endpoint> Listener::open(const ListenEndpoint& where) {
  rt::Acceptor acceptor(state_.worker.executor());
  error_code error = open_acceptor(acceptor, where, PortUse::kShared);
  if (!error) acceptor.set_option(rt::Tcp::no_delay(true), error);  // accepted sockets inherit it
  limit_kernel(acceptor.native_handle());
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return fail(ErrorKind::kInternal, error.message());
  acceptors_.push_back(std::move(acceptor));
  return acceptors_.back().local_endpoint();
}

void Listener::start() {
  for (size_t i = 0; i < acceptors_.size(); ++i) {
    ++running_;
    state_.worker.tasks().spawn(accept_all(shared_from_this(), i));
  }
}

rt::Task<void> Listener::accept_all(std::shared_ptr<Listener> self, size_t acceptor) {
  bool short_before = false;
  while (self->acceptors_[acceptor].is_open()) {
    auto [error, socket] = co_await self->acceptors_[acceptor].async_accept(rt::kAwaitTuple);
    if (!error) {
      short_before = false;
      self->admit(std::move(socket));
    } else if (is_shortage(error)) {
      if (!short_before) log::error("accept failed", {{"error", error.message()}});
      short_before = true;
      co_await self->state_.worker.timers().sleep(kAcceptPause);
    }
  }
  self->coroutine_ended();
}

void Listener::admit(rt::Socket socket) {
  ServerStats& stats = state_.stats;
  error_code left;
  const IpAddress address = unmapped(socket.remote_endpoint(left).address());
  const int64_t open = stats.connections.fetch_add(1);
  const ConnectionShares::Place place = shares_.enter(address, static_cast<size_t>(open));
  if (!make_place(place, address)) {
    stats.connections.fetch_sub(1);
    shares_.leave(address);
    const bool has_share = place == ConnectionShares::Place::kOfLarger;
    (has_share ? stats.connections_over_share : stats.connections_refused).fetch_add(1);
    if (state_.tls) return;  // closed: a handshake costs too much for a refusal
    ++running_;
    state_.worker.tasks().spawn(refuse(shared_from_this(), std::move(socket)));
    return;
  }
  if (place != ConnectionShares::Place::kFree) stats.connections_displaced.fetch_add(1);
  stats.connections_total.fetch_add(1);
  ++running_;
  state_.worker.tasks().spawn(serve(shared_from_this(), std::move(socket), address));
}

bool Listener::make_place(ConnectionShares::Place place, const IpAddress& address) {
  switch (place) {
    case ConnectionShares::Place::kFree:
      return true;
    case ConnectionShares::Place::kOfLarger:
      return state_.awaited.make_place(clock_.mono(), [&](const ClientSocket& socket) {
        return shares_.stands_back(socket.connected_from(), address);
      });
    case ConnectionShares::Place::kOfAny:
      return state_.awaited.make_place(clock_.mono());
  }
  return false;
}

/// Counts a connection for `protocol` and no longer for `before`. Then sets `before` to `protocol`.
void Listener::count_protocol(std::optional<Protocol> protocol, std::optional<Protocol>& before) {
  if (before) state_.stats.connections_of(*before).fetch_sub(1, std::memory_order_relaxed);
  if (protocol) state_.stats.connections_of(*protocol).fetch_add(1, std::memory_order_relaxed);
  before = protocol;
}

rt::Task<void> Listener::serve(std::shared_ptr<Listener> self, rt::Socket socket,
                               IpAddress address) {
  std::optional<Protocol> spoken;
  try {
    ClientSocket client(self->state_.worker.timers(), std::move(socket), self->state_.tls.get(),
                        self->state_.config.write_timeout);
    bool agreed = true;
    if (self->expects_proxy_header(client)) agreed = co_await self->read_proxy_header(client);
    if (agreed && client.tls() != nullptr) agreed = co_await self->handshake(client);
    if (!agreed && client.tls() != nullptr && client.tls()->got_plain_http()) {
      client.leave_tls();
      http1::Connection connection(self->state_, client);
      self->connections_.push_back(connection);
      co_await connection.refuse(400, "this port speaks TLS", Linger::kYes);
    } else if (agreed && client.alpn() == "h2") {
      self->count_protocol(Protocol::kHttp2, spoken);
      co_await self->serve_http2(client, Buffer());
    } else if (agreed) {
      self->count_protocol(Protocol::kHttp1, spoken);
      Buffer received;
      const bool is_http2 = co_await self->serve_http1(client, received);
      if (is_http2) {
        self->count_protocol(Protocol::kHttp2, spoken);
        co_await self->serve_http2(client, std::move(received));
      }
    }
    client.close();
  } catch (const std::exception& failure) {
    log::error("connection failed", {{"error", failure.what()}});
  }
  self->count_protocol(std::nullopt, spoken);
  self->state_.stats.connections.fetch_sub(1);
  self->shares_.leave(address);
  self->coroutine_ended();
}

bool Listener::expects_proxy_header(const ClientSocket& socket) const {
  return state_.config.proxy_protocol && state_.config.trusted_proxies.contains(socket.peer());
}

/// Begins a wait of a client that has no Connection yet. Returns the wait's limit.
std::chrono::nanoseconds Listener::begin_setup(ClientSocket& socket) {
  setups_.push_back(socket);
  state_.awaited.begin(socket, state_.worker.timers().now());
  if (state_.draining) return Connection::kFirstRequestTime;
  return state_.config.head_timeout;
}

void Listener::end_setup(ClientSocket& socket) {
  state_.awaited.end(socket);
  setups_.erase(setups_.iterator_to(socket));
}

rt::Task<bool> Listener::read_proxy_header(ClientSocket& socket) {
  const IpAddress proxy = socket.peer();
  const ClientSocket::HeaderRead read = co_await socket.read_proxy_header(begin_setup(socket));
  end_setup(socket);
  if (read == ClientSocket::HeaderRead::kRefused) {
    state_.stats.proxy_headers_refused.fetch_add(1, std::memory_order_relaxed);
    log::warn("connection closed: no valid PROXY header came", {{"proxy", proxy.to_string()}});
  }
  co_return read == ClientSocket::HeaderRead::kWhole;
}

rt::Task<bool> Listener::handshake(ClientSocket& socket) {
  const bool agreed = co_await socket.handshake(begin_setup(socket));
  end_setup(socket);
  ServerStats& stats = state_.stats;
  if (agreed) {
    stats.tls_handshakes.fetch_add(1, std::memory_order_relaxed);
    if (socket.tls()->resumed()) stats.tls_sessions_resumed.fetch_add(1, std::memory_order_relaxed);
  } else if (socket.tls()->begun()) {
    stats.tls_handshake_failures.fetch_add(1, std::memory_order_relaxed);
  }
  co_return agreed;
}

/// True: the client speaks HTTP/2; `received` are its first bytes.
rt::Task<bool> Listener::serve_http1(ClientSocket& socket, Buffer& received) {
  http1::Connection connection(state_, socket);
  connections_.push_back(connection);
  const bool is_http2 = co_await connection.run();
  received = connection.take_received();
  co_return is_http2;
}

rt::Task<void> Listener::serve_http2(ClientSocket& socket, Buffer received) {
  http2::Connection connection(state_, socket);
  connections_.push_back(connection);
  co_await connection.run(std::move(received));
}

rt::Task<void> Listener::refuse(std::shared_ptr<Listener> self, rt::Socket socket) {
  const Linger linger = self->refused_ < kRefusedMax ? Linger::kYes : Linger::kNo;
  ++self->refused_;
  try {
    ClientSocket client(self->state_.worker.timers(), std::move(socket), nullptr,
                        self->state_.config.write_timeout);
    http1::Connection connection(self->state_, client);
    self->connections_.push_back(connection);
    co_await connection.refuse(503, "too many connections", linger);
  } catch (const std::exception& failure) {
    log::error("connection failed", {{"error", failure.what()}});
  }
  --self->refused_;
  self->coroutine_ended();
}

void Listener::leave() {
  state_.leaving = true;
  for (Connection& connection : connections_) connection.leave();
}

void Listener::drain() {
  if (state_.draining) return;
  state_.leaving = true;
  state_.draining = true;
  for (rt::Acceptor& acceptor : acceptors_) {
    error_code error;
    acceptor.non_blocking(true, error);
    for (int i = 0; i < kBacklog && !error; ++i) {
      rt::Socket socket(state_.worker.executor());
      acceptor.accept(socket, error);
      if (!error) admit(std::move(socket));
    }
    acceptor.close(error);
  }
  for (ClientSocket& socket : setups_) {
    socket.limit_reading(Connection::kFirstRequestTime);
  }
  for (Connection& connection : connections_) connection.drain();
}

bool Listener::has_clients() {
  return std::ranges::any_of(connections_, [](Connection& c) { return !c.client_left(); }) ||
         std::ranges::any_of(setups_, [](ClientSocket& s) { return !s.reset_by_client(); });
}

void Listener::break_off() {
  for (ClientSocket& socket : setups_) socket.break_off();
  for (Connection& connection : connections_) connection.break_off();
}

void Listener::coroutine_ended() {
  if (--running_ == 0 && state_.draining) empty_promise_.set_value();
}

bool Listener::wait_until_empty(MonoTime deadline) const {
  return empty_.wait_for(deadline - clock_.mono()) == std::future_status::ready;
}

}  // namespace cachey::net
