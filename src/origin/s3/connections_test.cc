#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "origin/s3/s3_origin.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

namespace ip = boost::asio::ip;

TEST(S3Connections, AreReused) {
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(s3.fetch().ok);
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_EQ(s3.counters().connections_opened.load(), 1u);
  EXPECT_EQ(s3.counters().connections_reused.load(), 4u);
  EXPECT_EQ(s3.counters().connections_open.load(), 1);
}

TEST(S3Connections, AreClosedWhereTheServerSaysSo) {
  ScriptedServer server([&](Peer& peer, int) {
    const std::string request = peer.read_request();
    std::string answer = part_of("content", request);
    answer.insert(answer.find("\r\n") + 2, "Connection: close\r\n");
    peer.send(answer);
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  ASSERT_TRUE(s3.fetch().ok);
  ASSERT_TRUE(s3.fetch().ok);
  EXPECT_EQ(server.accepted(), 2);
}

TEST(S3Connections, AUsedOneThatDiesIsReplacedForFree) {
  ScriptedServer server([&](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    peer.send(part_of("content", request));
    if (connection == 0) {
      if (!peer.read_request().empty()) peer.reset();
    } else {
      serve_content(peer, "content");
    }
  });
  S3Harness s3(server.port());
  s3.config.limits.attempts_max = 1;
  ASSERT_TRUE(s3.fetch().ok);
  const Fetched again = s3.fetch();
  EXPECT_TRUE(again.ok) << again.message;
  EXPECT_EQ(server.accepted(), 2);
  EXPECT_EQ(s3.counters().resends.load(), 1u);
  EXPECT_EQ(s3.counters().retries.load(), 0u);
}

/// Runs two gets at a time; two connections are idle afterwards.
class S3TwoIdle : public ::testing::Test {
 protected:
  S3TwoIdle() {
    std::future<Fetched> first = s3_.start_fetch();
    std::future<Fetched> second = s3_.start_fetch();
    EXPECT_TRUE(first.get().ok && second.get().ok);
  }

  std::latch both_{2};
  std::atomic<int> failures_{0};  // still to come
  ScriptedServer server_{[this](Peer& peer, int) {
    for (bool first = true;; first = false) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      if (first && server_.accepted() <= 2) both_.arrive_and_wait();
      const bool fails = failures_ > 0 && failures_-- > 0;
      peer.send(fails ? error_response("500 Internal Server Error", "InternalError")
                      : part_of("content", request));
    }
  }};
  S3Harness s3_{server_.port()};
};

TEST_F(S3TwoIdle, ARetryAfterTroubleUsesNeither) {
  failures_ = 1;
  EXPECT_TRUE(s3_.fetch().ok);
  EXPECT_EQ(server_.accepted(), 3);
}

TEST_F(S3TwoIdle, ARequestForANewConnectionUsesNeither) {
  GetRequest request = S3Harness::request();
  request.fresh_connection = true;
  EXPECT_TRUE(s3_.fetch(std::move(request)).ok);
  EXPECT_EQ(server_.accepted(), 3);
  EXPECT_TRUE(s3_.fetch().ok);
  EXPECT_EQ(server_.accepted(), 3);
}

TEST(S3Connections, A408OnAUsedOneIsAFarewellNotAnAnswer) {
  ScriptedServer server([&](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    peer.send(part_of("content", request));
    if (connection > 0) return serve_content(peer, "content");
    if (!peer.read_request().empty()) peer.send(response("408 x", "Connection: close\r\n", ""));
  });
  S3Harness s3(server.port());
  s3.config.limits.attempts_max = 1;
  ASSERT_TRUE(s3.fetch().ok);
  const Fetched again = s3.fetch();
  EXPECT_TRUE(again.ok) << again.message;
  EXPECT_EQ(s3.counters().resends.load(), 1u);
  EXPECT_EQ(s3.counters().retries.load(), 0u);
}

TEST(S3Connections, A408OnAFreshOneIsAFailedAttempt) {
  ScriptedServer server([&](Peer& peer, int connection) {
    if (connection > 0) return serve_content(peer, "content");
    if (!peer.read_request().empty()) peer.send(response("408 x", "", "late"));
  });
  S3Harness s3(server.port());
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_EQ(s3.counters().resends.load(), 0u);
  EXPECT_EQ(s3.counters().retries.load(), 1u);
}

TEST(S3Connections, AFreshOneThatDiesIsAFailedAttempt) {
  ScriptedServer server([&](Peer& peer, int) { static_cast<void>(peer.read_request()); });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
  EXPECT_EQ(server.accepted(), 3);
  EXPECT_EQ(s3.counters().resends.load(), 0u);
}

TEST(S3Connections, TheOneThatTheServerHasClosedIsNotUsed) {
  ScriptedServer server(
      [&](Peer& peer, int) { peer.send(part_of("content", peer.read_request())); });
  S3Harness s3(server.port());
  s3.config.limits.attempts_max = 1;
  for (int i = 0; i < 20; ++i) {
    const Fetched fetched = s3.fetch();
    EXPECT_TRUE(fetched.ok) << fetched.message;
  }
  EXPECT_EQ(server.accepted(), 20);
}

TEST(S3Connections, IdleOnesAreClosedInTime) {
  std::atomic<int> closed{0};
  ScriptedServer server([&](Peer& peer, int) {
    serve_content(peer, "content");
    ++closed;
  });
  S3Harness s3(server.port());
  s3.config.pool.idle = milliseconds(50);
  ASSERT_TRUE(s3.fetch().ok);
  EXPECT_TRUE(eventually([&] { return closed.load() == 1; }));
  EXPECT_EQ(s3.counters().connections_open.load(), 0);
  ASSERT_TRUE(s3.fetch().ok);
  EXPECT_EQ(server.accepted(), 2);
}

TEST(S3Connections, CallersPastTheLimitWaitTheirTurn) {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      const int now = ++at_once;
      most = std::max(most.load(), now);
      --at_once;
      peer.send(part_of("content", request));
    }
  });
  S3Harness s3(server.port());
  s3.config.pool.connections_per_host_max = 2;
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 50; ++i) fetches.push_back(s3.start_fetch());
  for (std::future<Fetched>& fetch : fetches) EXPECT_TRUE(fetch.get().ok);
  EXPECT_LE(server.accepted(), 2);
  EXPECT_LE(most.load(), 2);
}

TEST(S3Connections, CallersPastTheQueueAreRefused) {
  std::latch proceed(1);
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      proceed.wait();
      peer.send(part_of("content", request));
    }
  });
  S3Harness s3(server.port());
  s3.config.pool.connections_per_host_max = 1;
  s3.config.pool.waiting_max = 1;
  std::future<Fetched> first = s3.start_fetch();
  ASSERT_TRUE(eventually([&] { return s3.counters().requests.load() == 1; }));
  std::future<Fetched> second = s3.start_fetch();
  EXPECT_EQ(s3.fetch().error, ErrorKind::kOverloaded);
  proceed.count_down();
  EXPECT_TRUE(first.get().ok);
  EXPECT_TRUE(second.get().ok);
}

TEST(S3Connections, WaitingForOneHasATimeLimit) {
  std::latch proceed(1);
  ScriptedServer server([&](Peer& peer, int) {
    const std::string request = peer.read_request();
    proceed.wait();
    peer.send(part_of("content", request));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.pool.connections_per_host_max = 1;
  std::future<Fetched> first = s3.start_fetch();
  ASSERT_TRUE(eventually([&] { return s3.counters().requests.load() == 1; }));
  GetRequest request = S3Harness::request();
  request.config.first_byte_timeout = milliseconds(30);
  request.config.attempts_max = 1;
  EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kOverloaded) << "it is our limit";
  proceed.count_down();
  EXPECT_TRUE(first.get().ok);
}

TEST(S3Connections, OfAllHostsTogetherAreLimited) {
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  s3.config.endpoint->host = "localhost";
  s3.config.pool.connections_max = 2;
  for (int i = 0; i < 10; ++i) {
    GetRequest request = S3Harness::request();
    request.bucket = "bucket-" + std::to_string(i);
    const Fetched fetched = s3.fetch(std::move(request));
    EXPECT_TRUE(fetched.ok) << fetched.message;
    EXPECT_LE(s3.counters().connections_open.load(), 2);
  }
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 50; ++i) {
    GetRequest request = S3Harness::request();
    request.bucket = "bucket-" + std::to_string(i % 7);
    fetches.push_back(s3.start_fetch(std::move(request)));
  }
  for (std::future<Fetched>& fetch : fetches) EXPECT_TRUE(fetch.get().ok);
  EXPECT_LE(s3.counters().connections_open.load(), 2);
}

TEST(S3Connections, AreRefusedWhereNobodyListens) {
  uint16_t port = 0;
  {
    ScriptedServer gone([](Peer&, int) {});
    port = gone.port();
  }
  S3Harness s3(port);
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
  EXPECT_THAT(fetched.message, HasSubstr("127.0.0.1"));
  EXPECT_EQ(s3.counters().retries.load(), 2u);
  EXPECT_EQ(s3.counters().connections_open.load(), 0);
}

TEST(S3Connections, TryTheNextAddress) {
  ScriptedServer server(
      [&](Peer& peer, int) { peer.send(part_of("content", peer.read_request())); });
  S3Harness s3(server.port());
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [](const std::string& host) -> Result<std::vector<ip::address>> {
    EXPECT_EQ(host, "bucket.store.example");
    return std::vector<ip::address>{ip::make_address("127.0.0.2"), ip::make_address("::1"),
                                    ip::make_address("127.0.0.1")};
  };
  s3.config.limits.attempts_max = 1;
  for (int i = 0; i < 4; ++i) {
    const Fetched fetched = s3.fetch();
    EXPECT_TRUE(fetched.ok) << fetched.message;
  }
}

TEST(S3Connections, CallersShareALookUpAndRemember) {
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  std::atomic<int> look_ups{0};
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [&](const std::string&) -> Result<std::vector<ip::address>> {
    ++look_ups;
    return std::vector<ip::address>{ip::make_address("127.0.0.1")};
  };
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 20; ++i) fetches.push_back(s3.start_fetch());
  for (std::future<Fetched>& fetch : fetches) EXPECT_TRUE(fetch.get().ok);
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_EQ(look_ups.load(), 1);
}

TEST(S3Connections, AFailedLookUpIsAskedAgain) {
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, "content"); });
  S3Harness s3(server.port());
  std::atomic<int> look_ups{0};
  s3.config.endpoint->host = "store.example";
  s3.config.look_up = [&](const std::string&) -> Result<std::vector<ip::address>> {
    if (++look_ups < 3) return fail(ErrorKind::kUpstream, "no such name");
    return std::vector<ip::address>{ip::make_address("127.0.0.1")};
  };
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_EQ(look_ups.load(), 3);
}

TEST(S3Connections, AStreamThatIsGivenUpClosesItsOwn) {
  std::atomic<bool> closed{false};
  ScriptedServer server([&](Peer& peer, int) {
    static_cast<void>(peer.read_request());
    peer.send("HTTP/1.1 206 x\r\nContent-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\nsome");
    peer.wait_until_closed();
    closed = true;
  });
  S3Harness s3(server.port());
  const auto give_up = [](S3Origin& origin, rt::Worker& worker) -> rt::Task<bool> {
    GetRequest request = S3Harness::request();
    Result<std::unique_ptr<GetStream>> stream = co_await origin.get(worker, std::move(request));
    co_return stream.has_value();
  };
  EXPECT_TRUE(s3.workers.run(give_up(s3.origin(), s3.workers.workers()[0])));
  EXPECT_TRUE(eventually([&] { return closed.load(); }));
  EXPECT_EQ(s3.counters().connections_open.load(), 0);
}

TEST(S3Connections, WhatIsUnderWayAtTheEndIsJustDropped) {
  ScriptedServer server([&](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    if (connection == 0) peer.send(part_of("content", request));
    if (connection == 1)
      peer.send(
          "HTTP/1.1 206 x\r\nContent-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\nsome");
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  ASSERT_TRUE(s3.fetch().ok);  // leaves an idle connection
  std::future<Fetched> in_body = s3.start_fetch();
  std::future<Fetched> in_head = s3.start_fetch();
  ASSERT_TRUE(eventually([&] { return s3.counters().requests.load() == 3; }));
  s3.stop();
}

}  // namespace
}  // namespace cachey::origin
