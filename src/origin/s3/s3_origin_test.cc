#include "origin/s3/s3_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/digest.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::string sample(size_t size) {
  std::string content;
  for (size_t i = 0; i < size; ++i) content += static_cast<char>(i * 31 + i / 251);
  return content;
}

TEST(S3Origin, SendsASignedRangedGetAndBringsTheBytes) {
  const std::string content = sample(1000);
  std::string seen;
  ScriptedServer server([&](Peer& peer, int) {
    seen = peer.read_request();
    peer.send(part_of(content, seen));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.credentials =
      fixed_credentials(std::make_shared<const aws::Credentials>("KEY", "SECRET", "TOKEN"));
  GetRequest request = S3Harness::request({100, 200});
  request.key = "a b/../\u00fc+";
  request.if_match = "\"v1\"";
  const Fetched fetched = s3.fetch(std::move(request));
  ASSERT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(fetched.body, content.substr(100, 100));
  EXPECT_EQ(fetched.range, (ByteRange{100, 200}));
  EXPECT_EQ(fetched.info.size, 1000u);
  EXPECT_EQ(fetched.info.etag, "\"v1\"");
  EXPECT_EQ(fetched.info.last_modified, 784111777);
  s3.stop();
  EXPECT_THAT(seen,
              ::testing::StartsWith("GET /bucket/a%20b/../%C3%BC%2B?x-id=GetObject HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nhost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nrange: bytes=100-199\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nif-match: \"v1\"\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nx-amz-checksum-mode: ENABLED\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nx-amz-security-token: TOKEN\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nauthorization: AWS4-HMAC-SHA256 Credential=KEY/"));
  EXPECT_THAT(
      seen,
      HasSubstr("SignedHeaders=host;range;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;"
                "x-amz-security-token, Signature="));
  EXPECT_THAT(seen, HasSubstr("\r\namz-sdk-invocation-id: "));
  EXPECT_THAT(seen, HasSubstr("\r\namz-sdk-request: attempt=1; max=3\r\n"));
  EXPECT_THAT(seen, HasSubstr("\r\nuser-agent: cachey/"));
  EXPECT_THAT(seen, ::testing::Not(HasSubstr("SECRET")));
}

TEST(S3Origin, CutsTheRangeAtTheObjectsEnd) {
  const std::string content = sample(50);
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, content); });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  ASSERT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(fetched.body, content);
  EXPECT_EQ(fetched.range, (ByteRange{0, 50}));
}

TEST(S3Origin, BringsLargeBodies) {
  const std::string content = sample(5'000'000);
  ScriptedServer server([&](Peer& peer, int) { serve_content(peer, content); });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch(S3Harness::request({1, 4'999'999}));
  ASSERT_TRUE(fetched.ok) << fetched.message;
  EXPECT_TRUE(fetched.body == content.substr(1, 4'999'998));
  EXPECT_GT(s3.counters().bytes_received.load(), 4'999'998u);
}

TEST(S3Origin, ReadsAnswersThatComeByteByByte) {
  const std::string content = sample(30);
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      const std::string answer = "HTTP/1.1 100 Continue\r\n\r\n" + part_of(content, request);
      for (const char& c : answer) peer.send({&c, 1});
    }
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 3; ++i) {
    const Fetched fetched = s3.fetch();
    ASSERT_TRUE(fetched.ok) << fetched.message;
    EXPECT_EQ(fetched.body, content);
  }
  EXPECT_EQ(server.accepted(), 1);
}

struct Refusal {
  const char* status;
  const char* code;
  const char* headers;
  const char* fields;
  ErrorKind kind;
  std::optional<uint64_t> size;
};

TEST(S3Origin, ErrorsAreToldApartAndTheConnectionIsKept) {
  const Refusal refusals[] = {
      {"404 Not Found", "NoSuchKey", "", "", ErrorKind::kNotFound, {}},
      {"404 Not Found", "NoSuchBucket", "", "", ErrorKind::kNotFound, {}},
      {"403 Forbidden", "AccessDenied", "", "", ErrorKind::kDenied, {}},
      {"403 Forbidden",
       "InvalidObjectState",
       "",
       "<StorageClass>GLACIER</StorageClass>",
       ErrorKind::kArchived,
       {}},
      {"412 Precondition Failed", "PreconditionFailed", "", "", ErrorKind::kChanged, {}},
      {"416 Range Not Satisfiable", "InvalidRange", "", "<ActualObjectSize>7</ActualObjectSize>",
       ErrorKind::kRangeNotSatisfiable, 7},
      {"416 Range Not Satisfiable", "InvalidRange", "Content-Range: bytes */8\r\n", "",
       ErrorKind::kRangeNotSatisfiable, 8},
      {"301 Moved Permanently", "PermanentRedirect", "", "", ErrorKind::kRefused, {}},
      {"400 Bad Request", "AuthorizationHeaderMalformed", "", "", ErrorKind::kRefused, {}},
  };
  std::atomic<size_t> next{0};
  ScriptedServer server([&](Peer& peer, int) {
    while (!peer.read_request().empty()) {
      const Refusal& refusal = refusals[next.load()];
      peer.send(error_response(refusal.status, refusal.code, refusal.headers, refusal.fields));
    }
  });
  S3Harness s3(server.port());
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.code);
    const Fetched fetched = s3.fetch();
    ASSERT_FALSE(fetched.ok);
    EXPECT_EQ(fetched.error, refusal.kind);
    EXPECT_EQ(fetched.object_size, refusal.size);
    if (refusal.kind != ErrorKind::kRangeNotSatisfiable) {
      EXPECT_THAT(fetched.message,
                  ::testing::AllOf(HasSubstr(std::string(refusal.status).substr(0, 3)),
                                   HasSubstr(refusal.code), HasSubstr("REQ1"), HasSubstr("words")));
    }
    ++next;
  }
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_EQ(s3.counters().retries.load(), 0u);
}

TEST(S3Origin, RetriesOnANewConnection) {
  std::vector<std::string> seen;
  Mutex mutex;
  ScriptedServer server([&](Peer& peer, int connection) {
    const std::string request = peer.read_request();
    {
      const MutexLock lock(mutex);
      seen.push_back(request);
    }
    peer.send(connection == 0 ? response("503 Service Unavailable", "", "")
                              : part_of("content", request));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  ASSERT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(fetched.body, "content");
  EXPECT_EQ(server.accepted(), 2);
  EXPECT_EQ(s3.counters().retries.load(), 1u);
  EXPECT_EQ(s3.counters().throttled.load(), 1u);
  s3.stop();
  EXPECT_THAT(seen.at(0), HasSubstr("attempt=1; max=3"));
  EXPECT_THAT(seen.at(1), HasSubstr("attempt=2; max=3"));
  const auto invocation = [](const std::string& head) {
    return head.substr(head.find("amz-sdk-invocation-id"), 59);
  };
  EXPECT_EQ(invocation(seen.at(0)), invocation(seen.at(1)));
}

TEST(S3Origin, GivesUpAfterThreeAttempts) {
  ScriptedServer server([&](Peer& peer, int) {
    while (!peer.read_request().empty()) peer.send(error_response("503 Slow Down", "SlowDown"));
  });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kThrottled);
  EXPECT_THAT(fetched.message, HasSubstr("SlowDown"));
  EXPECT_EQ(s3.counters().requests.load(), 3u);
  GetRequest request = S3Harness::request();
  request.config.attempts_max = 0;
  EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kThrottled);
  EXPECT_EQ(s3.counters().requests.load(), 4u);
}

TEST(S3Origin, WaitsBetweenAttempts) {
  ScriptedServer server([&](Peer& peer, int) {
    while (!peer.read_request().empty())
      peer.send(error_response("500 Internal Server Error", "InternalError"));
  });
  S3Harness s3(server.port());
  s3.random = FixedRandom(1.0);
  GetRequest request = S3Harness::request();
  request.config.backoff_initial = milliseconds(40);
  request.config.backoff_max = milliseconds(60);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(s3.fetch(std::move(request)).error, ErrorKind::kUpstream);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(40 + 60));
}

TEST(S3Origin, OnlyStrongEntityTagsAreInsistedOn) {
  std::vector<std::string> asked;
  ScriptedServer server([&](Peer& peer, int) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      asked.push_back(request);
      peer.send(part_of(std::string(100, 'x'), request));
    }
  });
  S3Harness s3(server.port());
  for (const char* tag : {"\"v1\"", "W/\"v1\""}) {
    GetRequest request = S3Harness::request();
    request.if_match = tag;
    EXPECT_TRUE(s3.fetch(std::move(request)).ok);
  }
  s3.stop();
  EXPECT_THAT(asked.at(0), HasSubstr("\r\nif-match: \"v1\"\r\n"));
  EXPECT_THAT(asked.at(1), Not(HasSubstr("if-match"))) << "a weak one never matches (RFC 9110)";
}

TEST(S3Origin, UnsignedRequestsHaveNothingOfASignature) {
  std::string asked;
  ScriptedServer server([&](Peer& peer, int) {
    asked = peer.read_request();
    peer.send(part_of(std::string(100, 'x'), asked));
    peer.wait_until_closed();
  });
  S3Harness s3(server.port());
  s3.config.credentials = nullptr;
  s3.config.anonymous = true;
  EXPECT_TRUE(s3.fetch().ok);
  s3.stop();
  EXPECT_THAT(asked, HasSubstr("x-amz-checksum-mode"));
  for (const char* header :
       {"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
    EXPECT_THAT(asked, Not(HasSubstr(header)));
}

TEST(S3Origin, WithoutCredentialsOrRegionNothingIsSent) {
  ScriptedServer server([&](Peer& peer, int) { peer.wait_until_closed(); });
  S3Harness keyless(server.port());
  keyless.config.credentials = nullptr;
  const Fetched denied = keyless.fetch();
  EXPECT_EQ(denied.error, ErrorKind::kRefused);
  EXPECT_THAT(denied.message, HasSubstr("no credentials"));
  S3Harness nowhere(server.port());
  nowhere.config.region = "";
  const Fetched failed = nowhere.fetch();
  EXPECT_EQ(failed.error, ErrorKind::kRefused);
  EXPECT_THAT(failed.message, HasSubstr("AWS_REGION"));
  EXPECT_EQ(server.accepted(), 0);
}

TEST(S3Origin, ReadsChunkedBodies) {
  ScriptedServer server([&](Peer& peer, int) {
    while (!peer.read_request().empty()) {
      peer.send(
          "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes "
          "0-9/10\r\n\r\n"
          "4\r\n0123\r\n");
      peer.send("6;x=y\r\n456");
      peer.send("789\r\n0\r\nTrailer: x\r\n\r\n");
    }
  });
  S3Harness s3(server.port());
  for (int i = 0; i < 3; ++i) {
    const Fetched fetched = s3.fetch();
    ASSERT_TRUE(fetched.ok) << fetched.message;
    EXPECT_EQ(fetched.body, "0123456789");
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST(S3Origin, ReadsHttp10AnswersThatEndWithTheConnection) {
  ScriptedServer server([&](Peer& peer, int) {
    if (peer.read_request().empty()) return;
    peer.send("HTTP/1.0 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\n\r\n0123456789");
  });
  S3Harness s3(server.port());
  EXPECT_EQ(s3.fetch().body, "0123456789");
  EXPECT_EQ(s3.fetch().body, "0123456789");
  EXPECT_EQ(server.accepted(), 2);
}

struct Broken {
  const char* name;
  std::string answer;
  bool has_head;
};

TEST(S3Origin, BrokenAnswersAreErrorsNotBodies) {
  const std::string head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  const Broken cases[] = {
      {"cut", head + "Content-Length: 10\r\n\r\n01234", true},
      {"no body", head + "Content-Length: 10\r\n\r\n", true},
      {"chunks too short", chunked + "5\r\n01234\r\n0\r\n\r\n", true},
      {"chunks too long", chunked + "b\r\n0123456789X\r\n0\r\n\r\n", true},
      {"chunks without an end", chunked + "a\r\n0123456789\r\n", true},
      {"bad chunks", chunked + "z\r\n0123456789\r\n", true},
      {"too long until close", "HTTP/1.0 206 x\r\nContent-Range: bytes 0-9/10\r\n\r\n0123456789X",
       true},
      {"cut until close", "HTTP/1.0 206 x\r\nContent-Range: bytes 0-9/10\r\n\r\n01234", true},
      {"other range",
       "HTTP/1.1 206 x\r\nContent-Range: bytes 1-10/20\r\nContent-Length: 10\r\n\r\n0123456789",
       false},
      {"no range", "HTTP/1.1 206 x\r\nContent-Length: 10\r\n\r\n0123456789", false},
      {"ignored range", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789", false},
      {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false},
      {"endless head", "HTTP/1.1 206 x\r\nX: " + std::string(70'000, 'x'), false},
  };
  std::atomic<const Broken*> current{nullptr};
  ScriptedServer server([&](Peer& peer, int) {
    if (!peer.read_request().empty()) peer.send(current.load()->answer);
  });
  S3Harness s3(server.port());
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.name);
    current = &broken;
    const Fetched fetched = s3.fetch();
    EXPECT_FALSE(fetched.ok);
    EXPECT_EQ(fetched.has_head, broken.has_head);
    EXPECT_EQ(fetched.error, ErrorKind::kUpstream) << fetched.message;
    EXPECT_TRUE(fetched.body.empty() || fetched.body == "01234" || fetched.body == "0123456789");
  }
}

TEST(S3Origin, EndlessInterimAnswersAreAnError) {
  ScriptedServer server([&](Peer& peer, int) {
    if (peer.read_request().empty()) return;
    while (peer.send("HTTP/1.1 102 Processing\r\n\r\n")) continue;
  });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kUpstream);
  EXPECT_THAT(fetched.message, HasSubstr("1xx"));
}

TEST(S3Origin, ALongErrorTextIsCutAndTheConnectionClosed) {
  std::atomic<bool> closed{false};
  ScriptedServer server([&](Peer& peer, int) {
    if (peer.read_request().empty()) return;
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000000\r\n\r\n");
    while (peer.send(std::string(10'000, 'x'))) continue;
    closed = true;
  });
  S3Harness s3(server.port());
  EXPECT_EQ(s3.fetch().error, ErrorKind::kDenied);
  EXPECT_TRUE(eventually([&] { return closed.load(); }));
}

}  // namespace
}  // namespace cachey::origin
