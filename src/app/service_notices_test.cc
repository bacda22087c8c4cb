#include "app/service_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace cachey::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// The end of a service manager: a datagram socket with a path or an abstract name.
class Manager {
 public:
  explicit Manager(const std::string& address)
      : address_(address), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, address.data(), address.size());
    if (address.front() == '@') at.sun_path[0] = '\0';
    const size_t size =
        offsetof(sockaddr_un, sun_path) + address.size() + (address.front() == '@' ? 0 : 1);
    ::unlink(address.c_str());
    EXPECT_EQ(
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), static_cast<socklen_t>(size)),
        0);
  }
  ~Manager() { ::unlink(address_.c_str()); }

  /// Empty: nothing has come.
  std::string next() {
    char bytes[4096];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    return got < 0 ? "" : std::string(bytes, static_cast<size_t>(got));
  }

 private:
  const std::string address_;
  FileDescriptor socket_;
};

std::string notify_path() {
  return testing::TempDir() + "cachey-notify-" + std::to_string(::getpid());
}

NotifySocket notify_socket(const std::string& address) {
  Result<NotifySocket> socket = NotifySocket::open(address);
  EXPECT_TRUE(socket) << socket.error().message();
  return socket ? std::move(*socket) : NotifySocket();
}

TEST(ServiceNotices, TellTheLifeOfAServiceOverBothKindsOfSockets) {
  for (const std::string& address :
       {notify_path(), "@cachey-notify-" + std::to_string(::getpid())}) {
    SCOPED_TRACE(address);
    Manager manager(address);
    ServiceNotices notices(notify_socket(address));
    EXPECT_TRUE(notices.wanted());
    notices.serving("on 127.0.0.1:80");
    EXPECT_EQ(manager.next(), "READY=1\nSTATUS=on 127.0.0.1:80");
    notices.alive();
    EXPECT_EQ(manager.next(), "WATCHDOG=1");
    notices.reloading(1500ms);
    EXPECT_EQ(manager.next(), "RELOADING=1\nMONOTONIC_USEC=1500000");
    notices.serving("on 127.0.0.1:80");
    EXPECT_EQ(manager.next(), "READY=1\nSTATUS=on 127.0.0.1:80") << "the reload has ended";
    notices.stopping("draining", 45s);
    EXPECT_EQ(manager.next(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=45000000");
    EXPECT_EQ(manager.next(), "");
  }
}

TEST(ServiceNotices, AnEqualStateIsToldOnceAndAStopIsFinal) {
  Manager manager(notify_path());
  ServiceNotices notices(notify_socket(notify_path()));
  for (int i = 0; i < 3; ++i) notices.serving("a");
  notices.serving("b");
  EXPECT_EQ(manager.next(), "READY=1\nSTATUS=a");
  EXPECT_EQ(manager.next(), "READY=1\nSTATUS=b");
  EXPECT_EQ(manager.next(), "");
  notices.stopping("end", 1s);
  notices.serving("c");
  notices.reloading(1s);
  EXPECT_THAT(manager.next(), HasSubstr("STOPPING=1"));
  EXPECT_EQ(manager.next(), "");
}

TEST(ServiceNotices, AStatusIsOneShortLine) {
  Manager manager(notify_path());
  ServiceNotices notices(notify_socket(notify_path()));
  notices.serving("a\nMAINPID=1\r" + std::string(10'000, 'x'));
  const std::string message = manager.next();
  EXPECT_THAT(message, Not(HasSubstr("\nMAINPID")));
  EXPECT_LE(message.size(), ServiceNotices::kStatusMax + 20);
}

TEST(ServiceNotices, AFullSocketBlocksNothingAndReadyIsSentAgain) {
  Manager manager(notify_path());
  const NotifySocket other = notify_socket(notify_path());
  while (other.send("x")) continue;
  ServiceNotices notices(notify_socket(notify_path()));
  notices.serving("a");  // lost
  while (!manager.next().empty()) continue;
  notices.serving("a");
  EXPECT_EQ(manager.next(), "READY=1\nSTATUS=a");
}

TEST(ServiceNotices, NobodyMayWantThem) {
  ServiceNotices notices{NotifySocket()};
  EXPECT_FALSE(notices.wanted());
  notices.serving("a");
  notices.alive();
  notices.stopping("b", 1s);
}

TEST(ServiceNotices, ABadAddressIsAnError) {
  for (const std::string& address :
       {std::string("relative"), std::string("/"), std::string("vsock:2:1"),
        "/" + std::string(200, 'x'), std::string()}) {
    const auto socket = NotifySocket::open(address);
    ASSERT_FALSE(socket) << address;
    EXPECT_EQ(socket.error().kind(), ErrorKind::kBadRequest);
  }
  const auto absent = NotifySocket::open("/no/such/socket");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message(), HasSubstr("No such file"));
}

TEST(ServiceNotices, TheVariablesDoNotReachChildren) {
  ::setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  const ServiceVariables taken = ServiceVariables::take();
  EXPECT_EQ(taken.notify_socket, "/run/systemd/notify");
  EXPECT_TRUE(taken.watchdog);
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  }
  const ServiceVariables again = ServiceVariables::take();
  EXPECT_EQ(again.notify_socket, "");
  EXPECT_FALSE(again.watchdog);
}

}  // namespace
}  // namespace cachey::app
