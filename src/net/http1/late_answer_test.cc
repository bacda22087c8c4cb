// Answers that a batch has taken, and the kernel not yet.

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/testing/eventually.h"
#include "net/connection/testing/socket_pairs.h"
#include "net/http1/connection.h"

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

class LateAnswer : public ::testing::Test {
 protected:
  ~LateAnswer() override { pairs_.close_all(); }

  static constexpr int kSmallBuffers = 4096;

  /// What the client receives until the server's end.
  std::string read_all(SocketPair& pair) {
    std::string all;
    const bool ended = eventually([&] {
      pairs_.turn();
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
  SocketPairs pairs_;
  const std::unique_ptr<WorkerState> state_ = std::make_unique<WorkerState>(
      pairs_.world().worker(), handler_, ServerConfig(), pairs_.world().clock(), stats_);
};

/// The client takes what came before the answer slowly.
TEST_F(LateAnswer, TheEndOfAnIdleConnectionWaitsForTheAnswer) {
  SocketPair& pair = pairs_.connect(kSmallBuffers);
  size_t filled = pair.fill();
  Connection connection(*state_, *pair.socket);
  const auto ended = pairs_.world().start(connection.run());
  constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_EQ(::send(pair.client.native_handle(), kGet.data(), kGet.size(), 0), kGet.size());
  ASSERT_TRUE(eventually([&] {
    filled += pair.fill();
    pairs_.turn();
    return stats_.requests == 1;
  }));
  pairs_.turn();
  ASSERT_TRUE(pair.socket->full());
  pairs_.world().pass(state_->config.idle_timeout + 1s);
  const std::string all = read_all(pair);
  ASSERT_GT(all.size(), filled);
  EXPECT_TRUE(all.ends_with(kLateBody));
  EXPECT_TRUE(ended->has_value());
}

/// The copy of the piece into the kernel would delay the answers of the batch.
TEST_F(LateAnswer, APieceOfALargeAnswerSendsTheBatchFirst) {
  SocketPair& small = pairs_.connect(kSmallBuffers);
  SocketPair& large = pairs_.connect(kSmallBuffers);
  RequestHead request;
  request.method = Method::kGet;
  request.keep_alive = true;
  const auto begin = [&](Writer& writer, uint64_t bytes) {
    writer.begin(request, false);
    ResponseHead head(200);
    head.set_content_length(bytes);
    writer.start(head);
  };
  Writer first(*state_, *small.socket);
  begin(first, kLateBody.size());
  const iovec part{const_cast<char*>(kLateBody.data()), kLateBody.size()};
  ASSERT_EQ(first.offer(std::span(&part, 1)), kLateBody.size());
  ASSERT_FALSE(state_->batch->empty());
  Writer second(*state_, *large.socket);
  begin(second, 1 << 20);
  EXPECT_EQ(second.offer(std::span(&part, 1)), kLateBody.size());
  EXPECT_TRUE(state_->batch->empty());
  first.end();
  second.end();
  pairs_.turn();
}

}  // namespace
}  // namespace cachey::net::http1
