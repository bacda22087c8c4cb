#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "net/connection/client_socket.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::net {

/// Both ends of a connection over the loopback.
struct SocketPair {
  rt::Socket client;
  std::unique_ptr<ClientSocket> socket;
  int server;  ///< the server's descriptor

  /// Sends to the client until the kernel takes no more. Returns how many bytes the kernel took.
  size_t fill() const {
    const std::string bytes(4096, 'f');
    size_t filled = 0;
    while (true) {
      const ssize_t n = ::send(server, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (n < 0) return filled;
      filled += static_cast<size_t>(n);
    }
  }
};

/// For tests: connections of one worker in virtual time.
class SocketPairs {
 public:
  ~SocketPairs() { close_all(); }
  /// If other members of a test know the sockets, the test's destructor calls this.
  void close_all() {
    for (SocketPair& pair : pairs_) pair.socket->close();
    turn();
    pairs_.clear();
  }

  /// `buffers`: bytes of the kernel's buffers; 0: as the system has them. `address`: the client's.
  SocketPair& connect(int buffers = 0, const std::string& address = "127.0.0.1") {
    rt::Socket client(world_.worker().executor());
    client.open(rt::Tcp::v4());
    if (buffers != 0) client.set_option(rt::asio::socket_base::receive_buffer_size(buffers));
    client.bind({rt::asio::ip::make_address(address), 0});
    client.connect(acceptor_.local_endpoint());
    rt::Socket accepted = acceptor_.accept();
    if (buffers != 0) accepted.set_option(rt::asio::socket_base::send_buffer_size(buffers));
    accepted.native_non_blocking(true);
    const int server = accepted.native_handle();
    auto socket = std::make_unique<ClientSocket>(world_.worker().timers(), std::move(accepted),
                                                 nullptr, std::chrono::seconds(60));
    pairs_.push_back({std::move(client), std::move(socket), server});
    return pairs_.back();
  }

  /// Runs what is ready: the end of a batch's turn, too.
  void turn() {
    world_.worker().io().restart();
    world_.worker().io().poll();
  }

  [[nodiscard]] rt::VirtualWorker& world() { return world_; }
  [[nodiscard]] std::deque<SocketPair>& all() { return pairs_; }

 private:
  rt::VirtualWorker world_;
  rt::Acceptor acceptor_{world_.worker().executor(), {rt::asio::ip::make_address("127.0.0.1"), 0}};
  std::deque<SocketPair> pairs_;
};

}  // namespace cachey::net
