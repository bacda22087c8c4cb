#include "net/connection/answer_batch.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "net/connection/testing/socket_pairs.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kAnswerHead = "HTTP/1.1 206 Partial Content\r\n\r\n";

class AnswerBatchTest : public ::testing::Test {
 protected:
  using Pair = SocketPair;

  ~AnswerBatchTest() override { pairs_.close_all(); }

  Pair& connect(int buffers = 0) { return pairs_.connect(buffers); }
  void turn() { pairs_.turn(); }
  bool take(Pair& pair, std::string_view body) {
    const size_t half = body.size() / 2;
    const std::array parts = {iovec{const_cast<char*>(body.data()), half},
                              iovec{const_cast<char*>(body.data()) + half, body.size() - half}};
    return batch_->take(*pair.socket, kAnswerHead, parts, kAnswerHead.size() + body.size());
  }
  /// What the client has received.
  static std::string received(Pair& pair) {
    std::string all(pair.client.available(), '\0');
    if (!all.empty()) rt::asio::read(pair.client, rt::asio::buffer(all));
    return all;
  }
  static std::string answer(std::string_view body) { return std::string(kAnswerHead).append(body); }
  /// Reads as a client until `bytes` have come.
  std::string read(Pair& pair, size_t bytes) {
    std::string all;
    while (all.size() < bytes) {
      turn();
      std::array<char, 4096> block;
      const ssize_t n = ::recv(pair.client.native_handle(), block.data(), block.size(), 0);
      if (n <= 0) break;
      all.append(block.data(), static_cast<size_t>(n));
    }
    return all;
  }

  SocketPairs pairs_;
  std::shared_ptr<AnswerBatch> batch_ =
      std::make_shared<AnswerBatch>(pairs_.world().worker().executor());
};

TEST_F(AnswerBatchTest, AnswersLeaveAtTheEndOfTheTurn) {
  Pair& one = connect();
  Pair& two = connect();
  EXPECT_TRUE(take(one, "first"));
  EXPECT_TRUE(take(two, std::string(4096, 'b')));
  EXPECT_EQ(received(one), "");
  turn();
  EXPECT_EQ(received(one), answer("first"));
  EXPECT_EQ(received(two), answer(std::string(4096, 'b')));
  EXPECT_TRUE(take(one, "again"));
  turn();
  EXPECT_EQ(received(one), answer("again"));
}

TEST_F(AnswerBatchTest, AFullBatchLeavesAtOnce) {
  for (size_t i = 0; i < AnswerBatch::kAnswersMax; ++i) EXPECT_TRUE(take(connect(), "x"));
  for (Pair& pair : pairs_.all()) EXPECT_EQ(received(pair), answer("x"));
  Pair& late = connect();
  EXPECT_TRUE(take(late, "y"));
  EXPECT_EQ(received(late), "");
  turn();
  EXPECT_EQ(received(late), answer("y"));
}

TEST_F(AnswerBatchTest, AfterALoneAnswerTheNextOnesAreSentAtOnce) {
  Pair& pair = connect();
  EXPECT_TRUE(take(pair, "x"));
  turn();
  for (unsigned i = 0; i < AnswerBatch::kLoneMax; ++i) {
    EXPECT_FALSE(take(pair, "x")) << i;
    turn();
  }
  EXPECT_TRUE(take(pair, "x"));
  EXPECT_TRUE(take(connect(), "x"));
  turn();
  EXPECT_TRUE(take(pair, "x"));
}

TEST_F(AnswerBatchTest, ALargeAnswerIsNotTaken) {
  Pair& pair = connect();
  EXPECT_FALSE(take(pair, std::string(AnswerBatch::kBytesMax - kAnswerHead.size() + 1, 'x')));
  EXPECT_TRUE(take(pair, std::string(AnswerBatch::kBytesMax - kAnswerHead.size(), 'x')));
}

TEST_F(AnswerBatchTest, AnAnswerWaitsForTheOneBefore) {
  Pair& pair = connect();
  EXPECT_TRUE(take(pair, "one"));
  EXPECT_FALSE(take(pair, "two"));
  std::string two = "two";
  iovec part{two.data(), two.size()};
  EXPECT_EQ(pair.socket->send(std::span(&part, 1), two.size()), two.size());
  EXPECT_EQ(received(pair), answer("one") + "two");
}

TEST_F(AnswerBatchTest, WhatTheKernelDoesNotTakeFollows) {
  Pair& pair = connect(4096);
  const size_t filled = pair.fill();
  const std::string body(5000, 'b');
  EXPECT_TRUE(take(pair, body));
  turn();
  EXPECT_TRUE(pair.socket->full());
  EXPECT_FALSE(take(pair, "next"));
  const std::string all = read(pair, filled + kAnswerHead.size() + body.size());
  EXPECT_EQ(all.substr(filled), answer(body));
  EXPECT_FALSE(pair.socket->full());
}

TEST_F(AnswerBatchTest, ManyLateAnswersEndTheBatches) {
  const std::string body(AnswerBatch::kBytesMax - kAnswerHead.size(), 'x');
  constexpr size_t kEnough = 4 * AnswerBatch::kLateBytesMax / AnswerBatch::kBytesMax;
  size_t late = 0;
  while (late < kEnough && take(connect(4096), body)) {
    Pair& pair = pairs_.all().back();
    (void)pair.fill();
    batch_->send_all();
    if (pair.socket->full()) ++late;
  }
  EXPECT_GE(late, AnswerBatch::kLateBytesMax / AnswerBatch::kBytesMax);
  EXPECT_LT(late, kEnough);
  for (Pair& pair : pairs_.all()) pair.socket->close();
  EXPECT_TRUE(take(connect(), "x"));
}

/// A late answer keeps its buffer, however few bytes are left.
TEST_F(AnswerBatchTest, ManySmallLateAnswersEndTheBatches) {
  constexpr size_t kBuffersMax = AnswerBatch::kLateBytesMax / AnswerBatch::kBytesMax;
  size_t late = 0;
  while (late < 4 * kBuffersMax && take(connect(4096), "x")) {
    Pair& pair = pairs_.all().back();
    (void)pair.fill();
    batch_->send_all();
    if (pair.socket->full()) ++late;
  }
  EXPECT_GE(late, kBuffersMax);
  EXPECT_LE(late, kBuffersMax + 1);
}

TEST_F(AnswerBatchTest, LateAnswersLetOthersMakePlace) {
  AwaitedSockets awaited;
  const MonoTime now{1h};
  for (size_t late = 0; late <= AwaitedSockets::kLooksMax;) {
    Pair& pair = connect(4096);
    (void)pair.fill();
    ASSERT_TRUE(take(pair, "x"));
    batch_->send_all();
    if (!pair.socket->full()) continue;
    awaited.begin(*pair.socket, now);
    ++late;
  }
  Pair& idle = connect();
  awaited.begin(*idle.socket, now);
  EXPECT_FALSE(awaited.make_place(now + 1s));  // of a bounded number of sockets
  EXPECT_TRUE(awaited.make_place(now + 1s));
  EXPECT_TRUE(idle.socket->ended_by_client());
  EXPECT_FALSE(awaited.make_place(now + 1s));
}

TEST_F(AnswerBatchTest, AClosedSocketIsInNoBatch) {
  Pair& closed = connect();
  Pair& other = connect();
  EXPECT_TRUE(take(closed, "x"));
  EXPECT_TRUE(take(other, "x"));
  closed.socket->close();
  turn();
  EXPECT_EQ(received(closed), "");
  EXPECT_EQ(received(other), answer("x"));
}

TEST_F(AnswerBatchTest, AClientThatIsGoneEndsTheWait) {
  Pair& gone = connect();
  gone.client.set_option(rt::asio::socket_base::linger(true, 0));
  EXPECT_TRUE(take(gone, "x"));
  gone.client.close();
  turn();
  EXPECT_TRUE(gone.socket->broken());
}

}  // namespace
}  // namespace cachey::net
