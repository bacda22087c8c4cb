#include "origin/credentials/instance_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>

#include "origin/testing/aws_test_data.h"
#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

constexpr const char* kEndpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
constexpr const char* kMode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

std::string metadata_endpoint_of(const Texts& variables, const std::string& config = "") {
  ProfileFiles files = parse_profile_files({"c", config}, {"", ""}).value();
  const auto url =
      resolve_instance_endpoint(environment_of(variables), Profile("default", std::move(files)));
  if (!url) return (url.error().configured ? "stop: " : "next: ") + url.error().error.message();
  return std::string(url->tls ? "https://" : "http://") + host_header(*url) + url->base_path;
}

TEST(CredImds, TheEndpointIsTheEnvironmentsElseTheProfiles) {
  EXPECT_EQ(metadata_endpoint_of({}), "http://169.254.169.254");
  EXPECT_EQ(metadata_endpoint_of({{kMode, "ipV6"}}), "http://[fd00:ec2::254]");
  EXPECT_EQ(metadata_endpoint_of({}, "[default]\nec2_metadata_service_endpoint_mode = IPv6"),
            "http://[fd00:ec2::254]");
  EXPECT_EQ(metadata_endpoint_of({{kEndpoint, "http://a:1"}, {kMode, "IPv6"}}), "http://a:1");
  EXPECT_EQ(metadata_endpoint_of({}, "[default]\nec2_metadata_service_endpoint = http://p"),
            "http://p");
  EXPECT_THAT(metadata_endpoint_of({{kMode, "IPv7"}}), HasSubstr("stop: " + std::string(kMode)));
  EXPECT_THAT(metadata_endpoint_of({{kEndpoint, "not a uri"}}), HasSubstr("stop: "));
  EXPECT_THAT(
      metadata_endpoint_of({{"AWS_EC2_METADATA_DISABLED", "True"}, {kEndpoint, "http://a"}}),
      HasSubstr("next: AWS_EC2_METADATA_DISABLED"));
}

TEST(CredImds, PassesAwsEndpointCases) {
  const auto data = aws_test_data();
  if (!data) GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with imds-config/";
  int replayed = 0;
  int skipped = 0;
  for (const nlohmann::json& test :
       json_of(*data / "imds-config" / "imds-endpoint-tests.json").at("tests")) {
    SCOPED_TRACE(test.at("docs").get<std::string>());
    if (test.contains("endpoint_override") || test.contains("mode_override")) {
      ++skipped;
      continue;
    }
    const std::string endpoint =
        metadata_endpoint_of(test.at("env").get<Texts>(), test.at("fs").value("config", ""));
    const nlohmann::json& result = test.at("result");
    if (result.contains("Ok")) {
      EXPECT_EQ(endpoint + "/latest/api/token", result.at("Ok").get<std::string>());
    } else {
      EXPECT_THAT(endpoint, HasSubstr("stop: "));
    }
    ++replayed;
  }
  EXPECT_EQ(replayed, 11);
  std::cout << "replayed " << replayed << ", skipped " << skipped
            << " (an override in code, which is not built)\n";
}

/// An instance with a role. The test may change its answers while it runs.
struct Instance {
  Instance()
      : service([this](const std::string& head, const std::string&) { return answer(head); }) {}

  std::string answer(const std::string& head) {
    if (head.starts_with("PUT /latest/api/token ")) {
      ++tokens;
      return token_status == 200
                 ? response("200 OK",
                            "x-aws-ec2-metadata-token-ttl-seconds: " + std::to_string(ttl) + "\r\n",
                            "token-" + std::to_string(tokens.load()))
                 : response(std::to_string(token_status) + " No", "", "");
    }
    if (refusals > 0) {
      --refusals;
      return response(std::to_string(refusal_status) + " No", "", "");
    }
    if (head.find("x-aws-ec2-metadata-token: token-" + std::to_string(tokens.load()) + "\r\n") ==
        std::string::npos)
      return response("400 No token", "", "");
    constexpr const char* kPath = "GET /latest/meta-data/iam/security-credentials/";
    if (head.starts_with(std::string(kPath) + " ")) return response("200 OK", "", "my-role\n");
    if (head.starts_with(std::string(kPath) + "my-role ")) return metadata_json("ID", expiration);
    return response("404 Not Found", "", "");
  }

  std::atomic<int> tokens = 0;
  std::atomic<int> token_status = 200;
  std::atomic<int> ttl = 21'600;
  std::atomic<int> refusals = 0;
  std::atomic<int> refusal_status = 404;
  std::string expiration = kLater;
  FakeService service;
};

struct CredImdsTest : ::testing::Test {
  CredImdsTest() { harness.variables = {{kEndpoint, instance.service.url()}}; }

  Instance instance;
  CredentialHarness harness;
};

TEST_F(CredImdsTest, AsksForATokenARoleAndItsCredentials) {
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(text_of(found), "ID|s|t");
  EXPECT_EQ((*found)->source(), "instance role \"my-role\"");
  ASSERT_EQ(instance.service.requests().size(), 3u);
  EXPECT_THAT(instance.service.requests()[0],
              HasSubstr("x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
}

TEST_F(CredImdsTest, TheTokenIsKeptAndTheRoleIsNot) {
  EXPECT_EQ(harness.found(), "ID|s|t");
  EXPECT_EQ(harness.found(), "ID|s|t");
  EXPECT_EQ(instance.tokens, 1);
  EXPECT_EQ(instance.service.requests().size(), 5u);
}

TEST_F(CredImdsTest, ATokenOfAShortLifeIsNotKept) {
  instance.ttl = 60;
  EXPECT_EQ(harness.found(), "ID|s|t");
  EXPECT_TRUE(eventually([&] { return harness.found() == "ID|s|t" && instance.tokens > 1; }));
}

TEST_F(CredImdsTest, A401DropsTheToken) {
  EXPECT_EQ(harness.found(), "ID|s|t");
  instance.refusal_status = 401;
  instance.refusals = 1;
  EXPECT_EQ(harness.found(), "ID|s|t");
  EXPECT_EQ(instance.tokens, 2);
}

TEST_F(CredImdsTest, ABusyServiceIsAskedFiveTimes) {
  for (const int status : {503, 500, 429, 408}) {
    SCOPED_TRACE(status);
    instance.refusal_status = status;
    instance.refusals = 4;
    EXPECT_EQ(harness.found(), "ID|s|t");
    CredentialHarness other;
    other.variables = harness.variables;
    instance.refusals = 5;
    EXPECT_THAT(other.found(), HasSubstr("no credentials: instance: "));
  }
  instance.token_status = 429;
  CredentialHarness without_token;
  without_token.variables = harness.variables;
  const size_t before = instance.service.requests().size();
  EXPECT_THAT(without_token.found(), HasSubstr("gave no token: 429"));
  EXPECT_EQ(instance.service.requests().size(), before + 5);
}

TEST_F(CredImdsTest, A403OfTheTokenMeansDisabledAndStops) {
  instance.token_status = 403;
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(found.error().kind(), ErrorKind::kDenied);
  EXPECT_THAT(found.error().message(), HasSubstr("answered 403: it is disabled"));
  EXPECT_EQ(instance.service.requests().size(), 1u);
  instance.token_status = 400;
  EXPECT_THAT(harness.found(), HasSubstr("gave no token: 400"));
}

TEST_F(CredImdsTest, A404MeansThatThereIsNoRole) {
  instance.refusals = 1;
  EXPECT_THAT(harness.found(), HasSubstr("instance: the instance's metadata at 127.0.0.1:"));
  instance.refusals = 1;
  EXPECT_THAT(harness.found(), HasSubstr("no role is attached"));
}

TEST_F(CredImdsTest, DisabledMeansNotAsked) {
  harness.variables["AWS_EC2_METADATA_DISABLED"] = "TRUE";
  EXPECT_THAT(harness.found(), HasSubstr("instance: AWS_EC2_METADATA_DISABLED is true"));
  EXPECT_EQ(instance.service.accepted(), 0);
}

TEST(CredImds, ALostReplyTakesASecondAndIsNotAskedAgain) {
  const FakeService silent([](const std::string&, const std::string&) { return std::string(); });
  CredentialHarness harness;
  harness.variables = {{kEndpoint, silent.url()}};
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(harness.found(), HasSubstr("no answer in time"));
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, std::chrono::milliseconds(1000));
  EXPECT_LT(took, std::chrono::seconds(30));  // the search may take 60 s
  EXPECT_EQ(silent.requests().size(), 1u);
}

TEST_F(CredImdsTest, ExpiredCredentialsAreUsedOnForSomeMinutes) {
  instance.expiration = "2009-02-13T23:31:30Z";
  harness.random = FixedRandom(0.5);
  const int64_t now = harness.workers.clock().unix_seconds();
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(text_of(found), "ID|s|t");
  EXPECT_GE((*found)->expires_at().value(), now + 600 + 150);
  EXPECT_LE((*found)->expires_at().value(), now + 600 + 150 + 60);
}

TEST_F(CredImdsTest, TheLastCredentialsAreUsedOnWhileTheServiceFails) {
  EXPECT_EQ(harness.found(), "ID|s|t");
  instance.refusal_status = 500;
  instance.refusals = 100;
  EXPECT_EQ(harness.found(), "ID|s|t");
}

TEST_F(CredImdsTest, ARoleMayAssumeAnother) {
  const FakeService sts(
      [](const std::string&, const std::string&) { return sts_xml("AssumeRole", "STS", kLater); });
  harness.variables["AWS_ENDPOINT_URL_STS"] = sts.url();
  harness.variables["AWS_CONFIG_FILE"] = "/config";
  harness.files["/config"] =
      "[default]\nregion = r\nrole_arn = R\ncredential_source = Ec2InstanceMetadata\n";
  EXPECT_EQ(harness.found(), "STS|s|t");
  EXPECT_THAT(sts.requests()[0], HasSubstr("Credential=ID/"));
}

}  // namespace
}  // namespace cachey::origin
