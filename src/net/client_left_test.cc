#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/eventually.h"
#include "net/http2/limits.h"
#include "net/testing/test_client.h"
#include "net/testing/test_http2_client.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

enum class Way { kPlain, kTls, kHttp2 };

/// A client in the middle of a request that waits for something other than the client.
class ClientLeft : public ::testing::TestWithParam<Way> {
 protected:
  static ServerConfig config() { return GetParam() == Way::kTls ? tls_config() : ServerConfig(); }

  std::unique_ptr<TestClient> ask(std::string_view target) {
    std::unique_ptr<TestClient> client;
    if (GetParam() == Way::kTls) {
      client = std::make_unique<TlsTestClient>(server_.port);
    } else {
      client = std::make_unique<TestClient>(server_.port);
    }
    if (GetParam() == Way::kHttp2) {
      client->send(std::string(TestHttp2Wire::kPreface) +
                   TestHttp2Wire::frame(NGHTTP2_SETTINGS, 0, 0, {}) +
                   TestHttp2Wire::get_frame(1, target));
    } else {
      client->get(target);
    }
    return client;
  }
  bool all_is_over() {
    return eventually(
               [&] { return server_.handler.left == asked_ && server_.handler.waiting == 0; }) &&
           eventually([&] { return server_.stats().connections == 0; });
  }

  TestServer server_{config()};
  int asked_ = 1;
};

TEST_P(ClientLeft, ItsHandlerEndsAndItsPlaceIsFree) {
  std::unique_ptr<TestClient> client = ask("/hang");
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == 1; }));
  client.reset();
  EXPECT_TRUE(all_is_over());
}

TEST_P(ClientLeft, ByAReset) {
  std::unique_ptr<TestClient> client = ask("/hang");
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == 1; }));
  const linger no_wait{1, 0};
  setsockopt(client->fd(), SOL_SOCKET, SO_LINGER, &no_wait, sizeof no_wait);
  client.reset();
  EXPECT_TRUE(all_is_over());
}

TEST_P(ClientLeft, InTheMiddleOfTheBody) {
  std::unique_ptr<TestClient> client = ask("/hang/1000");
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == 1; }));
  ASSERT_TRUE(client->receive());
  client.reset();
  EXPECT_TRUE(all_is_over());
}

TEST_P(ClientLeft, BeforeItsHandlerRuns) {
  std::unique_ptr<TestClient> client = ask("/hang");
  client.reset();
  EXPECT_TRUE(eventually([&] { return server_.stats().connections == 0; }));
  EXPECT_EQ(server_.handler.waiting, 0);
}

TEST_P(ClientLeft, AClientThatStaysIsWatchedWithoutCost) {
  std::unique_ptr<TestClient> client = ask("/hang");
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == 1; }));
  EXPECT_TRUE(server_is_quiet());
  EXPECT_EQ(server_.handler.left, 0);
}

TEST_P(ClientLeft, ADrainEndsAtOnceWithoutClients) {
  std::vector<std::unique_ptr<TestClient>> clients;
  for (asked_ = 0; asked_ < 20; ++asked_) clients.push_back(ask("/hang"));
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == asked_; }));
  clients.clear();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(server_.server().drain(60s));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_P(ClientLeft, ABrokenOffDrainEndsTheWaits) {
  std::unique_ptr<TestClient> client = ask("/hang");
  ASSERT_TRUE(eventually([&] { return server_.handler.waiting == 1; }));
  EXPECT_FALSE(server_.server().drain(50ms));
  EXPECT_TRUE(all_is_over());
}

std::string name_of(const ::testing::TestParamInfo<Way>& info) {
  return info.param == Way::kPlain ? "plain" : info.param == Way::kTls ? "tls" : "http2";
}

INSTANTIATE_TEST_SUITE_P(Ways, ClientLeft, ::testing::Values(Way::kPlain, Way::kTls, Way::kHttp2),
                         name_of);

TEST(ClientLeftHttp1, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server;
  TestClient client(server.port);
  client.get("/hang");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  client.get("/bytes/7");
  EXPECT_TRUE(server_is_quiet());
  server.handler.released = true;
  EXPECT_EQ(client.response().body, body_bytes(5));
  EXPECT_EQ(client.response().body, body_bytes(7));
}

TEST(ClientLeftTls, RecordsWithoutDataAreNoSignOfAnything) {
  TestServer server(tls_config());
  auto client = std::make_unique<TlsTestClient>(server.port);
  client->get("/hang");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(::SSL_key_update(client->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(::SSL_do_handshake(client->ssl()), 1);
  }
  EXPECT_TRUE(server_is_quiet());
  EXPECT_EQ(server.handler.left, 0);
  client->get("/bytes/7");
  EXPECT_TRUE(server_is_quiet());
  server.handler.released = true;
  EXPECT_EQ(client->response().body, body_bytes(5));
  EXPECT_EQ(client->response().body, body_bytes(7));
}

TEST(ClientLeftTls, CloseNotifyIsAnEnd) {
  TestServer server(tls_config());
  TlsTestClient client(server.port);
  client.get("/hang");
  ASSERT_TRUE(eventually([&] { return server.handler.waiting == 1; }));
  ::SSL_shutdown(client.ssl());
  EXPECT_TRUE(eventually([&] { return server.handler.left == 1; }));
}

/// Requests of one HTTP/2 connection that hang.
class ClientLeftHttp2 : public ::testing::Test {
 protected:
  void hang(int count) {
    client_.fetch("/bytes/1");  // the client knows our settings now
    for (int i = 0; i < count; ++i) ids_.push_back(client_.get("/hang"));
    client_.send();
    ASSERT_TRUE(eventually([&] { return server_.handler.waiting == count; }));
  }
  void take_back() {
    for (const int32_t id : ids_) client_.reset(id);
    client_.send();
    ids_.clear();
  }

  TestServer server_;
  TestHttp2Client client_{server_.port};
  std::vector<int32_t> ids_;
};

TEST_F(ClientLeftHttp2, RequestsThatAreTakenBackGiveTheirPlacesBack) {
  const int max = static_cast<int>(http2::kStreamsMax);
  for (int round = 1; round <= 3; ++round) {
    hang(max);
    take_back();
    EXPECT_EQ(client_.fetch("/bytes/5").body, body_bytes(5));
    EXPECT_TRUE(eventually([&] { return server_.handler.left == round * max; }));
  }
  EXPECT_FALSE(client_.goaway);
}

TEST_F(ClientLeftHttp2, AGoawayWithAnErrorEndsTheWaits) {
  hang(3);
  nghttp2_submit_goaway(client_.session(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_INTERNAL_ERROR, nullptr,
                        0);
  client_.send();
  EXPECT_TRUE(eventually([&] { return server_.handler.left == 3; }));
}

TEST_F(ClientLeftHttp2, AGoawayWithoutAnErrorLetsTheStreamsEnd) {
  hang(3);
  nghttp2_submit_goaway(client_.session(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  client_.send();
  EXPECT_TRUE(server_is_quiet());
  EXPECT_EQ(server_.handler.left, 0);
  server_.handler.released = true;
  for (const int32_t id : ids_) EXPECT_EQ(client_.wait(id).body, body_bytes(5));
}

}  // namespace
}  // namespace cachey::net
