#include "net/connection/listen_address.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>

#include "base/log.h"

namespace cachey::net {

using boost::system::error_code;
using rt::Tcp;

namespace {

error_code share_port_of(rt::Acceptor& acceptor) {
  const int on = 1;
  if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) {
    return {};
  }
  return {errno, boost::system::system_category()};
}

}  // namespace

Result<std::vector<ListenEndpoint>> to_endpoints(std::span<const ListenAddress> addresses) {
  std::vector<ListenEndpoint> endpoints;
  for (const ListenAddress& address : addresses) {
    error_code error;
    const auto ip = rt::asio::ip::make_address(address.ip, error);
    if (error) {
      return fail(ErrorKind::kBadRequest,
                  fmt::format("{} is not an IP address to listen on", log::quoted(address.ip)));
    }
    endpoints.push_back(ListenEndpoint{Tcp::endpoint(ip, address.port)});
  }
  for (ListenEndpoint& v6 : endpoints) {
    if (!v6.endpoint.address().is_v6()) continue;
    v6.v6_only = std::ranges::any_of(endpoints, [&v6](const ListenEndpoint& other) {
      return other.endpoint.address().is_v4() && other.endpoint.port() == v6.endpoint.port();
    });
  }
  return endpoints;
}

std::string to_text(const Tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address,
                     endpoint.port());
}

error_code open_acceptor(rt::Acceptor& acceptor, const ListenEndpoint& where, PortUse use) {
  error_code error;
  const auto step = [&error](auto&& action) {
    if (!error) action();
  };
  step([&] { acceptor.open(where.endpoint.protocol(), error); });
  step([&] { acceptor.set_option(rt::Acceptor::reuse_address(true), error); });
  if (use == PortUse::kShared) step([&] { error = share_port_of(acceptor); });
  if (where.endpoint.address().is_v6()) {
    step([&] { acceptor.set_option(rt::asio::ip::v6_only(where.v6_only), error); });
  }
  step([&] { acceptor.bind(where.endpoint, error); });
  return error;
}

error_code probe(const ListenEndpoint& where) {
  rt::asio::io_context io;
  rt::Acceptor acceptor(io);
  return open_acceptor(acceptor, where, PortUse::kAlone);
}

}  // namespace cachey::net
