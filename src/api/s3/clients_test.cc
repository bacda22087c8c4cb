#include "api/s3/clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "aws/date.h"
#include "aws/sigv4.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api::s3 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'800'000'000;

AccessKeys keys(std::string_view text) { return AccessKeys::parse(text).value(); }

/// A request with the texts that it refers to.
struct Signed {
  std::string target;
  std::vector<aws::NamedValue> headers;

  /// Of Signature Version 4, in the header.
  static Signed by(const std::string& id, const std::string& secret, std::string target,
                   const std::string& host = "cache:9000", int64_t at = kNow) {
    Signed made{std::move(target),
                {{"host", host},
                 {"x-amz-content-sha256", std::string(aws::kEmptyPayloadHash)},
                 {"x-amz-date", aws::amz_date(at)}}};
    aws::RequestToSign to_sign;
    to_sign.path = made.target;
    to_sign.headers = made.headers;
    aws::Signer signer;
    const aws::Credentials credentials(id, secret, "");
    std::string text = signer.authorization(to_sign, {.region = "anywhere"}, credentials, at);
    made.headers.push_back({"authorization", std::move(text)});
    return made;
  }
};

class ClientsTest : public ::testing::Test {
 protected:
  ClientsTest() { virtual_.clock().set_unix_seconds(kNow); }

  std::expected<GrantPtr, Refusal> admit(Clients& clients, const Signed& sent) {
    std::vector<net::Field> fields;
    for (const auto& [name, value] : sent.headers) fields.push_back({name, value});
    const net::Request request(net::Method::kGet, sent.target, std::move(fields));
    const auto target = parse_target(request, hosts_);
    return clients.admit(virtual_.worker(), request, *target, hosts_);
  }
  std::string code(Clients& clients, const Signed& sent) {
    const auto grant = admit(clients, sent);
    return grant ? "" : std::string(grant.error().code->code);
  }
  Clients make(std::string_view text, std::vector<std::string> external = {}) {
    return {keys(text), std::move(external), 1, virtual_.clock()};
  }

  rt::VirtualWorker virtual_;
  VirtualHosts hosts_;
};

TEST_F(ClientsTest, OfAnOpenEndpointNeedNothing) {
  Clients clients(std::nullopt, {}, 1, virtual_.clock());
  const auto grant = admit(clients, {"/data/k", {}});
  ASSERT_TRUE(grant);
  EXPECT_TRUE((*grant)->allows_list("data", ""));
  EXPECT_EQ((*grant)->access_key_id(), "");
}

TEST_F(ClientsTest, HaveTheGrantOfTheirKey) {
  Clients clients = make("AKIA1 0123456789abcdef prefix=a/\nAKIA2 fedcba9876543210\n");
  const auto grant = admit(clients, Signed::by("AKIA1", "0123456789abcdef", "/data/a/x"));
  ASSERT_TRUE(grant);
  EXPECT_EQ((*grant)->access_key_id(), "AKIA1");
  EXPECT_FALSE((*grant)->allows("data", "b/x"));
  EXPECT_EQ(code(clients, Signed::by("AKIA2", "fedcba9876543210", "/data/b")), "");
  EXPECT_EQ(code(clients, Signed::by("AKIA2", "0123456789abcdef", "/data/b")),
            "SignatureDoesNotMatch");
  EXPECT_EQ(code(clients, Signed::by("AKIA3", "0123456789abcdef", "/data/b")),
            "InvalidAccessKeyId");
  EXPECT_EQ(code(clients, {"/data/b", {}}), "AccessDenied");
  EXPECT_EQ(code(clients, {"/data/b?response-expires=x", {}}), "InvalidRequest");
  EXPECT_EQ(code(clients, {"/data/b?response-colour=x", {}}), "AccessDenied");
}

TEST_F(ClientsTest, AreThoseOfTheNewFileAtOnce) {
  Clients clients = make("AKIA1 0123456789abcdef\n");
  const Signed sent = Signed::by("AKIA1", "0123456789abcdef", "/data/x");
  const auto before = admit(clients, sent);
  ASSERT_TRUE(before);
  clients.replace_keys(keys("AKIA2 fedcba9876543210\n"));
  EXPECT_EQ(code(clients, sent), "InvalidAccessKeyId");
  EXPECT_EQ(code(clients, Signed::by("AKIA2", "fedcba9876543210", "/data/x")), "");
  EXPECT_EQ((*before)->access_key_id(), "AKIA1");  // a request that has begun goes on
  clients.replace_keys(keys("AKIA1 another-secret-0\n"));
  EXPECT_EQ(code(clients, sent), "SignatureDoesNotMatch");
}

TEST_F(ClientsTest, MaySignForTheHostOfAProxyInFront) {
  const Signed sent = Signed::by("AKIA1", "0123456789abcdef", "/data/x", "s3.example.com:8443");
  Signed behind = sent;
  behind.headers.front().value = "10.0.0.1:9000";
  Clients clients = make("AKIA1 0123456789abcdef\n", {"s3.example.com:8443"});
  EXPECT_EQ(code(clients, sent), "");
  EXPECT_EQ(code(clients, behind), "");
  Clients strict = make("AKIA1 0123456789abcdef\n");
  EXPECT_EQ(code(strict, behind), "SignatureDoesNotMatch");
}

/// Otherwise a URL for `/data/x` would be one for the object `data/x` of each bucket, too.
TEST_F(ClientsTest, MaySignForNoOtherBucketsHost) {
  hosts_ = VirtualHosts::parse(std::vector<std::string>{"s3.example.com"}).value();
  Clients clients = make("AKIA1 0123456789abcdef\n", {"s3.example.com", "data.s3.example.com:81"});
  const auto heard = [&](const std::string& signed_host, const std::string& host) {
    Signed sent = Signed::by("AKIA1", "0123456789abcdef", "/data/x", signed_host);
    sent.headers.front().value = host;
    return code(clients, sent);
  };
  EXPECT_EQ(heard("s3.example.com", "10.0.0.1"), "");
  EXPECT_EQ(heard("s3.example.com", "s3.example.com:80"), "");
  EXPECT_EQ(heard("s3.example.com", "other.s3.example.com"), "SignatureDoesNotMatch");
  EXPECT_EQ(heard("other.s3.example.com", "other.s3.example.com:80"), "");
  EXPECT_EQ(heard("data.s3.example.com:81", "data.s3.example.com"), "");
  EXPECT_EQ(heard("data.s3.example.com:81", "10.0.0.1"), "SignatureDoesNotMatch");
  EXPECT_EQ(heard("data.s3.example.com:81", "other.s3.example.com"), "SignatureDoesNotMatch");
}

TEST(HostsBeforeProxy, AreTheNamesAndThePortThatAProxyDropped) {
  EXPECT_THAT(hosts_before_proxy("10.0.0.1:9000", {"s3.example.com:8443"}),
              ElementsAre("s3.example.com:8443"));
  EXPECT_THAT(hosts_before_proxy("Data.S3.example.com", {"s3.example.com:8443", "other"}),
              ElementsAre("s3.example.com:8443", "Data.S3.example.com:8443", "other"));
  EXPECT_THAT(hosts_before_proxy("data.s3.example.com:80", {"s3.example.com"}),
              ElementsAre("s3.example.com", "data.s3.example.com"));
  EXPECT_THAT(hosts_before_proxy("xs3.example.com", {"s3.example.com:1"}),
              ElementsAre("s3.example.com:1"));
  EXPECT_THAT(hosts_before_proxy("", {}), IsEmpty());
}

std::string detail(const Refusal& refusal, std::string_view name) {
  for (const aws::ErrorDetail& each : refusal.details) {
    if (each.name == name) return each.value;
  }
  return "(none)";
}

TEST_F(ClientsTest, HearWhatDoesNotMatch) {
  Clients clients = make("AKIA1 0123456789abcdef\n");
  const auto wrong = admit(clients, Signed::by("AKIA1", "0123456789abcdeX", "/data/x"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code->status, 403);
  EXPECT_EQ(detail(wrong.error(), "AWSAccessKeyId"), "AKIA1");
  EXPECT_THAT(detail(wrong.error(), "StringToSign"), HasSubstr("AWS4-HMAC-SHA256\n2027"));
  EXPECT_THAT(detail(wrong.error(), "StringToSignBytes"), HasSubstr("41 57 53 34 2d"));
  EXPECT_THAT(detail(wrong.error(), "CanonicalRequest"), HasSubstr("GET\n/data/x\n"));
  EXPECT_EQ(detail(wrong.error(), "SignatureProvided").size(), 64u);

  const auto late =
      admit(clients, Signed::by("AKIA1", "0123456789abcdef", "/data/x", "h", kNow - 901));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code->code, "RequestTimeTooSkewed");
  EXPECT_EQ(detail(late.error(), "ServerTime"), "2027-01-15T08:00:00Z");
  EXPECT_EQ(detail(late.error(), "RequestTime"), "20270115T074459Z");
  EXPECT_EQ(detail(late.error(), "MaxAllowedSkewMilliseconds"), "900000");

  Signed expired{"/data/x?AWSAccessKeyId=AKIA1&Signature=abc&Expires=" + std::to_string(kNow - 1),
                 {{"host", "h"}}};
  const auto over = admit(clients, expired);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().message, "Request has expired.");
  EXPECT_EQ(detail(over.error(), "Expires"), "2027-01-15T07:59:59Z");
}

TEST_F(ClientsTest, HearNoMoreOfLongTextsThanTheBound) {
  Clients clients = make("AKIA1 0123456789abcdef\n");
  const auto wrong =
      admit(clients, Signed::by("AKIA1", "0123456789abcdeX", "/data/x", std::string(20'000, 'h')));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(detail(wrong.error(), "CanonicalRequest").size(), kShownTextBytesMax);
  EXPECT_EQ(detail(wrong.error(), "CanonicalRequestBytes").size(), 3 * kShownTextBytesMax - 1);
}

}  // namespace
}  // namespace cachey::api::s3
