#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "net/testing/test_client.h"
#include "net/testing/test_server.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

bool has_ipv6() {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool there =
      fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return there;
}

class ServerAddresses : public ::testing::Test {
 protected:
  ServerAddresses() { workers_.start(); }
  ~ServerAddresses() override { workers_.stop_and_join(); }

  static ServerConfig at(std::vector<ListenAddress> addresses) {
    ServerConfig config;
    config.listen_addresses = std::move(addresses);
    return config;
  }
  static bool serves(uint16_t port) {
    TestClient client(port);
    client.get("/bytes/5");
    return client.response().body == body_bytes(5);
  }

  const SystemClock clock_;
  rt::Workers workers_{2, clock_};
  TestHandler handler_;
};

TEST_F(ServerAddresses, AllAreServedByEveryWorker) {
  Server server(workers_, handler_, at({{"127.0.0.1", 0}, {"127.0.0.2", 0}, {"127.0.0.3", 0}}),
                clock_);
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.addresses().size(), 3u);
  const uint16_t port = port_of(server.addresses()[0]);
  EXPECT_EQ(server.addresses()[0], "127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(server.addresses()[1], "127.0.0.2:" + std::to_string(port));
  EXPECT_EQ(server.addresses()[2], "127.0.0.3:" + std::to_string(port));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(serves(port));
  EXPECT_TRUE(server.drain(5s));
  EXPECT_FALSE(TestClient(port).connected());
}

TEST_F(ServerAddresses, AFreePortThatIsTakenElsewhereIsNotShared) {
  Server server(workers_, handler_, at({{"127.0.0.1", 0}, {"127.0.0.1", 0}}), clock_);
  ASSERT_TRUE(server.start());
  EXPECT_NE(server.addresses()[0], server.addresses()[1]);
  for (const std::string& address : server.addresses()) EXPECT_TRUE(serves(port_of(address)));
  EXPECT_TRUE(server.drain(5s));
}

TEST_F(ServerAddresses, ErrorsNameTheAddress) {
  Server first(workers_, handler_, at({{"127.0.0.1", 0}}), clock_);
  ASSERT_TRUE(first.start());
  const std::string taken = first.addresses().front();
  Server second(workers_, handler_, at({{"127.0.0.2", 0}, {"127.0.0.1", port_of(taken)}}), clock_);
  const Result<void> refused = second.start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "cannot listen on " + taken + ": Address already in use");
  EXPECT_TRUE(second.drain(1s));
  Server third(workers_, handler_, at({{"localhost", 0}}), clock_);
  EXPECT_EQ(third.start().error().message(), "\"localhost\" is not an IP address to listen on");
  Server twice(workers_, handler_, at({{"127.0.0.2", 0}, {"203.0.113.1", 0}}), clock_);
  EXPECT_TRUE(twice.start().error().message().starts_with("cannot listen on 203.0.113.1:"));
  EXPECT_TRUE(first.drain(5s));
}

TEST_F(ServerAddresses, BothWildcardsShareAPort) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  for (const bool v6_first : {false, true}) {
    std::vector<ListenAddress> addresses{{"0.0.0.0", 0}, {"::", 0}};
    if (v6_first) std::swap(addresses[0], addresses[1]);
    Server server(workers_, handler_, at(addresses), clock_);
    ASSERT_TRUE(server.start());
    EXPECT_EQ(port_of(server.addresses()[0]), port_of(server.addresses()[1]));
    EXPECT_EQ(server.addresses()[v6_first ? 0 : 1],
              "[::]:" + std::to_string(port_of(server.addresses()[0])));
    EXPECT_TRUE(serves(port_of(server.addresses()[0])));
    EXPECT_TRUE(server.drain(5s));
  }
}

TEST_F(ServerAddresses, TheV6WildcardAloneServesIpv4Too) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  Server server(workers_, handler_, at({{"::", 0}}), clock_);
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(serves(port_of(server.addresses().front())));
  EXPECT_TRUE(server.drain(5s));
}

TEST_F(ServerAddresses, SeveralServersShareTheWorkers) {
  TestHandler other_handler;
  Server one(workers_, handler_, at({{"127.0.0.1", 0}}), clock_);
  Server other(workers_, other_handler, at({{"127.0.0.1", 0}}), clock_);
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(other.start());
  TestClient waits(port_of(one.addresses().front()));
  waits.get("/wait");
  ASSERT_TRUE(eventually([&] { return handler_.waiting == 1; }));
  EXPECT_TRUE(serves(port_of(other.addresses().front())));
  EXPECT_EQ(one.stats().connections, 1);
  EXPECT_TRUE(other.drain(5s));
  EXPECT_FALSE(TestClient(port_of(other.addresses().front())).connected());
  handler_.released = true;
  EXPECT_EQ(waits.response().body, body_bytes(5));
  EXPECT_TRUE(one.drain(5s));
}

}  // namespace
}  // namespace cachey::net
