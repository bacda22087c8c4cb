#include "net/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/listener.h"

namespace cachey::net {
using boost::system::error_code;
using rt::Tcp;

Server::Server(rt::Workers& workers, Handler& handler, ServerConfig config, const Clock& clock)
    : workers_(workers),
      handler_(handler),
      config_(std::move(config)),
      clock_(clock),
      shares_(config_.connections_max, config_.trusted_proxies) {}

Server::~Server() = default;

Result<void> Server::start() {
  CHECK(listeners_.empty() && !config_.listen_addresses.empty());
  const Result<std::vector<ListenEndpoint>> endpoints = to_endpoints(config_.listen_addresses);
  if (!endpoints) return std::unexpected(endpoints.error());
  for (size_t i = 0; i < workers_.size(); ++i) {
    listeners_.push_back(
        std::make_shared<Listener>(workers_[i], handler_, config_, clock_, stats_, shares_));
  }
  uint16_t free_port = 0;  // the port found for the first address that asked for any port
  for (ListenEndpoint where : *endpoints) {
    const bool any_port = where.endpoint.port() == 0;
    if (any_port) where.endpoint.port(free_port);
    if (any_port && free_port != 0 && probe(where)) where.endpoint.port(0);
    const Result<Tcp::endpoint> bound = bind(where);
    if (!bound) {
      listeners_.clear();
      addresses_.clear();
      return std::unexpected(bound.error());
    }
    if (any_port && free_port == 0) free_port = bound->port();
    addresses_.push_back(to_text(*bound));
  }
  workers_.run_on_each([this](rt::Worker& worker) { listeners_[worker.index()]->start(); });
  return {};
}

/// Binds `where` on every worker. Returns the bound address.
Result<Tcp::endpoint> Server::bind(const ListenEndpoint& where) {
  const auto refuse = [&where](const std::string& why) {
    return fail(ErrorKind::kInternal,
                fmt::format("cannot listen on {}: {}", to_text(where.endpoint), why));
  };
  if (const error_code error = probe(where)) {
    const bool low = where.endpoint.port() < IPPORT_RESERVED;
    const bool denied = low && error == boost::asio::error::access_denied;
    return refuse(error.message() +
                  (denied ? " (ports below 1024 need root or CAP_NET_BIND_SERVICE)" : ""));
  }
  ListenEndpoint next = where;
  for (const auto& listener : listeners_) {
    const Result<Tcp::endpoint> bound = listener->open(next);
    if (!bound) return refuse(bound.error().message());
    next.endpoint = *bound;
  }
  return next.endpoint;
}

void Server::leave() {
  for (size_t i = 0; i < workers_.size(); ++i) {
    rt::asio::post(workers_[i].io(), [listener = listeners_[i]] { listener->leave(); });
  }
}

bool Server::drain(std::chrono::milliseconds time_limit) {
  constexpr std::chrono::seconds kLastWait(1);
  constexpr std::chrono::milliseconds kLook(100);
  if (listeners_.empty()) return true;
  const MonoTime deadline = clock_.mono() + time_limit;
  workers_.run_on_each([this](rt::Worker& worker) { listeners_[worker.index()]->drain(); });
  const auto all_empty = [this](MonoTime until) {
    bool empty = true;
    for (const auto& listener : listeners_) empty = listener->wait_until_empty(until) && empty;
    return empty;
  };
  // A request that waits for its origin does not notice a reset by its client: ask the sockets.
  const auto clients_left = [this] {
    std::atomic<bool> any = false;
    workers_.run_on_each([this, &any](rt::Worker& worker) {
      if (listeners_[worker.index()]->has_clients()) any = true;
    });
    return any.load();
  };
  while (clock_.mono() < deadline) {
    const MonoTime look = clock_.mono() + kLook;
    if (all_empty(std::min(deadline, look)) || !clients_left()) return true;
  }
  workers_.run_on_each([this](rt::Worker& worker) { listeners_[worker.index()]->break_off(); });
  if (!all_empty(clock_.mono() + kLastWait)) {
    log::warn("drain left requests behind",
              {{"reason", "they wait for something other than their client"}});
  }
  return false;
}

const ServerStats& Server::stats() const { return stats_; }

}  // namespace cachey::net
