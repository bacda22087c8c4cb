#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "aws/date.h"
#include "aws/sigv4.h"
#include "base/http_date.h"
#include "base/mutex.h"
#include "base/testing/temporary_file.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

/// The signing region of `request`.
std::string signed_region(const std::string& request) {
  // Credential=KEY/20260102/eu-west-1/s3/aws4_request
  size_t begin = request.find("Credential=");
  for (int slash = 0; slash < 2; ++slash) begin = request.find('/', begin) + 1;
  return request.substr(begin, request.find('/', begin) - begin);
}

/// AWS behind a proxy: one server answers for all hosts and has the bucket in one region.
class S3Regions : public ::testing::Test {
 protected:
  S3Regions()
      : identity_(make_test_identity("DNS:*.s3.us-east-1.amazonaws.com,DNS:*.s3.eu-west-1."
                                     "amazonaws.com,DNS:s3.us-east-1.amazonaws.com")),
        authority_(identity_.authority),
        proxy_([this](Peer& peer, int) { serve(peer); },
               Listening{.identity = &identity_, .tls_later = true}),
        s3_(0, Scheme::kHttps) {
    context_ = proxy_.tls();
    s3_.config.endpoint.reset();
    s3_.config.ca_file = authority_.path();
    const Proxy proxy{"127.0.0.1", proxy_.port(), ""};
    s3_.config.proxies = std::make_shared<const ProxyRules>(std::nullopt, proxy, NoProxy());
  }
  ~S3Regions() override { s3_.stop(); }

  void serve(Peer& peer) {
    const std::string connect = peer.read_request();
    if (connect.empty()) return;
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    if (!peer.start_tls(context_)) return;
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      const std::string region = signed_region(request);
      {
        const MutexLock lock(mutex_);
        regions_.push_back(region);
      }
      peer.send(region == "eu-west-1" ? part_of("content", request) : elsewhere_);
    }
  }

  std::vector<std::string> regions() {
    const MutexLock lock(mutex_);
    return regions_;
  }

  std::string elsewhere_;
  SSL_CTX* context_ = nullptr;
  Mutex mutex_;
  std::vector<std::string> regions_ GUARDED_BY(mutex_);
  const TestIdentity identity_;
  const TemporaryFile authority_;
  ScriptedServer proxy_;
  S3Harness s3_;
};

TEST_F(S3Regions, ABucketElsewhereIsAskedThereAndRemembered) {
  const std::string answers[] = {
      error_response("301 Moved Permanently", "PermanentRedirect",
                     "x-amz-bucket-region: eu-west-1\r\n"),
      response("307 Temporary Redirect",
               "x-amz-bucket-region: eu-west-1\r\nLocation: http://evil.example/\r\n", ""),
      error_response("400 Bad Request", "AuthorizationHeaderMalformed", "",
                     "<Region>eu-west-1</Region>"),
      error_response("400 Bad Request", "IllegalLocationConstraintException",
                     "x-amz-bucket-region: eu-west-1\r\n"),
  };
  int number = 0;
  for (const std::string& answer : answers) {
    SCOPED_TRACE(answer);
    elsewhere_ = answer;
    GetRequest request = S3Harness::request();
    request.bucket = "bucket-" + std::to_string(number++);
    request.config.attempts_max = 1;
    const size_t before = regions().size();
    const Fetched first = s3_.fetch(request);
    EXPECT_EQ(first.body, "content") << first.message;
    const Fetched second = s3_.fetch(request);
    EXPECT_EQ(second.body, "content") << second.message;
    const std::vector<std::string> asked = regions();
    EXPECT_EQ(
        std::vector<std::string>(asked.begin() + static_cast<std::ptrdiff_t>(before), asked.end()),
        (std::vector<std::string>{"us-east-1", "eu-west-1", "eu-west-1"}));
  }
  EXPECT_EQ(s3_.counters().region_redirects.load(), 4u);
  EXPECT_EQ(s3_.counters().retries.load(), 0u);
}

TEST_F(S3Regions, AnAnswerThatLeadsNowhereElseIsTheError) {
  for (const char* region : {"us-east-1", "", "evil.example/", "a b"}) {
    elsewhere_ = error_response("301 Moved Permanently", "PermanentRedirect",
                                std::string("x-amz-bucket-region: ") + region + "\r\n");
    const Fetched fetched = s3_.fetch();
    EXPECT_EQ(fetched.error, ErrorKind::kRefused);
    EXPECT_THAT(fetched.message, HasSubstr("PermanentRedirect"));
  }
  EXPECT_EQ(regions().size(), 4u);
}

TEST(S3Remedies, AStoreOfOnesOwnIsNotLeft) {
  ScriptedServer server([](Peer& peer, int) {
    while (!peer.read_request().empty())
      peer.send(error_response("400 Bad Request", "AuthorizationHeaderMalformed", "",
                               "<Region>garage</Region>"));
  });
  S3Harness s3(server.port());
  const Fetched fetched = s3.fetch();
  EXPECT_EQ(fetched.error, ErrorKind::kRefused);
  EXPECT_THAT(fetched.message, HasSubstr("AuthorizationHeaderMalformed"));
  EXPECT_EQ(s3.counters().requests.load(), 1u);
}

constexpr int64_t kHour = 3600;

/// The signing time of `request`.
std::string date_of(const std::string& request) {
  constexpr std::string_view kName = "\r\nx-amz-date: ";
  return request.substr(request.find(kName) + kName.size(), 16);
}

TEST(S3Remedies, AWrongClockIsCorrectedOnceAndForGood) {
  const int64_t store_time = SystemClock().unix_seconds() + kHour;
  Mutex mutex;
  std::vector<std::string> dates;
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      const MutexLock lock(mutex);
      dates.push_back(date_of(request));
      const std::string date = "Date: " + format_http_date(store_time) + "\r\n";
      peer.send(dates.back() >= aws::amz_date(store_time - 60)
                    ? part_of("content", request)
                    : error_response("403 Forbidden", "RequestTimeTooSkewed", date));
    }
  });
  S3Harness s3(server.port());
  s3.config.limits.attempts_max = 1;
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_TRUE(s3.fetch().ok);
  EXPECT_EQ(s3.counters().requests.load(), 3u);
  EXPECT_EQ(s3.counters().clock_corrections.load(), 1u);
}

TEST(S3Remedies, GetsThatMeetAWrongClockTogetherAllRecover) {
  const int64_t store_time = SystemClock().unix_seconds() + kHour;
  std::latch both_in(2);
  ScriptedServer server([&](Peer& peer, int) {
    while (true) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      if (date_of(request) >= aws::amz_date(store_time - 60)) {
        peer.send(part_of("content", request));
        continue;
      }
      both_in.arrive_and_wait();
      const std::string date = "Date: " + format_http_date(store_time) + "\r\n";
      peer.send(error_response("403 Forbidden", "RequestTimeTooSkewed", date));
    }
  });
  S3Harness s3(server.port());
  std::future<Fetched> first = s3.start_fetch();
  std::future<Fetched> second = s3.start_fetch();
  EXPECT_TRUE(first.get().ok);
  EXPECT_TRUE(second.get().ok);
  EXPECT_EQ(s3.counters().clock_corrections.load(), 1u);
}

TEST(S3Remedies, AStoreThatIsNeverContentIsCorrectedForOnce) {
  const auto date_in = [](int64_t seconds) {
    return "Date: " + format_http_date(SystemClock().unix_seconds() + seconds) + "\r\n";
  };
  const std::pair<std::string, uint64_t> headers[] = {
      {date_in(kHour), 2}, {date_in(60), 1}, {"Date: yesterday\r\n", 1}, {"", 1}};
  for (const auto& [header, requests] : headers) {
    SCOPED_TRACE(header);
    ScriptedServer server([&](Peer& peer, int) {
      while (!peer.read_request().empty())
        peer.send(error_response("403 Forbidden", "RequestTimeTooSkewed", header));
    });
    S3Harness s3(server.port());
    const Fetched fetched = s3.fetch();
    EXPECT_EQ(fetched.error, ErrorKind::kRefused);
    EXPECT_THAT(fetched.message, HasSubstr("RequestTimeTooSkewed"));
    EXPECT_EQ(s3.counters().requests.load(), requests);
  }
}

TEST(S3Remedies, ExpiredCredentialsAreFinalWhereThereAreNoOthers) {
  ScriptedServer server([](Peer& peer, int) {
    while (!peer.read_request().empty())
      peer.send(error_response("400 Bad Request", "ExpiredToken"));
  });
  S3Harness s3(server.port());
  EXPECT_EQ(s3.fetch().error, ErrorKind::kRefused);
  EXPECT_EQ(s3.counters().requests.load(), 1u);
}

/// Gives `first`; after a refusal `second`.
class TwoKeys final : public CredentialsProvider {
 public:
  TwoKeys(aws::CredentialsPtr first, aws::CredentialsPtr second)
      : first_(std::move(first)), second_(std::move(second)) {}
  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker&, MonoTime) override { co_return first_; }
  rt::Task<aws::CredentialsPtr> replace(rt::Worker&, aws::CredentialsPtr refused,
                                        MonoTime) override {
    ++asked;
    EXPECT_TRUE(refused->same_keys(*first_) || refused->same_keys(*second_));
    co_return refused->same_keys(*second_) ? nullptr : second_;
  }

  std::atomic<int> asked = 0;

 private:
  const aws::CredentialsPtr first_;
  const aws::CredentialsPtr second_;
};

TEST(S3Remedies, RefusedKeysAreReplacedOnceByOthers) {
  for (const char* code : {"InvalidAccessKeyId", "SignatureDoesNotMatch"}) {
    std::atomic<bool> second_works = true;
    ScriptedServer server([&](Peer& peer, int) {
      while (true) {
        const std::string request = peer.read_request();
        if (request.empty()) return;
        const bool good = second_works && request.contains("Credential=SECOND/");
        peer.send(good ? part_of("0123456789", request) : error_response("403 Forbidden", code));
      }
    });
    S3Harness s3(server.port());
    const auto keys =
        std::make_shared<TwoKeys>(std::make_shared<const aws::Credentials>("FIRST", "s", ""),
                                  std::make_shared<const aws::Credentials>("SECOND", "s", ""));
    s3.config.credentials = keys;
    EXPECT_EQ(s3.fetch().body, "0123456789");
    EXPECT_EQ(s3.counters().requests.load(), 2u);
    EXPECT_EQ(s3.counters().credentials_refused.load(), 0u);
    second_works = false;
    EXPECT_EQ(s3.fetch().error, ErrorKind::kRefused);
    EXPECT_EQ(s3.counters().requests.load(), 4u);
    EXPECT_EQ(s3.counters().credentials_refused.load(), 1u);
    EXPECT_EQ(keys->asked, 2);
  }
}

}  // namespace
}  // namespace cachey::origin
