#include "origin/credentials/container_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>

#include "origin/testing/aws_test_data.h"
#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

namespace ip = boost::asio::ip;

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRelativeUri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFullUri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

std::string container_endpoint_of(const Texts& variables) {
  const auto endpoint = resolve_container_endpoint(environment_of(variables));
  if (!endpoint) {
    return (endpoint.error().configured ? "stop: " : "next: ") + endpoint.error().error.message();
  }
  return std::string(endpoint->url.tls ? "https://" : "http://") + host_header(endpoint->url) +
         endpoint->target;
}

TEST(CredEcs, TheRelativeAddressWins) {
  EXPECT_THAT(container_endpoint_of({}), HasSubstr("next: "));
  EXPECT_EQ(container_endpoint_of({{kRelativeUri, "/c?a=1"}}), "http://169.254.170.2/c?a=1");
  EXPECT_EQ(container_endpoint_of({{kRelativeUri, "/c"}, {kFullUri, "http://x/"}}),
            "http://169.254.170.2/c");
  EXPECT_EQ(container_endpoint_of({{kFullUri, "https://x:8080/a%20b?c#d"}}),
            "https://x:8080/a%20b?c");
  EXPECT_EQ(container_endpoint_of({{kFullUri, "https://x"}}), "https://x/");
  EXPECT_EQ(container_endpoint_of({{kFullUri, "http://[::1]:8/?c"}}), "http://[::1]:8/?c");
}

TEST(CredEcs, AddressesThatAreNoneStop) {
  for (const char* uri :
       {"/c", "x", "ftp://x/", "http:///c", "https://user@x/", "http://x/a b", "http://x/\r\nc"})
    EXPECT_THAT(container_endpoint_of({{kFullUri, uri}}),
                HasSubstr("stop: " + std::string(kFullUri)))
        << uri;
  EXPECT_THAT(container_endpoint_of({{kRelativeUri, "c"}}), HasSubstr("stop: "));
  EXPECT_THAT(container_endpoint_of({{kRelativeUri, "@evil/c"}}), HasSubstr("stop: "));
}

TEST(CredEcs, PassesAwsContainerCases) {
  const auto data = aws_test_data();
  if (!data) GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with ecs-tests.json";
  int replayed = 0;
  for (const nlohmann::json& test : json_of(*data / "ecs-tests.json").at("tests")) {
    SCOPED_TRACE(test.at("docs").get<std::string>());
    const std::string endpoint = container_endpoint_of(test.at("env").get<Texts>());
    const nlohmann::json& result = test.at("result");
    if (result.contains("Ok")) {
      EXPECT_EQ(endpoint, result.at("Ok").get<std::string>());
    } else {
      EXPECT_TRUE(endpoint.starts_with("stop: ") || endpoint.starts_with("next: ")) << endpoint;
    }
    ++replayed;
  }
  EXPECT_EQ(replayed, 11);
  std::cout << "replayed " << replayed << ", skipped 0\n";
}

FakeService answering(const std::string& answer) {
  return FakeService([answer](const std::string&, const std::string&) { return answer; });
}

TEST(CredEcs, BringsTheCredentialsOfTheContainer) {
  const FakeService container = answering(metadata_json("ID", "2009-02-13T23:31:30Z"));
  CredentialHarness harness;
  harness.variables[kFullUri] = container.url() + "/c?a=1";
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(text_of(found), "ID|s|t");
  EXPECT_EQ((*found)->expires_at(), 1'234'567'890);
  EXPECT_THAT((*found)->source(), HasSubstr("container http://127.0.0.1:"));
  ASSERT_EQ(container.requests().size(), 1u);
  EXPECT_THAT(container.requests()[0], HasSubstr("GET /c?a=1 HTTP/1.1\r\n"));
  EXPECT_THAT(container.requests()[0], HasSubstr("accept: application/json\r\n"));
  EXPECT_THAT(container.requests()[0], Not(HasSubstr("authorization")));
}

TEST(CredEcs, TheTokenFileIsReadEachTimeAndWins) {
  const FakeService container = answering(metadata_json("ID", kLater));
  CredentialHarness harness;
  harness.variables[kFullUri] = container.url();
  harness.variables[kToken] = "Basic abc";
  EXPECT_EQ(harness.found(), "ID|s|t");
  harness.variables[kTokenFile] = "/token";
  harness.files["/token"] = "\xEF\xBB\xBFone \r\n";
  EXPECT_EQ(harness.found(), "ID|s|t");
  harness.files["/token"] = "two";
  EXPECT_EQ(harness.found(), "ID|s|t");
  const std::vector<std::string> requests = container.requests();
  EXPECT_THAT(requests[0], HasSubstr("\r\nauthorization: Basic abc\r\n"));
  EXPECT_THAT(requests[1], HasSubstr("\r\nauthorization: one\r\n"));
  EXPECT_THAT(requests[2], HasSubstr("\r\nauthorization: two\r\n"));
  harness.files["/token"] = "a\r\nb: c";
  EXPECT_THAT(harness.found(), HasSubstr("control characters"));
  harness.files.clear();
  EXPECT_THAT(harness.found(), HasSubstr("no credentials: container: "
                                         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: cannot read"));
  EXPECT_EQ(container.requests().size(), 3u);
}

TEST(CredEcs, OverHttpOnlyKnownAddressesAreAsked) {
  for (const char* known :
       {"127.0.0.1", "127.8.9.1", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
    EXPECT_TRUE(is_container_address(ip::make_address(known))) << known;
  for (const char* other : {"10.0.0.1", "169.254.169.254", "8.8.8.8", "fd00:ec2::24", "::2"})
    EXPECT_FALSE(is_container_address(ip::make_address(other))) << other;
}

TEST(CredEcs, OneUnknownAddressOfANameIsEnoughToRefuse) {
  const FakeService container = answering(metadata_json("ID", kLater));
  CredentialHarness harness;
  std::vector<std::string> addresses = {"127.0.0.1"};
  harness.look_up = [&](const std::string&) -> Result<std::vector<ip::address>> {
    std::vector<ip::address> made;
    for (const std::string& address : addresses) made.push_back(ip::make_address(address));
    return made;
  };
  harness.variables[kFullUri] = "http://agent:" + std::to_string(container.port()) + "/";
  EXPECT_EQ(harness.found(), "ID|s|t");
  addresses.push_back("10.0.0.1");
  EXPECT_THAT(harness.found(), HasSubstr("\"agent\" is neither this host nor one of AWS's"));
  harness.variables[kFullUri] = "http://10.0.0.1/";
  EXPECT_THAT(harness.found(), HasSubstr("only asked over https"));
  EXPECT_EQ(container.requests().size(), 1u);
}

TEST(CredEcs, TroubleIsTriedFiveTimes) {
  for (const std::string& trouble : {response("500 Oops", "", ""), response("503 Busy", "", ""),
                                     response("200 OK", "", "{}"), response("429 Slow", "", "down"),
                                     response("408 Late", "", ""), response("520 Edge", "", "")}) {
    std::atomic<int> calls = 0;
    const FakeService container([&](const std::string&, const std::string&) {
      return ++calls < 5 ? trouble : metadata_json("ID", kLater);
    });
    CredentialHarness harness;
    harness.variables[kFullUri] = container.url();
    EXPECT_EQ(harness.found(), "ID|s|t") << trouble;
    EXPECT_EQ(container.requests().size(), 5u);
    calls = -1;
    EXPECT_NE(harness.found(), "ID|s|t") << trouble;
    EXPECT_EQ(container.requests().size(), 10u);
  }
}

TEST(CredEcs, ARefusalIsFinal) {
  const FakeService container = answering(response("403 Forbidden", "", "no\n"));
  CredentialHarness harness;
  harness.variables[kFullUri] = container.url();
  EXPECT_THAT(harness.found(), HasSubstr("the answer is 403: \"no\\x0a\""));
  EXPECT_EQ(container.requests().size(), 1u);
}

TEST(CredEcs, NobodyThereStops) {
  CredentialHarness harness;
  harness.variables[kFullUri] = "http://127.0.0.1:1/";
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(found.error().kind(), ErrorKind::kUpstream);
  EXPECT_THAT(found.error().message(), HasSubstr("no credentials: container: "));
}

}  // namespace
}  // namespace cachey::origin
