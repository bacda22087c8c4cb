#include "rt/edge_wait.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <optional>
#include <string_view>

#include "rt/testing/virtual_worker.h"

namespace cachey::rt {
namespace {

class EdgeSocketTest : public ::testing::Test {
 protected:
  EdgeSocketTest() : peer_(executor()), socket_(connect()) {}

  Executor executor() { return worker_.worker().executor(); }
  Socket connect() {
    Acceptor acceptor(executor(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    peer_.connect(acceptor.local_endpoint());
    return acceptor.accept();
  }
  void wait() {
    error_.reset();
    socket_.wait_for_edge([this](const boost::system::error_code& error) { error_ = error; });
    run();
  }
  void run() {
    worker_.worker().io().restart();
    worker_.worker().io().poll();
  }
  void write(std::string_view text) {
    (void)::send(peer_.native_handle(), text.data(), text.size(), 0);
    run();
  }
  size_t read(size_t bytes_max) {
    std::array<char, 64> into;
    const ssize_t got = ::recv(socket_.native_handle(), into.data(), bytes_max, MSG_DONTWAIT);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

  VirtualWorker worker_;
  Socket peer_;
  EdgeSocket socket_;
  std::optional<boost::system::error_code> error_;  // none: the wait goes on
};

TEST_F(EdgeSocketTest, EndsWithEachNewBytes) {
  for (int i = 0; i < 3; ++i) {
    wait();
    EXPECT_FALSE(error_);
    write("some");
    EXPECT_EQ(error_, boost::system::error_code());
    EXPECT_EQ(read(64), 4u);
  }
}

TEST_F(EdgeSocketTest, BytesThatAreThereAreNoEdge) {
  wait();
  write("some");
  EXPECT_EQ(read(2), 2u);
  wait();
  EXPECT_FALSE(error_);
  write("more");
  EXPECT_EQ(error_, boost::system::error_code());
  EXPECT_EQ(read(64), 6u);
}

TEST_F(EdgeSocketTest, EndsWithThePeersEnd) {
  wait();
  peer_.shutdown(Socket::shutdown_send);
  run();
  EXPECT_EQ(error_, boost::system::error_code());
}

TEST_F(EdgeSocketTest, EndsByCancelAndClose) {
  wait();
  socket_.cancel();
  run();
  EXPECT_EQ(error_, asio::error::operation_aborted);
  wait();
  EXPECT_FALSE(error_);
  socket_.close();
  run();
  EXPECT_EQ(error_, asio::error::operation_aborted);
}

}  // namespace
}  // namespace cachey::rt
