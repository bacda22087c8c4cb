#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "base/testing/temporary_file.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

/// An origin behind a scripted proxy.
class S3Proxy : public ::testing::Test {
 protected:
  void use(S3Harness& s3, uint16_t port, const std::string& user = "", const char* except = "") {
    const Proxy proxy =
        parse_proxy_url("http://" + user + "127.0.0.1:" + std::to_string(port)).value();
    s3.config.proxies = std::make_shared<const ProxyRules>(proxy, proxy, NoProxy(except));
  }

  void saw(std::string request) {
    const MutexLock lock(mutex_);
    seen_.push_back(std::move(request));
  }
  std::vector<std::string> seen() {
    const MutexLock lock(mutex_);
    return seen_;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> seen_ GUARDED_BY(mutex_);
};

TEST_F(S3Proxy, PlainRequestsGoThereInAbsoluteForm) {
  ScriptedServer proxy([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      saw(request);
      peer.send(part_of("content", request));
    }
  });
  S3Harness s3(9);
  use(s3, proxy.port(), "user:secret@");
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [](const std::string&) -> Result<std::vector<boost::asio::ip::address>> {
    return fail(ErrorKind::kInternal, "a proxy looks names up itself");
  };
  EXPECT_EQ(s3.fetch().body, "content");
  EXPECT_EQ(s3.fetch().body, "content");
  EXPECT_EQ(proxy.accepted(), 1);
  const std::string request = seen().front();
  EXPECT_THAT(request, StartsWith("GET http://bucket.store.example:9/some/key?x-id=GetObject "));
  EXPECT_THAT(request, HasSubstr("\r\nhost: bucket.store.example:9\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nproxy-authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("SignedHeaders=host;proxy")));
}

TEST_F(S3Proxy, TlsGoesThroughATunnel) {
  const TestIdentity identity = make_test_identity("DNS:*.store.example");
  const TemporaryFile authority(identity.authority);
  SSL_CTX* context = nullptr;
  ScriptedServer proxy(
      [&](Peer& peer, int) {
        saw(peer.read_request());
        peer.send(kEstablished);
        if (peer.start_tls(context)) serve_content(peer, "content");
      },
      Listening{.identity = &identity, .tls_later = true});
  context = proxy.tls();
  S3Harness s3(443, Scheme::kHttps);
  use(s3, proxy.port(), "user:secret@");
  s3.config.endpoint->host = "store.example";
  s3.config.ca_file = authority.path();
  for (int i = 0; i < 3; ++i) {
    const Fetched fetched = s3.fetch();
    EXPECT_EQ(fetched.body, "content") << fetched.message;
  }
  EXPECT_EQ(s3.counters().tunnels_opened.load(), 1u);
  EXPECT_EQ(proxy.accepted(), 1);
  EXPECT_EQ(seen().front(),
            "CONNECT bucket.store.example:443 HTTP/1.1\r\nhost: bucket.store.example:443\r\n"
            "proxy-authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n");
}

TEST_F(S3Proxy, NoProxyNamesThoseThatAreAskedDirectly) {
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  use(s3, 9, "", "10.0.0.1,127.0.0.0/8");
  EXPECT_EQ(s3.fetch().body, "content");
}

TEST_F(S3Proxy, ATunnelThatIsRefusedIsToldWithItsStatus) {
  const std::pair<std::string, uint64_t> answers[] = {
      {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", 0},
      {"HTTP/1.1 503 Service Unavailable\r\n\r\n", 2},
      {"HTTP/1.1 200 OK\r\n\r\nand more", 0},
      {"SSH-2.0-OpenSSH_9.2\r\n", 0},
  };
  for (const auto& [answer, retries] : answers) {
    SCOPED_TRACE(answer);
    ScriptedServer proxy([&](Peer& peer, int) {
      saw(peer.read_request());
      peer.send(answer);
      peer.wait_until_closed();
    });
    S3Harness s3(443, Scheme::kHttps);
    use(s3, proxy.port(), "user:secret@");
    const Fetched fetched = s3.fetch();
    EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
    EXPECT_THAT(fetched.message, HasSubstr("proxy"));
    EXPECT_THAT(fetched.message, Not(HasSubstr("secret")));
    EXPECT_EQ(s3.counters().retries.load(), retries);
    EXPECT_EQ(s3.counters().connections_open.load(), 0);
  }
}

TEST_F(S3Proxy, TheConnectTimeCoversTheTunnel) {
  ScriptedServer proxy([&](Peer& peer, int) { peer.wait_until_closed(); });
  S3Harness s3(443, Scheme::kHttps);
  use(s3, proxy.port());
  GetRequest request = S3Harness::request();
  request.config.connect_timeout = std::chrono::milliseconds(40);
  request.config.attempts_max = 1;
  EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kTimeout);
}

}  // namespace
}  // namespace cachey::origin
