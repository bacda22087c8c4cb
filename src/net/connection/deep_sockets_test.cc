#include "net/connection/deep_sockets.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <string>

#include "net/connection/testing/socket_pairs.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

class DeepSocketsTest : public ::testing::Test {
 protected:
  ~DeepSocketsTest() override { pairs_.close_all(); }

  /// Returns the server's end of a new connection from `address`.
  ClientSocket& connect(const std::string& address = "127.0.0.1") {
    return *pairs_.connect(0, address).socket;
  }
  /// Makes sockets of `address` deep until that is refused. Returns how many became so.
  size_t take_all(const std::string& address) {
    size_t taken = 0;
    while (true) {
      ClientSocket& socket = connect(address);
      send_unread(socket);
      deep_.after_wait(socket, 0ms);
      if (!is_deep(socket)) return taken;
      ++taken;
    }
  }
  static void send_unread(ClientSocket& socket) {
    std::string bytes(size_t{16} << 20, 'x');
    iovec part{bytes.data(), bytes.size()};
    EXPECT_GT(socket.send(std::span(&part, 1), bytes.size()), 0);
    EXPECT_GT(socket.unsent(), 0);
  }
  [[nodiscard]] static bool is_deep(const ClientSocket& socket) {
    return socket.DeepHook::is_linked();
  }

  SocketPairs pairs_;
  DeepSockets deep_;
};

TEST_F(DeepSocketsTest, ASocketIsDeepFromAShortWaitToALongOne) {
  ClientSocket& socket = connect();
  deep_.after_wait(socket, DeepSockets::kShortWait + 1ms);
  EXPECT_FALSE(is_deep(socket));
  deep_.after_wait(socket, DeepSockets::kShortWait);
  EXPECT_TRUE(is_deep(socket));
  deep_.after_wait(socket, DeepSockets::kShortWait + 1ms);
  EXPECT_FALSE(is_deep(socket));
  EXPECT_EQ(deep_.size(), 0);
}

TEST_F(DeepSocketsTest, TheKernelTakesMoreOfADeepSocket) {
  ClientSocket& shallow = connect();
  ClientSocket& deep = connect();
  for (ClientSocket* socket : {&shallow, &deep}) socket->limit_unsent(ClientSocket::kUnsentMax);
  deep_.after_wait(deep, 0ms);
  send_unread(shallow);
  send_unread(deep);
  EXPECT_GT(deep.unsent(), shallow.unsent() + size_t{DeepSockets::kDeepBytes} / 2);
}

TEST_F(DeepSocketsTest, AClientTakesAsManyPlacesAsAreFree) {
  EXPECT_EQ(take_all("127.0.0.1"), DeepSockets::kPlaces / 2);
  EXPECT_EQ(take_all("127.0.0.2"), DeepSockets::kPlaces / 4);
  EXPECT_EQ(take_all("127.0.0.3"), DeepSockets::kPlaces / 8);
}

TEST_F(DeepSocketsTest, ASocketWithoutUnsentBytesGivesItsPlace) {
  for (size_t i = 0; i < DeepSockets::kPlaces / 2; ++i) deep_.after_wait(connect(), 0ms);
  ClientSocket& oldest = *pairs_.all()[0].socket;
  ClientSocket& next = *pairs_.all()[1].socket;
  deep_.after_wait(oldest, 0ms);
  ClientSocket& newest = connect();
  deep_.after_wait(newest, 0ms);
  EXPECT_TRUE(is_deep(newest));
  EXPECT_TRUE(is_deep(oldest));
  EXPECT_FALSE(is_deep(next));
}

TEST_F(DeepSocketsTest, AClosedSocketHasNoPlace) {
  deep_.after_wait(connect(), 0ms);
  EXPECT_EQ(deep_.size(), 1);
  pairs_.close_all();
  EXPECT_EQ(deep_.size(), 0);
}

}  // namespace
}  // namespace cachey::net
