#include "net/connection/client_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stop_token>
#include <string_view>

#include "rt/testing/virtual_worker.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

/// A watched socket on a worker with a manual clock, and its client on the loopback.
class ClientWatchTest : public ::testing::Test {
 protected:
  ClientWatchTest() {
    rt::Acceptor acceptor(worker_.worker().executor(),
                          {rt::asio::ip::make_address("127.0.0.1"), 0});
    client_.connect(acceptor.local_endpoint());
    client_.set_option(rt::Tcp::no_delay(true));
    socket_ =
        std::make_unique<ClientSocket>(worker_.worker().timers(), acceptor.accept(), nullptr, 60s);
    watch_ = std::make_shared<ClientWatch>(worker_.worker().timers(), awaited_, *socket_);
  }
  ~ClientWatchTest() override {
    watch_->detach();
    socket_->close();
    worker_.worker().io().poll();
  }

  void send(std::string_view bytes, int flags = 0) {
    ASSERT_EQ(::send(client_.native_handle(), bytes.data(), bytes.size(), flags),
              static_cast<ssize_t>(bytes.size()));
  }
  void end_side() { client_.shutdown(rt::Socket::shutdown_send); }
  void reset() {
    client_.set_option(rt::asio::socket_base::linger(true, 0));
    client_.close();
  }
  /// Runs what is ready, without time. Returns how many handlers ran.
  size_t poll() {
    size_t ran = 0;
    for (int i = 0; i < 10; ++i) ran += worker_.worker().io().poll();
    return ran;
  }
  [[nodiscard]] bool left_after(std::chrono::milliseconds time) {
    worker_.pass(time);
    poll();
    return token_.stop_requested();
  }

  rt::VirtualWorker worker_;
  rt::Socket client_{worker_.worker().executor()};
  AwaitedSockets awaited_;
  std::unique_ptr<ClientSocket> socket_;
  std::shared_ptr<ClientWatch> watch_;
  std::stop_token token_;
};

TEST_F(ClientWatchTest, AClientThatEndsItsSideHasLeft) {
  token_ = watch_->begin(false);
  EXPECT_FALSE(left_after(60s));
  end_side();
  EXPECT_FALSE(left_after(ClientWatch::kEndTime / 2));
  EXPECT_TRUE(left_after(ClientWatch::kEndTime));
}

TEST_F(ClientWatchTest, AResetAfterTheEndIsNoticed) {
  token_ = watch_->begin(false);
  send("GET /");
  end_side();
  EXPECT_FALSE(left_after(1s));
  reset();
  EXPECT_TRUE(left_after(ClientWatch::kLook + 50ms));
}

TEST_F(ClientWatchTest, AClientThatLeftBeforeTheWatchHasLeft) {
  end_side();
  token_ = watch_->begin(false);
  EXPECT_TRUE(left_after(ClientWatch::kEndTime + 50ms));
}

TEST_F(ClientWatchTest, AClientThatResetsHasLeft) {
  token_ = watch_->begin(false);
  poll();
  reset();
  poll();
  EXPECT_TRUE(token_.stop_requested());
}

TEST_F(ClientWatchTest, AConnectionThatWeCloseHasNoClient) {
  token_ = watch_->begin(false);
  poll();
  socket_->close();
  poll();
  EXPECT_TRUE(token_.stop_requested());
}

TEST_F(ClientWatchTest, PipelinedBytesStayUnreadAndCostNoTurns) {
  token_ = watch_->begin(false);
  poll();
  send("GET /");
  EXPECT_FALSE(left_after(60s));
  EXPECT_EQ(poll(), 0u);
  char bytes[8];
  EXPECT_EQ(socket_->receive(bytes), 5u);
}

TEST_F(ClientWatchTest, AResetBehindUnreadBytesIsNoticed) {
  token_ = watch_->begin(false);
  send("GET /");
  EXPECT_FALSE(left_after(1s));
  reset();
  EXPECT_TRUE(left_after(ClientWatch::kLook + 50ms));
}

TEST_F(ClientWatchTest, AnEndBehindUnreadBytesCountsAfterAWhile) {
  token_ = watch_->begin(false);
  send("GET /");
  end_side();
  EXPECT_FALSE(left_after(ClientWatch::kHalfClosedTime - 1s));
  EXPECT_TRUE(left_after(2s));
}

TEST_F(ClientWatchTest, BytesThatWereReceivedWithTheHeadAreUnreadToo) {
  token_ = watch_->begin(true);
  end_side();
  EXPECT_FALSE(left_after(ClientWatch::kHalfClosedTime - 1s));
  EXPECT_TRUE(left_after(2s));
}

TEST_F(ClientWatchTest, AfterItsEndAClientGivesWay) {
  token_ = watch_->begin(false);
  poll();
  EXPECT_TRUE(awaited_.empty());
  send("GET /");
  end_side();
  EXPECT_FALSE(left_after(1s));
  EXPECT_TRUE(awaited_.make_place(worker_.clock().mono()));
  EXPECT_TRUE(left_after(ClientWatch::kLook + 50ms));

  watch_->end();
  token_ = watch_->begin(true);
  EXPECT_FALSE(awaited_.empty());
  watch_->end();
  EXPECT_TRUE(awaited_.empty());
}

TEST_F(ClientWatchTest, UrgentBytesAreNoSignOfAnything) {
  token_ = watch_->begin(false);
  poll();
  send("!", MSG_OOB);
  EXPECT_FALSE(left_after(1s));
  EXPECT_EQ(poll(), 0u);
  end_side();
  EXPECT_TRUE(left_after(1s));
}

TEST_F(ClientWatchTest, EachRequestHasATokenOfItsOwn) {
  token_ = watch_->begin(false);
  poll();
  watch_->end();
  end_side();
  poll();
  EXPECT_FALSE(token_.stop_requested());
  token_ = watch_->begin(false);
  EXPECT_EQ(watch_->begin(false), token_);
  EXPECT_TRUE(left_after(ClientWatch::kEndTime + 50ms));
}

TEST_F(ClientWatchTest, AWaitOutlivesItsRequestAndServesTheNext) {
  for (int i = 0; i < 100; ++i) {
    token_ = watch_->begin(false);
    poll();
    watch_->end();
  }
  token_ = watch_->begin(false);
  end_side();
  EXPECT_EQ(poll(), 1u);
  EXPECT_TRUE(left_after(ClientWatch::kEndTime + 50ms));
}

}  // namespace
}  // namespace cachey::net
