#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <latch>
#include <stop_token>

#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTenBytes =
    "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n";

/// A get that the test cancels; its limits are long.
class S3CancelTest : public ::testing::Test {
 protected:
  [[nodiscard]] GetRequest request() const {
    GetRequest request = S3Harness::request();
    request.stop = stop_.get_token();
    request.config.first_byte_timeout = milliseconds(60'000);
    request.config.connect_timeout = milliseconds(60'000);
    request.config.backoff_initial = milliseconds(60'000);
    request.config.backoff_max = milliseconds(60'000);
    return request;
  }

  void stop(S3Harness& s3) {
    rt::asio::post(s3.workers.workers()[0].io(), [this] { stop_.request_stop(); });
  }

  void expect_cancelled(std::future<Fetched> fetch) {
    const Fetched fetched = fetch.get();
    EXPECT_FALSE(fetched.ok);
    EXPECT_EQ(fetched.error, ErrorKind::kCancelled) << fetched.message;
  }

  std::stop_source stop_;
  std::latch reached_{1};  // the script is where the test cancels
};

TEST_F(S3CancelTest, BeforeItBegins) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  stop_.request_stop();
  expect_cancelled(s3.start_fetch(request()));
  EXPECT_EQ(s3.counters().requests.load(), 0u);
}

TEST_F(S3CancelTest, DuringTheLookUp) {
  std::latch proceed(1);
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [&](const std::string&) -> Result<std::vector<boost::asio::ip::address>> {
    reached_.count_down();
    proceed.wait();
    return std::vector<boost::asio::ip::address>{boost::asio::ip::make_address("127.0.0.1")};
  };
  std::future<Fetched> fetch = s3.start_fetch(request());
  reached_.wait();
  stop(s3);
  expect_cancelled(std::move(fetch));
  proceed.count_down();
}

TEST_F(S3CancelTest, DuringTheTlsHandshake) {
  ScriptedServer server([this](Peer& peer, int) {
    reached_.count_down();
    peer.wait_until_closed();
  });
  S3Harness s3(server.port(), Scheme::kHttps);
  std::future<Fetched> fetch = s3.start_fetch(request());
  reached_.wait();
  stop(s3);
  expect_cancelled(std::move(fetch));
}

TEST_F(S3CancelTest, BeforeTheHead) {
  ScriptedServer server([this](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    reached_.count_down();
    peer.wait_until_closed();  // else the test hangs
  });
  S3Harness s3(server.port());
  std::future<Fetched> fetch = s3.start_fetch(request());
  reached_.wait();
  stop(s3);
  expect_cancelled(std::move(fetch));
}

TEST_F(S3CancelTest, InTheBody) {
  ScriptedServer server([this](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send(kTenBytes);
    peer.send("01234");
    reached_.count_down();
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  std::future<Fetched> fetch = s3.start_fetch(request());
  reached_.wait();
  stop(s3);
  expect_cancelled(std::move(fetch));
}

TEST_F(S3CancelTest, WhileItWaitsForAConnection) {
  std::latch proceed(1);
  ScriptedServer server([&](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    reached_.count_down();
    proceed.wait();
    peer.send(std::string(kTenBytes) + "0123456789");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.pool.connections_per_host_max = 1;
  std::future<Fetched> first = s3.start_fetch();
  reached_.wait();
  std::future<Fetched> fetch = s3.start_fetch(request());
  stop(s3);
  expect_cancelled(std::move(fetch));
  proceed.count_down();
  EXPECT_TRUE(first.get().ok);
  EXPECT_EQ(s3.counters().requests.load(), 1u);
}

TEST_F(S3CancelTest, BetweenTwoAttempts) {
  ScriptedServer server([](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send(error_response("500 Internal Server Error", "InternalError"));
  });
  S3Harness s3(server.port());
  s3.random = FixedRandom(0.99);
  std::future<Fetched> fetch = s3.start_fetch(request());
  EXPECT_TRUE(eventually([&] { return s3.counters().requests.load() == 1; }));
  stop(s3);
  expect_cancelled(std::move(fetch));
  EXPECT_EQ(s3.counters().requests.load(), 1u);
  EXPECT_EQ(s3.counters().retries.load(), 0u);
}

TEST_F(S3CancelTest, AConnectionThatWasGivenBackStays) {
  ScriptedServer server([](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  EXPECT_TRUE(s3.fetch(request()).ok);
  stop(s3);
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(S3CancelTest, BytesThatNobodyHasReadAreProgress) {
  ScriptedServer server([](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send(kTenBytes);
    peer.send("01234");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  rt::Worker& worker = s3.workers.workers()[0];
  std::unique_ptr<GetStream> stream = *s3.workers.run(s3.origin().get(worker, request()));
  const auto progress = [&] {
    std::promise<uint64_t> told;
    rt::asio::post(worker.io(), [&] { told.set_value(stream->progress()); });
    return told.get_future().get();
  };
  EXPECT_TRUE(eventually([&] { return progress() == 5; }));
  stop(s3);
  std::promise<void> gone;
  rt::asio::post(worker.io(), [&] {
    stream.reset();
    gone.set_value();
  });
  gone.get_future().get();
}

}  // namespace
}  // namespace cachey::origin
