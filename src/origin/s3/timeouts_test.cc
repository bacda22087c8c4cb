#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "origin/s3/s3_origin.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

namespace ip = boost::asio::ip;

/// Reads requests and never answers.
void stay_silent(Peer& peer, int) { peer.wait_until_closed(); }

TEST(S3Timeouts, FirstByteEndsEachAttempt) {
  ScriptedServer server(stay_silent);
  S3Harness s3(server.port());
  GetRequest request = S3Harness::request();
  request.config.first_byte_timeout = milliseconds(30);
  const auto start = steady_clock::now();
  const Fetched fetched = s3.fetch(std::move(request));
  EXPECT_EQ(fetched.error, ErrorKind::kTimeout) << fetched.message;
  EXPECT_GE(steady_clock::now() - start, milliseconds(90));
  EXPECT_EQ(s3.counters().requests.load(), 3u);
}

TEST(S3Timeouts, ZeroHasPassedAlready) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  for (auto limit : {&RequestConfig::connect_timeout, &RequestConfig::first_byte_timeout,
                     &RequestConfig::attempt_timeout, &RequestConfig::operation_timeout}) {
    GetRequest request = S3Harness::request();
    request.config.*limit = milliseconds(0);
    EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kTimeout);
  }
  EXPECT_EQ(s3.counters().requests.load(), 0u);
}

TEST(S3Timeouts, HugeLimitsAreLimitsLikeAnyOther) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  GetRequest request = S3Harness::request();
  for (auto limit : {&RequestConfig::connect_timeout, &RequestConfig::first_byte_timeout,
                     &RequestConfig::attempt_timeout, &RequestConfig::operation_timeout,
                     &RequestConfig::backoff_initial, &RequestConfig::backoff_max}) {
    request.config.*limit = milliseconds::max();
  }
  request.config.attempts_max = UINT32_MAX;
  EXPECT_TRUE(s3.fetch(std::move(request)).ok);
}

TEST(S3Timeouts, ConnectCoversTheLookUp) {
  std::latch proceed(1);
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [&](const std::string&) -> Result<std::vector<ip::address>> {
    proceed.wait();
    return std::vector<ip::address>{ip::make_address("127.0.0.1")};
  };
  GetRequest request = S3Harness::request();
  request.config.connect_timeout = milliseconds(30);
  EXPECT_EQ(s3.fetch(request).error, ErrorKind::kTimeout);
  proceed.count_down();
  request.config.connect_timeout = milliseconds(5000);
  EXPECT_TRUE(s3.fetch(request).ok);
}

TEST(S3Timeouts, ConnectCoversTheTlsHandshake) {
  ScriptedServer server(stay_silent);
  S3Harness s3(server.port(), Scheme::kHttps);
  GetRequest request = S3Harness::request();
  request.config.connect_timeout = milliseconds(30);
  request.config.attempts_max = 1;
  const Fetched fetched = s3.fetch(std::move(request));
  EXPECT_EQ(fetched.error, ErrorKind::kTimeout) << fetched.message;
}

TEST(S3Timeouts, OperationEndsThemAll) {
  ScriptedServer server(stay_silent);
  S3Harness s3(server.port());
  s3.random = FixedRandom(0.99);
  GetRequest request = S3Harness::request();
  request.config.operation_timeout = milliseconds(120);
  request.config.first_byte_timeout = milliseconds(50);
  request.config.backoff_initial = milliseconds(20'000);
  const auto start = steady_clock::now();
  EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kTimeout);
  EXPECT_GE(steady_clock::now() - start, milliseconds(120));
  EXPECT_LT(steady_clock::now() - start, milliseconds(10'000));
  EXPECT_EQ(s3.counters().requests.load(), 1u);
}

/// get() waits until the deadline.
class NoCredentials final : public CredentialsProvider {
 public:
  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker, MonoTime deadline) override {
    ++asked;
    co_await worker.timers().sleep(deadline - worker.timers().now());
    co_return fail(ErrorKind::kTimeout, "no credentials");
  }
  rt::Task<aws::CredentialsPtr> replace(rt::Worker&, aws::CredentialsPtr, MonoTime) override {
    co_return nullptr;
  }

  std::atomic<int> asked = 0;
};

TEST(S3Timeouts, OperationAndAttemptCoverTheCredentials) {
  S3Harness s3(1);
  const auto credentials = std::make_shared<NoCredentials>();
  s3.config.credentials = credentials;
  GetRequest request = S3Harness::request();
  request.config.operation_timeout = milliseconds(50);
  const Fetched fetched = s3.fetch(request);
  EXPECT_EQ(fetched.error, ErrorKind::kTimeout);
  EXPECT_THAT(fetched.message, HasSubstr("the operation timed out"));
  EXPECT_EQ(credentials->asked, 1);
  request.config.operation_timeout.reset();
  request.config.attempt_timeout = milliseconds(50);
  EXPECT_EQ(s3.fetch(request).error, ErrorKind::kTimeout);
  EXPECT_EQ(credentials->asked, 4);
  EXPECT_EQ(s3.counters().requests.load(), 0u);
}

/// get() fails at once.
class UnknownCredentials final : public CredentialsProvider {
 public:
  explicit UnknownCredentials(ErrorKind kind) : kind_(kind) {}
  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker&, MonoTime) override {
    co_return fail(kind_, "no credentials");
  }
  rt::Task<aws::CredentialsPtr> replace(rt::Worker&, aws::CredentialsPtr, MonoTime) override {
    co_return nullptr;
  }

 private:
  const ErrorKind kind_;
};

TEST(S3Timeouts, ThatNobodySaysWhoWeAreIsNotTheStoresFault) {
  for (const auto& [said, told] : {std::pair(ErrorKind::kTimeout, ErrorKind::kRefused),
                                   std::pair(ErrorKind::kUpstream, ErrorKind::kRefused),
                                   std::pair(ErrorKind::kDenied, ErrorKind::kRefused)}) {
    S3Harness s3(1);
    s3.config.credentials = std::make_shared<UnknownCredentials>(said);
    EXPECT_EQ(s3.fetch().error, told);
  }
}

TEST(S3Timeouts, AttemptCoversTheHeadNotTheBody) {
  std::latch proceed(1);
  ScriptedServer server([&](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send("HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n01234");
    proceed.wait();
    peer.send("56789");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  GetRequest request = S3Harness::request();
  request.config.attempt_timeout = milliseconds(40);
  request.config.operation_timeout = milliseconds(40);
  request.config.first_byte_timeout = milliseconds(40);
  std::future<Fetched> fetch = s3.start_fetch(std::move(request));
  EXPECT_EQ(fetch.wait_for(milliseconds(150)), std::future_status::timeout);
  proceed.count_down();
  const Fetched fetched = fetch.get();
  EXPECT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(fetched.body, "0123456789");
}

TEST(S3Timeouts, ABodyThatStallsIsATimeout) {
  ScriptedServer server([](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send("HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n01234");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.limits.stall_timeout = milliseconds(50);
  const auto start = steady_clock::now();
  const Fetched fetched = s3.fetch();
  EXPECT_TRUE(fetched.has_head);
  EXPECT_EQ(fetched.body, "01234");
  EXPECT_EQ(fetched.error, ErrorKind::kTimeout);
  EXPECT_THAT(fetched.message, HasSubstr("5 bytes before the end"));
  EXPECT_GE(steady_clock::now() - start, milliseconds(50));
}

TEST(S3Timeouts, TheFirstByteOfABodyHasTheServersTimeForFirstBytes) {
  std::latch proceed(1);
  ScriptedServer server([&](Peer& peer, int connection) {
    static_cast<void>(peer.read_request());
    peer.send("HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n");
    if (connection > 0) return peer.wait_until_closed();
    proceed.wait();
    peer.send("0123456789");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.limits.stall_timeout = milliseconds(40);
  s3.config.limits.first_byte_timeout = milliseconds(400);
  GetRequest request = S3Harness::request();
  request.config.first_byte_timeout = milliseconds(200);  // of the head alone
  std::future<Fetched> fetch = s3.start_fetch(request);
  EXPECT_EQ(fetch.wait_for(milliseconds(250)), std::future_status::timeout);
  proceed.count_down();
  const Fetched fetched = fetch.get();
  EXPECT_EQ(fetched.body, "0123456789") << fetched.message;
  const auto start = steady_clock::now();
  GetRequest fresh = S3Harness::request();
  fresh.fresh_connection = true;
  EXPECT_EQ(s3.fetch(fresh).error, ErrorKind::kTimeout);
  EXPECT_GE(steady_clock::now() - start, milliseconds(400));
}

TEST(S3Timeouts, AnErrorTextThatStallsIsTriedAgain) {
  ScriptedServer server([](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    peer.send(connection < 2 ? "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n<Err"
                             : error_response("404 Not Found", "NoSuchKey"));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.limits.stall_timeout = milliseconds(30);
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kNotFound);
  EXPECT_THAT(fetched.message, HasSubstr("NoSuchKey"));
  EXPECT_EQ(server.accepted(), 3);
}

}  // namespace
}  // namespace cachey::origin
