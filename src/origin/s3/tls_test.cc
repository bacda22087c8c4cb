#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temporary_file.h"
#include "origin/s3/s3_origin.h"
#include "origin/testing/s3_harness.h"
#include "origin/transport/tls_stream.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

class S3Tls : public ::testing::Test {
 protected:
  /// Fetches from a server with `identity`, trusting the authority of `trusted`.
  Fetched fetch(const TestIdentity& identity, const TestIdentity& trusted,
                const std::string& host) {
    ScriptedServer server([](Peer& peer, int) { serve_content(peer, std::string(100'000, 'x')); },
                          &identity);
    const TemporaryFile authority(trusted.authority);
    S3Harness s3(server.port(), Scheme::kHttps);
    s3.config.endpoint->host = host;
    s3.config.path_style = true;
    s3.config.ca_file = authority.path();
    Fetched fetched = s3.fetch(S3Harness::request({0, 100'000}));
    if (fetched.ok) {
      EXPECT_TRUE(s3.fetch(S3Harness::request({5, 6})).ok);
      EXPECT_EQ(s3.counters().connections_opened.load(), 1u);
    }
    attempts_ = s3.counters().retries.load() + 1;
    return fetched;
  }

  uint64_t attempts_ = 0;
};

TEST_F(S3Tls, TrustsTheAuthorityByNameAndByAddress) {
  const TestIdentity identity = make_test_identity("DNS:localhost,IP:127.0.0.1");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const Fetched fetched = fetch(identity, identity, host);
    EXPECT_TRUE(fetched.ok) << fetched.message;
    EXPECT_TRUE(fetched.body == std::string(100'000, 'x'));
  }
}

TEST_F(S3Tls, AnUnknownAuthorityIsRefusedAtOnce) {
  const Fetched fetched =
      fetch(make_test_identity("DNS:localhost"), make_test_identity("DNS:localhost"), "localhost");
  EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
  EXPECT_THAT(fetched.message, HasSubstr("certificate"));
  EXPECT_EQ(attempts_, 1u);
}

TEST_F(S3Tls, TheCertificateOfAnotherHostIsRefusedAtOnce) {
  const TestIdentity identity = make_test_identity("DNS:other.example,IP:127.0.0.2");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const Fetched fetched = fetch(identity, identity, host);
    EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
    EXPECT_THAT(fetched.message, HasSubstr("certificate"));
    EXPECT_EQ(attempts_, 1u);
  }
}

TEST_F(S3Tls, AnExpiredCertificateIsRefusedAtOnce) {
  const TestIdentity identity = make_test_identity("DNS:localhost", kExpired);
  const Fetched fetched = fetch(identity, identity, "localhost");
  EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
  EXPECT_THAT(fetched.message, HasSubstr("expired"));
  EXPECT_EQ(attempts_, 1u);
}

TEST_F(S3Tls, VersionsBefore12AreRefused) {
  const TestIdentity identity = make_test_identity("DNS:localhost");
  const TemporaryFile authority(identity.authority);
  for (const int version : {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); },
                          Listening{.identity = &identity, .tls_version_max = version});
    S3Harness s3(server.port(), Scheme::kHttps);
    s3.config.endpoint->host = "localhost";
    s3.config.path_style = true;
    s3.config.ca_file = authority.path();
    const Fetched fetched = s3.fetch();
    EXPECT_EQ(fetched.ok, version >= TLS1_2_VERSION) << fetched.message;
  }
}

TEST_F(S3Tls, RecordsWithoutDataAreCounted) {
  constexpr size_t kMost = TlsStream::kEmptyRecordsMax;
  const TestIdentity identity = make_test_identity("DNS:localhost");
  const TemporaryFile authority(identity.authority);
  for (const bool too_many : {false, true}) {
    ScriptedServer server(
        [too_many](Peer& peer, int) {
          if (peer.read_request().empty()) return;
          peer.send(
              "HTTP/1.1 206 x\r\nContent-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\n");
          peer.update_keys(too_many ? kMost + 2 : kMost - 4);  // the session tickets count, too
          for (int i = 0; i < 99; ++i) peer.send("x");         // a record each
          peer.update_keys(kMost - 1);
          peer.send("x");
          peer.wait_until_closed();
        },
        Listening{.identity = &identity, .tls_version_max = TLS1_3_VERSION});
    S3Harness s3(server.port(), Scheme::kHttps);
    s3.config.endpoint->host = "localhost";
    s3.config.path_style = true;
    s3.config.ca_file = authority.path();
    s3.config.limits.stall_timeout = std::chrono::milliseconds(60'000);
    const Fetched fetched = s3.fetch();
    EXPECT_EQ(fetched.ok, !too_many) << fetched.message;
    if (!too_many) continue;
    EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
    EXPECT_THAT(fetched.message, HasSubstr("TLS records without data"));
  }
}

TEST_F(S3Tls, ATrustStoreThatCannotBeReadIsToldAtTheStart) {
  TestWorkers workers;
  FixedRandom random(0.0);
  AttributesPool attributes;
  S3Config config;
  config.ca_file = "/nonexistent/ca.pem";
  const auto made = make_s3_origin(config, workers.workers(), workers.pool(), attributes,
                                   workers.clock(), random);
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().message(), HasSubstr("/nonexistent/ca.pem"));
}

}  // namespace
}  // namespace cachey::origin
