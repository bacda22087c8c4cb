// What a TLS client sees: handshake, bytes, ends.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <string_view>

#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

TEST(Tls, SpeaksTls12And13AndNothingOlder) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    TlsTestClient client(server.port, {.version = version});
    ASSERT_TRUE(client.agreed());
    EXPECT_EQ(client.version(), version);
    client.get("/bytes/5");
    EXPECT_EQ(client.response().body, body_bytes(5));
  }
  EXPECT_FALSE(TlsTestClient(server.port, {.version = TLS1_1_VERSION}).agreed());
  EXPECT_TRUE(eventually([&] { return server.stats().tls_handshake_failures == 1; }));
  EXPECT_EQ(server.stats().tls_handshakes, 2u);
  EXPECT_EQ(server.stats().tls_sessions_resumed, 0u);
}

TEST(Tls, ChoosesTheProtocolByAlpn) {
  TestServer server(tls_config());
  constexpr std::string_view kOld = "\x08http/1.1";
  constexpr std::string_view kOldOrNew = "\x08http/1.1\x02h2";
  constexpr std::string_view kOther = "\x04spdy";
  EXPECT_EQ(TlsTestClient(server.port, {.alpn = kOldOrNew}).alpn(), "h2");
  EXPECT_EQ(TlsTestClient(server.port, {.alpn = kOld}).alpn(), "http/1.1");
  EXPECT_EQ(TlsTestClient(server.port).alpn(), "");
  EXPECT_FALSE(TlsTestClient(server.port, {.alpn = kOther}).agreed());
}

TEST(Tls, BodiesOfAnySizeArriveWhole) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    TlsTestClient client(server.port, {.version = version});
    for (const size_t size : {0, 1, 4096, 16'000, 16'384, 16'385, 300'000, 1 << 20, 64 << 20}) {
      client.get("/bytes/" + std::to_string(size));
      const auto response = client.response();
      EXPECT_EQ(response.status, 206);
      EXPECT_TRUE(response.body == body_bytes(size)) << size;
    }
    client.get("/pieces/100000");
    EXPECT_TRUE(client.response().body == body_bytes(100'000));
  }
}

TEST(Tls, BodiesInSmallRecordsArriveWhole) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    for (const int fragment : {TLSEXT_max_fragment_length_512, TLSEXT_max_fragment_length_1024}) {
      TlsTestClient client(server.port, {.version = version, .fragment = fragment});
      client.get("/bytes/5000000");
      const auto response = client.response();
      EXPECT_TRUE(response.whole);
      EXPECT_TRUE(response.body == body_bytes(5'000'000)) << response.body.size();
      const int smallest = 512 << (fragment - TLSEXT_max_fragment_length_512);
      EXPECT_GE(client.records(), 5'000'000 / smallest);
    }
  }
}

TEST(Tls, RecordsAreFull) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    TlsTestClient client(server.port, {.version = version});
    client.get("/bytes/4096");  // a head, and a body of two parts
    EXPECT_TRUE(client.response().whole);
    const int before = client.records();  // in TLS 1.3 with some of the handshake
    if (version == TLS1_2_VERSION) EXPECT_EQ(before, 1);
    client.get("/bytes/3000000");
    EXPECT_TRUE(client.response().whole);
    EXPECT_LE(client.records(), before + 3'000'000 / 16'384 + 4);
  }
}

TEST(Tls, EveryCipherBringsTheBytes) {
  TestServer server(tls_config());
  for (const char* const cipher :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    TlsTestClient client(server.port, {.version = TLS1_3_VERSION, .cipher = cipher});
    ASSERT_TRUE(client.agreed());
    EXPECT_STREQ(SSL_get_cipher_name(client.ssl()), cipher);
    for (const size_t size : {1, 70'000, 3'000'000}) {
      client.get("/bytes/" + std::to_string(size));
      EXPECT_TRUE(client.response().body == body_bytes(size)) << cipher << ' ' << size;
    }
    client.get("/bytes/5", "Connection: close\r\n");
    EXPECT_EQ(client.response().body, body_bytes(5));
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());  // by close_notify
  }
}

TEST(Tls, KeysMayBeUpdatedBetweenResponses) {
  TestServer server(tls_config());
  for (const int type : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    TlsTestClient client(server.port, {.version = TLS1_3_VERSION});
    for (int i = 0; i < 3; ++i) {
      client.get("/bytes/300000");
      ASSERT_TRUE(client.response().body == body_bytes(300'000)) << i;
      ASSERT_EQ(SSL_key_update(client.ssl(), type), 1);
      ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    }
    client.get("/bytes/5", "Connection: close\r\n");
    EXPECT_EQ(client.response().body, body_bytes(5));
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());
    EXPECT_EQ(client.key_updates(), type == SSL_KEY_UPDATE_REQUESTED ? 3 : 0);
  }
}

TEST(Tls, AnswersPipelinedRequestsInOrder) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    TlsTestClient client(server.port, {.version = version});
    std::string requests;  // 50 KB: larger than a buffer, in records larger than a buffer
    for (int i = 0; i < 1000; ++i) {
      requests += "GET /bytes/" + std::to_string(i) + " HTTP/1.1\r\nHost: t\r\n\r\n";
    }
    client.send(requests);
    for (size_t i = 0; i < 1000; ++i) ASSERT_EQ(client.response().body, body_bytes(i));
  }
}

TEST(Tls, ReadsAHeadInPieces) {
  TestServer server(tls_config());
  TlsTestClient client(server.port);
  for (int i = 0; i < 3; ++i) {
    const std::string request =
        "GET /echo HTTP/1.1\r\nHost: t\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
    for (size_t at = 0; at < request.size(); at += 700) {
      client.send(std::string_view(request).substr(at, 700));
    }
    EXPECT_EQ(client.response().body, "GET /echo|host=t|x=" + std::string(9000, 'x'));
  }
}

TEST(Tls, AnEndIsSaidSo) {
  TestServer server(tls_config());
  for (const int version : kVersions) {
    TlsTestClient client(server.port, {.version = version});
    client.get("/bytes/1000000", "Connection: close\r\n");
    EXPECT_TRUE(client.response().body == body_bytes(1'000'000));
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.ended());  // by close_notify
    TlsTestClient refused(server.port, {.version = version});
    refused.send("GARBAGE\r\n\r\n");
    EXPECT_EQ(refused.response().status, 400);
    refused.rest();
    EXPECT_TRUE(refused.ended());
  }
}

TEST(Tls, ABrokenOffResponseIsNotEnded) {
  TestServer server(tls_config());
  for (const std::string_view target : {"/half/1000", "/abort", "/half/3000000", "/throw"}) {
    for (const std::string_view more : {"", "TE: trailers\r\n"}) {
      TlsTestClient client(server.port);
      client.get(target, more);
      EXPECT_FALSE(client.response().whole) << target;
      EXPECT_FALSE(client.ended()) << target;
    }
  }
}

TEST(Tls, AClientMayLeaveAtAnyTime) {
  TestServer server(tls_config());
  for (const std::string_view sent :
       {"", "GET /bytes/1 HT", "GET /wait HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /bytes/30000000 HTTP/1.1\r\nHost: t\r\n\r\n"}) {
    TlsTestClient cut(server.port);
    cut.send(sent);
    shutdown(cut.fd(), SHUT_RDWR);  // without close_notify
    TlsTestClient polite(server.port);
    polite.send(sent);
    SSL_shutdown(polite.ssl());
  }
  server.handler.released = true;
  EXPECT_TRUE(eventually([&] { return server.stats().connections == 0; }));
}

TEST(Tls, ADrainLetsDownloadsComplete) {
  TestServer server(tls_config());
  TlsTestClient client(server.port, {.receive_buffer = 64 * 1024});
  client.get("/bytes/30000000");
  ASSERT_TRUE(client.receive());
  TlsTestClient idle(server.port);
  idle.get("/bytes/1");
  EXPECT_EQ(idle.response().status, 206);
  TestClient silent(server.port);
  TestClient halfway(server.port);
  halfway.send("\x16");
  ASSERT_TRUE(eventually([&] { return server.stats().connections == 4; }));
  std::future<bool> drained =
      std::async(std::launch::async, [&] { return server.server().drain(20s); });
  for (TestClient* each : std::initializer_list<TestClient*>{&idle, &silent, &halfway}) {
    EXPECT_EQ(each->rest(), "");
    EXPECT_TRUE(each->ended());
  }
  const auto response = client.response();
  EXPECT_TRUE(response.whole);
  EXPECT_TRUE(response.body == body_bytes(30'000'000));
  EXPECT_TRUE(drained.get());
}

}  // namespace
}  // namespace cachey::net
