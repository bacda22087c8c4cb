// Sessions, client certificates, and reloads.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/temporary_file.h"
#include "net/testing/test_server.h"
#include "net/testing/tls_test_client.h"
#include "net/tls/ticket_keys.h"

namespace cachey::net {
namespace {

using namespace std::chrono_literals;

constexpr int kBothVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/// Sends one request and returns the status, 0 if there was no response. `session`: set to the
/// session that can be resumed.
int status_of(TlsTestClient& client, SessionPtr* session = nullptr) {
  if (!client.agreed()) return 0;
  client.get("/bytes/1");
  const int status = client.response().status;
  if (session != nullptr) *session = client.session();
  return status;
}

int status_of(uint16_t port, const TlsClientOptions& options, SessionPtr* session = nullptr) {
  TlsTestClient client(port, options);
  return status_of(client, session);
}

/// A server whose certificate and client authority are files.
class TlsSessions : public ::testing::Test {
 protected:
  TlsSessions() { install(authority_.issue()); }

  void install(const TestIdentity& identity) {
    files_.write("cert.pem", identity.certificate);
    files_.write("key.pem", identity.key);
  }
  [[nodiscard]] ServerConfig config(bool asks_clients) const {
    tls::Config tls;
    tls.cert_file = files_.path("cert.pem");
    tls.key_file = files_.path("key.pem");
    if (asks_clients) tls.client_ca_file = files_.write("clients.pem", authority_.certificate());
    ServerConfig made;
    made.tls = tls::Contexts::load(tls, clock_).value();
    return made;
  }

  const SystemClock clock_;
  const TestAuthority authority_;
  const TemporaryDirectory files_;
};

TEST_F(TlsSessions, AreResumedByEveryWorkerAndAfterAReload) {
  const ServerConfig its = config(false);
  TestServer server(its);
  for (const int version : kBothVersions) {
    const uint64_t before = server.stats().tls_sessions_resumed;
    SessionPtr session;
    EXPECT_EQ(status_of(server.port, {.version = version}, &session), 206);
    constexpr int kTimes = 30;  // the kernel spreads the connections over both workers
    for (int i = 0; i < kTimes; ++i) {
      if (i == kTimes / 2) {
        install(authority_.issue());
        ASSERT_TRUE(its.tls->reload());
      }
      TlsTestClient client(server.port, {.version = version, .session = session.get()});
      EXPECT_EQ(status_of(client, &session), 206);
      EXPECT_TRUE(client.resumed());
    }
    EXPECT_EQ(server.stats().tls_sessions_resumed, before + kTimes);
  }
}

TEST_F(TlsSessions, OfAnotherServerAreNot) {
  TestServer one(config(false));
  TestServer other(config(false));
  for (const int version : kBothVersions) {
    SessionPtr session;
    EXPECT_EQ(status_of(one.port, {.version = version}, &session), 206);
    TlsTestClient client(other.port, {.version = version, .session = session.get()});
    EXPECT_EQ(status_of(client), 206);
    EXPECT_FALSE(client.resumed());
  }
}

TEST_F(TlsSessions, AClientMustShowACertificateOfTheAuthority) {
  const ServerConfig its = config(true);
  TestServer server(its);
  const TestIdentity good = authority_.issue();
  const TestIdentity expired = authority_.issue(kExpired);
  const TestIdentity foreign = TestAuthority().issue();
  for (const int version : kBothVersions) {
    EXPECT_EQ(status_of(server.port, {.version = version}), 0);
    EXPECT_EQ(status_of(server.port, {.version = version, .identity = &foreign}), 0);
    EXPECT_EQ(status_of(server.port, {.version = version, .identity = &expired}), 0);
    SessionPtr session;
    EXPECT_EQ(status_of(server.port, {.version = version, .identity = &good}, &session), 206);
    TlsTestClient again(server.port, {.version = version, .session = session.get()});
    EXPECT_EQ(status_of(again), 206);
    EXPECT_TRUE(again.resumed());
  }
  EXPECT_TRUE(eventually([&] { return server.stats().tls_handshake_failures == 6; }));
}

TEST_F(TlsSessions, AResumedClientWhoseCertificateHasExpiredIsRefused) {
  const ServerConfig its = config(true);
  TestServer server(its);
  for (const int version : kBothVersions) {
    const TestIdentity brief = authority_.issue(3);
    SessionPtr session;
    EXPECT_EQ(status_of(server.port, {.version = version, .identity = &brief}, &session), 206);
    const auto resumes = [&] {
      return status_of(server.port, {.version = version, .session = session.get()}) == 206;
    };
    EXPECT_TRUE(resumes());
    EXPECT_TRUE(eventually([&] { return !resumes(); }));
  }
}

TEST_F(TlsSessions, AreNotResumedUnderAnotherClientAuthority) {
  const ServerConfig its = config(true);
  TestServer server(its);
  const TestIdentity identity = authority_.issue();
  const TestAuthority other;
  const TestIdentity others = other.issue();
  for (const int version : kBothVersions) {
    files_.write("clients.pem", authority_.certificate());
    ASSERT_TRUE(its.tls->reload());
    SessionPtr session;
    EXPECT_EQ(status_of(server.port, {.version = version, .identity = &identity}, &session), 206);
    files_.write("clients.pem", other.certificate());
    ASSERT_TRUE(its.tls->reload());
    EXPECT_EQ(status_of(server.port, {.version = version, .session = session.get()}), 0);
    TlsTestClient both(server.port,
                       {.version = version, .identity = &others, .session = session.get()});
    EXPECT_EQ(status_of(both), 206);
    EXPECT_FALSE(both.resumed());
  }
}

TEST_F(TlsSessions, AReloadFailsNoRequest) {
  const ServerConfig its = config(false);
  TestServer server(its);
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::atomic<int> served = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&, keeps = i == 0] {
      while (!stop) {
        TlsTestClient client(server.port);
        for (int n = 0; n < (keeps ? 50 : 1); ++n) {
          client.get("/bytes/50000");
          (client.response().body == body_bytes(50'000) ? served : failed) += 1;
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const int before = served;
    install(authority_.issue());
    EXPECT_TRUE(its.tls->reload());
    EXPECT_TRUE(eventually([&] { return served > before; }));
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(TlsSessions, NewConnectionsSeeTheNewCertificateAndOldOnesGoOn) {
  const ServerConfig its = config(false);
  TestServer server(its);
  const std::string first = authority_.certificate();
  TlsTestClient old(server.port, {.trusted = first});
  EXPECT_EQ(status_of(old), 206);
  EXPECT_FALSE(its.tls->reload()->certificate);
  const TestAuthority other;
  install(other.issue());
  const auto change = its.tls->reload();
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->certificate);
  EXPECT_FALSE(change->authorities);
  EXPECT_EQ(status_of(old), 206);
  EXPECT_EQ(status_of(server.port, {.trusted = first}), 0);
  const std::string second = other.certificate();
  EXPECT_EQ(status_of(server.port, {.trusted = second}), 206);
}

TEST_F(TlsSessions, AReloadThatFailsChangesNothing) {
  const ServerConfig its = config(false);
  TestServer server(its);
  files_.write("key.pem", authority_.issue().key);
  const auto reloaded = its.tls->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().message(), "the TLS key \"" + files_.path("key.pem") +
                                            "\" does not belong to the certificate \"" +
                                            files_.path("cert.pem") + "\"");
  const std::string trusted = authority_.certificate();
  EXPECT_EQ(status_of(server.port, {.trusted = trusted}), 206);
}

TEST(TicketKeys, SealForAWhileAndOpenForAsLongAgain) {
  const ManualClock clock;
  tls::TicketKeys keys(clock);
  const MonoTime start{};
  const auto after = [&](double times) {
    return start +
           std::chrono::duration_cast<MonoTime::duration>(times * tls::TicketKeys::kSealingTime);
  };
  const tls::TicketKey first = *keys.to_seal(start);
  EXPECT_EQ(keys.to_seal(after(0.99))->name, first.name);
  EXPECT_EQ(keys.to_open(first.name, after(0.5))->cipher, first.cipher);
  const tls::TicketKey second = *keys.to_seal(after(1));
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_TRUE(keys.to_open(first.name, after(1.9)));
  EXPECT_TRUE(keys.to_open(second.name, after(1.9)));
  EXPECT_FALSE(keys.to_open(first.name, after(2)));
  EXPECT_TRUE(keys.to_open(second.name, after(2)));
  const tls::TicketKey third = *keys.to_seal(after(2.5));
  EXPECT_FALSE(keys.to_open(first.name, after(2.5)));
  EXPECT_TRUE(keys.to_open(third.name, after(2.5)));
}

}  // namespace
}  // namespace cachey::net
