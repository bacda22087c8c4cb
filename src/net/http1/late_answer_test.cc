// Answers that a batch has taken, and the kernel not yet.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/testing/eventually.h"
#include "net/http1/connection.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::net::http1 {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLateBody = "a small body";

class SmallAnswers final : public Handler {
 public:
  rt::Task<void> handle(rt::Worker& /*worker*/, const Request& /*request*/,
                        ResponseWriter& writer) override {
    ResponseHead head(200);
    head.set_content_length(kLateBody.size());
    writer.start(head);
    const iovec part{const_cast<char*>(kLateBody.data()), kLateBody.size()};
    EXPECT_EQ(writer.offer(std::span(&part, 1)), kLateBody.size());
    EXPECT_EQ(writer.try_finish({}), true);
    co_return;
  }
};

/// Connections of one worker, and the ends of their clients.
class LateAnswer : public ::testing::Test {
 protected:
  struct Pair {
    explicit Pair(LateAnswer& test)
        : client(test.worker_.worker().executor()),
          socket(test.worker_.worker().timers(), test.accept(*this), nullptr, 60s) {}

    rt::Socket client;
    int server = -1;  // the server's descriptor
    ClientSocket socket;
  };

  rt::Socket accept(Pair& pair) {
    pair.client.open(rt::Tcp::v4());
    pair.client.set_option(rt::asio::socket_base::receive_buffer_size(4096));
    pair.client.connect(acceptor_.local_endpoint());
    rt::Socket accepted = acceptor_.accept();
    accepted.set_option(rt::asio::socket_base::send_buffer_size(4096));
    accepted.native_non_blocking(true);
    pair.server = accepted.native_handle();
    return accepted;
  }
  /// Sends until the kernel takes no more. Returns how many bytes the kernel has taken.
  static size_t fill(const Pair& pair) {
    const std::string bytes(4096, 'f');
    size_t filled = 0;
    while (true) {
      const ssize_t n = ::send(pair.server, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (n < 0) return filled;
      filled += static_cast<size_t>(n);
    }
  }
  void poll() {
    worker_.worker().io().restart();
    worker_.worker().io().poll();
  }
  /// What the client receives until the server's end.
  std::string read_all(Pair& pair) {
    std::string all;
    const bool ended = eventually([&] {
      poll();
      std::array<char, 4096> block;
      const ssize_t n =
          ::recv(pair.client.native_handle(), block.data(), block.size(), MSG_DONTWAIT);
      if (n > 0) all.append(block.data(), static_cast<size_t>(n));
      return n == 0 || (n < 0 && errno != EAGAIN);
    });
    EXPECT_TRUE(ended);
    return all;
  }

  SmallAnswers handler_;
  ServerStats stats_;
  rt::VirtualWorker worker_;
  rt::Acceptor acceptor_{worker_.worker().executor(), {rt::asio::ip::make_address("127.0.0.1"), 0}};
  const std::unique_ptr<WorkerState> state_ = std::make_unique<WorkerState>(
      worker_.worker(), handler_, ServerConfig(), worker_.clock(), stats_);
};

/// The client takes what came before the answer slowly.
TEST_F(LateAnswer, TheEndOfAnIdleConnectionWaitsForTheAnswer) {
  Pair pair(*this);
  size_t filled = fill(pair);
  Connection connection(*state_, pair.socket);
  const auto ended = worker_.start(connection.run());
  constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_EQ(::send(pair.client.native_handle(), kGet.data(), kGet.size(), 0), kGet.size());
  ASSERT_TRUE(eventually([&] {
    filled += fill(pair);
    poll();
    return stats_.requests == 1;
  }));
  poll();
  ASSERT_TRUE(pair.socket.full());
  worker_.pass(state_->config.idle_timeout + 1s);
  const std::string all = read_all(pair);
  ASSERT_GT(all.size(), filled);
  EXPECT_TRUE(all.ends_with(kLateBody));
  EXPECT_TRUE(ended->has_value());
}

/// The copy of the piece into the kernel would delay the answers of the batch.
TEST_F(LateAnswer, APieceOfALargeAnswerSendsTheBatchFirst) {
  Pair small(*this);
  Pair large(*this);
  RequestHead request;
  request.method = Method::kGet;
  request.keep_alive = true;
  const auto begin = [&](Writer& writer, uint64_t bytes) {
    writer.begin(request, false);
    ResponseHead head(200);
    head.set_content_length(bytes);
    writer.start(head);
  };
  Writer first(*state_, small.socket);
  begin(first, kLateBody.size());
  const iovec part{const_cast<char*>(kLateBody.data()), kLateBody.size()};
  ASSERT_EQ(first.offer(std::span(&part, 1)), kLateBody.size());
  ASSERT_FALSE(state_->batch->empty());
  Writer second(*state_, large.socket);
  begin(second, 1 << 20);
  EXPECT_EQ(second.offer(std::span(&part, 1)), kLateBody.size());
  EXPECT_TRUE(state_->batch->empty());
  first.end();
  second.end();
  poll();
}

}  // namespace
}  // namespace cachey::net::http1
