#include "net/http1/writer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/testing/eventually.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::net::http1 {
namespace {

using namespace std::chrono_literals;

class NoRequests final : public Handler {
 public:
  rt::Task<void> handle(rt::Worker& /*worker*/, const Request& /*request*/,
                        ResponseWriter& /*writer*/) override {
    co_return;
  }
};

/// A writer in the middle of a long body, and its client.
class WriterWaits : public ::testing::Test {
 protected:
  WriterWaits() {
    socket_.limit_unsent(ClientSocket::kUnsentMax);
    RequestHead request;
    request.method = Method::kGet;
    request.keep_alive = true;
    writer_.begin(request, false);
    ResponseHead head(200);
    head.set_content_length(uint64_t{1} << 40);
    writer_.start(head);
  }
  ~WriterWaits() override {
    writer_.end();
    socket_.close();
    worker_.worker().io().poll();
  }

  void fill_socket() {
    std::string bytes(size_t{1} << 20, 'x');
    const iovec part{bytes.data(), bytes.size()};
    while (!socket_.full()) (void)writer_.offer(std::span(&part, 1));
  }
  /// The client reads until the server's kernel has no more.
  void drain() {
    std::string bytes(size_t{1} << 20, '\0');
    ASSERT_TRUE(eventually([&] {
      while (::recv(client_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
      }
      return socket_.unsent() == 0;
    }));
  }
  /// Waits until the socket takes bytes. On the worker's clock only `pass` goes by.
  void wait(std::chrono::milliseconds pass = 0ms) {
    const std::shared_ptr<std::optional<bool>> more = worker_.start(writer_.writable());
    worker_.pass(pass);
    drain();
    ASSERT_TRUE(eventually([&] {
      worker_.worker().io().poll();
      return more->has_value();
    }));
    EXPECT_TRUE(**more);
  }
  [[nodiscard]] bool is_fast() const { return state_->deep.size() == 1; }

  rt::VirtualWorker worker_;

 private:
  /// The client's kernel takes less than half of what the server's kernel may hold. So the server's
  /// kernel has room again only when the client has read.
  rt::Socket connect() {
    client_.open(rt::Tcp::v4());
    client_.set_option(rt::asio::socket_base::receive_buffer_size(ClientSocket::kUnsentMax / 8));
    rt::Acceptor acceptor{worker_.worker().executor(),
                          {rt::asio::ip::make_address("127.0.0.1"), 0}};
    client_.connect(acceptor.local_endpoint());
    rt::Socket accepted = acceptor.accept();
    accepted.native_non_blocking(true);
    return accepted;
  }

  NoRequests handler_;
  ServerStats stats_;
  const std::unique_ptr<WorkerState> state_ = std::make_unique<WorkerState>(
      worker_.worker(), handler_, ServerConfig(), worker_.clock(), stats_);
  rt::Socket client_{worker_.worker().executor()};
  ClientSocket socket_{worker_.worker().timers(), connect(), nullptr, 60s};

 protected:
  Writer writer_{*state_, socket_};
};

TEST_F(WriterWaits, AClientThatTakesBytesSoonIsFastUntilAWaitIsLong) {
  fill_socket();
  wait(DeepSockets::kShortWait);
  EXPECT_TRUE(is_fast());
  fill_socket();
  wait(DeepSockets::kShortWait + 10ms);
  EXPECT_FALSE(is_fast());
}

/// As that of a client over its bandwidth, to which nothing was offered.
TEST_F(WriterWaits, AWaitForASocketThatIsNotFullIsNoSignOfAFastClient) {
  wait();
  EXPECT_FALSE(is_fast());
}

/// The pause of a client over its bandwidth comes before the wait.
TEST_F(WriterWaits, AWaitAfterAPauseIsNoSignOfAFastClient) {
  fill_socket();
  worker_.pass(DeepSockets::kShortWait + 10ms);
  wait();
  EXPECT_FALSE(is_fast());
}

TEST_F(WriterWaits, AWaitAfterAPauseIsNoSignOfASlowClient) {
  fill_socket();
  wait();
  fill_socket();
  worker_.pass(DeepSockets::kShortWait + 10ms);
  wait();
  EXPECT_TRUE(is_fast());
}

}  // namespace
}  // namespace cachey::net::http1
