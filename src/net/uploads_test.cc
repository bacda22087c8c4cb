// Requests with a body, which no handler reads: the client gets the response, whether it reads
// before, while or after it sends.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include "net/connection/connection.h"
#include "net/testing/test_client.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

constexpr size_t kPiece = size_t{1} << 20;
constexpr size_t kUploadBytes = 16 * kPiece;  // more than the sockets hold

std::string put(size_t bytes, std::string_view more = {}) {
  return "PUT /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(bytes) + "\r\n" +
         std::string(more) + "\r\n";
}

/// Sends at most `bytes`. Returns how many pieces the server's side took.
size_t send_pieces(TestClient& client, size_t pieces) {
  const std::string piece(kPiece, 'x');
  for (size_t sent = 0; sent < pieces; ++sent) {
    if (!client.send(piece)) return sent;
  }
  return pieces;
}

TEST(Uploads, AClientThatReadsNothingBeforeAllIsSentGetsTheResponse) {
  TestServer server;
  TestClient client(server.port);
  client.send(put(kUploadBytes));
  EXPECT_EQ(send_pieces(client, kUploadBytes / kPiece), kUploadBytes / kPiece);
  const auto response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_TRUE(response.body.starts_with("PUT /echo|host=t|"));
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(server.stats().requests, 1u);
}

TEST(Uploads, AlsoWithTls) {
  TestServer server(tls_config());
  TlsTestClient client(server.port);
  ASSERT_TRUE(client.agreed());
  client.send(put(kUploadBytes));
  EXPECT_EQ(send_pieces(client, kUploadBytes / kPiece), kUploadBytes / kPiece);
  EXPECT_TRUE(client.response().body.starts_with("PUT /echo|host=t|"));
  EXPECT_EQ(server.stats().requests, 1u);
}

TEST(Uploads, InChunksToo) {
  TestServer server;
  TestClient client(server.port);
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
  EXPECT_EQ(send_pieces(client, 1), 1u);
  client.send("\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nHost: smuggled\r\n\r\n");
  EXPECT_EQ(client.response().body, "POST /echo|host=t|transfer-encoding=chunked");
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(server.stats().requests, 1u);
}

// A client that waits for 100 need not send its body.
TEST(Uploads, AnExpectationIsAnsweredByTheFinalStatusOnly) {
  TestServer server;
  TestClient client(server.port);
  client.send(put(kUploadBytes, "Expect: 100-continue\r\n"));
  const auto response = client.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.has("Connection: close"));
  shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(client.rest(), "");
  EXPECT_TRUE(client.ended());
}

TEST(Uploads, ABodyPastTheLimitIsCutOff) {
  TestServer server;
  TestClient client(server.port);
  const size_t pieces = 2 * Connection::kLingerBytesMax / kPiece;
  client.send(put(pieces * kPiece));
  EXPECT_LT(send_pieces(client, pieces), pieces);
}

TEST(Uploads, AClientThatGoesOnForEverIsLeft) {
  TestServer server;
  TestClient client(server.port);
  client.send(put(1'000'000'000));
  EXPECT_EQ(client.response().status, 200);
  const auto begin = std::chrono::steady_clock::now();
  while (client.send("x") && std::chrono::steady_clock::now() - begin < 10s)
    std::this_thread::sleep_for(20ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Connection::kLingerTime + 2s);
}

TEST(Uploads, OnlySomeConnectionsOfAWorkerMayThrowMuchAway) {
  TestServer server({}, 1);
  std::vector<TestClient> clients;
  for (size_t i = 0; i < Connection::kLingersMax; ++i) {
    clients.emplace_back(server.port);
    clients.back().send(put(kUploadBytes));
    EXPECT_EQ(clients.back().response().status, 200);
  }
  TestClient further(server.port);
  further.send(put(kUploadBytes));
  EXPECT_EQ(further.response().status, 200);
  EXPECT_LT(send_pieces(further, kUploadBytes / kPiece), kUploadBytes / kPiece);
  EXPECT_EQ(send_pieces(clients.front(), kUploadBytes / kPiece), kUploadBytes / kPiece);
  clients.clear();
  TestClient later(server.port);  // the places are free again
  later.send(put(kUploadBytes));
  EXPECT_EQ(later.response().status, 200);
}

}  // namespace
}  // namespace cachey::net
