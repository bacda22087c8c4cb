#include "origin/credentials/sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string sts_endpoint_of(const Texts& variables, const std::string& config = "") {
  ProfileFiles files = parse_profile_files({"c", config}, {"", ""}).value();
  const Environment environment = environment_of(variables);
  const Profile profile("default", std::move(files));
  std::string region = first_set(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (region.empty()) region = profile.region();
  const Result<StsEndpoint> sts = resolve_sts_endpoint(environment, profile, region);
  if (!sts) return sts.error().message();
  return std::string(sts->url.tls ? "https://" : "http://") + host_header(sts->url) +
         sts->url.base_path + " " + sts->signing_region;
}

TEST(CredSts, TheEndpointIsTheRegions) {
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "eu-west-1"}}),
            "https://sts.eu-west-1.amazonaws.com eu-west-1");
  EXPECT_EQ(
      sts_endpoint_of({{"AWS_REGION", "us-east-1"}, {"AWS_STS_REGIONAL_ENDPOINTS", "legacy"}}),
      "https://sts.us-east-1.amazonaws.com us-east-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "cn-north-1"}}),
            "https://sts.cn-north-1.amazonaws.com.cn cn-north-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "us-iso-east-1"}}),
            "https://sts.us-iso-east-1.c2s.ic.gov us-iso-east-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "eusc-de-east-1"}}),
            "https://sts.eusc-de-east-1.amazonaws.eu eusc-de-east-1");
  EXPECT_EQ(
      sts_endpoint_of({{"AWS_REGION", "eusc-de-east-1"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}}),
      "https://sts.eusc-de-east-1.api.amazonwebservices.eu eusc-de-east-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "cn-north-1"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}}),
            "https://sts.cn-north-1.api.amazonwebservices.com.cn cn-north-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "aws-global"}}), "https://sts.amazonaws.com us-east-1");
  EXPECT_EQ(sts_endpoint_of({{"AWS_DEFAULT_REGION", "r"}}, "[default]\nregion = p"),
            "https://sts.r.amazonaws.com r");
  EXPECT_EQ(sts_endpoint_of({}, "[default]\nregion = p"), "https://sts.p.amazonaws.com p");
  EXPECT_THAT(sts_endpoint_of({{"AWS_REGION", "no/region"}}), HasSubstr("cannot be a region"));
}

TEST(CredSts, FipsAndDualStackHaveNamesOfTheirOwn) {
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"}, {"AWS_USE_FIPS_ENDPOINT", "TRUE"}}),
            "https://sts-fips.r.amazonaws.com r");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"}}, "[default]\nuse_dualstack_endpoint = true"),
            "https://sts.r.api.aws r");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"},
                             {"AWS_USE_FIPS_ENDPOINT", "true"},
                             {"AWS_USE_DUALSTACK_ENDPOINT", "true"}}),
            "https://sts-fips.r.api.aws r");
  EXPECT_THAT(sts_endpoint_of({{"AWS_REGION", "r"},
                               {"AWS_USE_FIPS_ENDPOINT", "true"},
                               {"AWS_ENDPOINT_URL", "http://a"}}),
              HasSubstr("FIPS"));
}

TEST(CredSts, AnEndpointOfOnesOwnIsTakenFromTheGeneralSettingToo) {
  const std::string services =
      "[default]\nservices = x\nendpoint_url = http://own\n[services x]\nsts =\n"
      "  endpoint_url = http://sts\n";
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"}}, services), "http://sts r");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"}}, "[default]\nendpoint_url = http://own"),
            "http://own r");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"}, {"AWS_ENDPOINT_URL", "http://a:1/b/"}}, services),
            "http://a:1/b r");
  EXPECT_EQ(sts_endpoint_of({{"AWS_REGION", "r"},
                             {"AWS_ENDPOINT_URL", "http://a"},
                             {"AWS_ENDPOINT_URL_STS", "http://s"},
                             {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}),
            "http://s r");
}

constexpr const char* kRoleConfig =
    "[default]\nrole_arn = arn:aws:iam::1:role/R\nsource_profile = base\nexternal_id = e x\n"
    "duration_seconds = 1800\n[profile base]\naws_access_key_id = k\naws_secret_access_key = s\n"
    "aws_session_token = base-token\n";

void use_role(CredentialHarness& harness, const FakeService& sts) {
  harness.variables["AWS_REGION"] = "eu-west-1";
  harness.variables["AWS_ENDPOINT_URL_STS"] = sts.url();
  harness.variables["AWS_CONFIG_FILE"] = "/config";
  harness.files["/config"] = kRoleConfig;
}

TEST(CredAssumeRole, AsksStsWithASignedForm) {
  const FakeService sts(
      [](const std::string&, const std::string&) { return sts_xml("AssumeRole", "ID", kLater); });
  CredentialHarness harness;
  use_role(harness, sts);
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(text_of(found), "ID|s|t");
  EXPECT_EQ((*found)->source(),
            "role \"arn:aws:iam::1:role/R\" of profile \"default\", from profile \"base\"");
  ASSERT_EQ(sts.requests().size(), 1u);
  EXPECT_THAT(
      sts.requests()[0],
      AllOf(HasSubstr("POST / HTTP/1.1\r\n"), HasSubstr("x-amz-security-token: base-token\r\n"),
            HasSubstr("content-type: application/x-www-form-urlencoded\r\n"),
            HasSubstr("/eu-west-1/sts/aws4_request, "
                      "SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-"
                      "token, "),
            HasSubstr("\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%"
                      "3Arole%2FR&RoleSessionName=assume-role-from-profile-"),
            HasSubstr("&DurationSeconds=1800&ExternalId=e%20x")));
}

TEST(CredAssumeRole, WithoutARegionNobodyIsAsked) {
  CredentialHarness harness;
  harness.variables["AWS_CONFIG_FILE"] = "/config";
  harness.files["/config"] = kRoleConfig;
  EXPECT_THAT(harness.found(), HasSubstr("a region must be set to ask STS for a role"));
}

TEST(CredAssumeRole, StsIsAskedThroughTheProxyThatTheSettingsName) {
  const FakeService proxy(
      [](const std::string&, const std::string&) { return sts_xml("AssumeRole", "ID", kLater); });
  CredentialHarness harness;
  use_role(harness, proxy);
  harness.variables["AWS_ENDPOINT_URL_STS"] = "http://sts.example";
  harness.proxies = std::make_shared<const ProxyRules>(
      parse_proxy_url("http://me:secret@127.0.0.1:" + std::to_string(proxy.port())).value(),
      std::nullopt, NoProxy());
  EXPECT_EQ(harness.found(), "ID|s|t");
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_THAT(proxy.requests()[0],
              AllOf(HasSubstr("POST http://sts.example/ HTTP/1.1\r\n"),
                    HasSubstr("\r\nhost: sts.example\r\n"),
                    HasSubstr("\r\nproxy-authorization: Basic bWU6c2VjcmV0\r\n"),
                    HasSubstr("SignedHeaders=content-length;content-type;host;x-amz-date;"
                              "x-amz-security-token, ")));
}

TEST(CredWebId, StsIsAskedThroughATunnelWhereItSpeaksTls) {
  std::string asked;
  ScriptedServer proxy([&](Peer& peer, int) {
    asked = peer.read_request();
    peer.send("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    peer.wait_until_closed();
  });
  CredentialHarness harness;
  harness.variables["AWS_REGION"] = "eu-west-1";
  harness.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  harness.variables["AWS_ROLE_ARN"] = "arn";
  harness.files["/token"] = "jwt";
  harness.proxies = std::make_shared<const ProxyRules>(
      std::nullopt, parse_proxy_url("http://127.0.0.1:" + std::to_string(proxy.port())).value(),
      NoProxy());
  EXPECT_THAT(harness.found(), HasSubstr("no way through the proxy: it answered 407"));
  EXPECT_THAT(asked, HasSubstr("CONNECT sts.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n"));
}

TEST(CredAssumeRole, AnErrorOfStsIsToldWithCodeAndRequest) {
  const FakeService sts([](const std::string&, const std::string&) {
    return sts_error("403 Forbidden", "AccessDenied");
  });
  CredentialHarness harness;
  use_role(harness, sts);
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(found.error().kind(), ErrorKind::kDenied);
  EXPECT_THAT(found.error().message(),
              HasSubstr("no credentials: profile: profile \"default\": AssumeRole at 127.0.0.1:"));
  EXPECT_THAT(found.error().message(),
              HasSubstr("STS answered 403 \"AccessDenied\" request_id=\"REQ1\": \"words\""));
  EXPECT_EQ(sts.requests().size(), 1u);
}

TEST(CredAssumeRole, ABusyStsIsAskedFiveTimes) {
  for (const char* status : {"503 Service Unavailable", "429 Too Many", "408 Late", "502 Edge"}) {
    const FakeService sts(
        [status](const std::string&, const std::string&) { return sts_error(status, "Busy"); });
    CredentialHarness harness;
    use_role(harness, sts);
    EXPECT_EQ(harness.find().error().kind(), ErrorKind::kUpstream) << status;
    EXPECT_EQ(sts.requests().size(), 5u) << status;
  }
}

TEST(CredAssumeRole, AClockThatIsWrongIsCorrectedOnce) {
  const auto refusal = [](const std::string& date) {
    std::string answer = sts_error("403 Forbidden", "SignatureDoesNotMatch");
    return answer.insert(answer.find("\r\n") + 2, "Date: " + date + "\r\n");
  };
  for (const bool helps : {true, false}) {
    std::atomic<int> calls = 0;
    const FakeService sts([&](const std::string&, const std::string&) {
      if (++calls == 1) return refusal("Thu, 01 Jan 2099 00:00:00 GMT");
      return helps ? sts_xml("AssumeRole", "ID", "2099-01-01T06:00:00Z")
                   : refusal("Fri, 01 Jan 2100 00:00:00 GMT");
    });
    CredentialHarness harness;
    use_role(harness, sts);
    EXPECT_EQ(harness.find().has_value(), helps);
    const std::vector<std::string> requests = sts.requests();
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_THAT(requests[1], HasSubstr("\r\nx-amz-date: 20990101T0000"));
  }
}

TEST(CredWebId, AsksStsWithTheTokenUnsigned) {
  const FakeService sts([](const std::string&, const std::string&) {
    return sts_xml("AssumeRoleWithWebIdentity", "ID", kLater);
  });
  CredentialHarness harness;
  harness.variables["AWS_REGION"] = "r";
  harness.variables["AWS_ENDPOINT_URL_STS"] = sts.url();
  harness.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  harness.variables["AWS_ROLE_ARN"] = "arn";
  harness.files["/token"] = "jwt-1\n";
  EXPECT_EQ(harness.found(), "ID|s|t");
  harness.files["/token"] = "jwt-2";
  harness.variables["AWS_ROLE_SESSION_NAME"] = "mine";
  EXPECT_EQ(harness.found(), "ID|s|t");
  const std::vector<std::string> requests = sts.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[0],
              AllOf(HasSubstr("\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&"
                              "RoleArn=arn&RoleSessionName=web-identity-token-"),
                    HasSubstr("&WebIdentityToken=jwt-1"), Not(HasSubstr("authorization"))));
  EXPECT_TRUE(requests[0].ends_with("jwt-1"));
  EXPECT_TRUE(requests[1].ends_with("&RoleSessionName=mine&WebIdentityToken=jwt-2"));
}

TEST(CredWebId, AnUnreachableIdentityProviderIsAskedAgain) {
  std::atomic<int> calls = 0;
  const FakeService sts([&](const std::string&, const std::string&) {
    return ++calls < 3 ? sts_error("400 Bad Request", "IDPCommunicationError")
                       : sts_xml("AssumeRoleWithWebIdentity", "ID", kLater);
  });
  CredentialHarness harness;
  harness.variables["AWS_ENDPOINT_URL_STS"] = sts.url();
  harness.variables["AWS_CONFIG_FILE"] = "/config";
  harness.files["/config"] =
      "[default]\nregion = r\nrole_arn = a\nweb_identity_token_file = /token\n";
  harness.files["/token"] = "jwt";
  EXPECT_EQ(harness.found(), "ID|s|t");
  EXPECT_THAT(sts.requests()[0], HasSubstr("RoleSessionName=web-identity-token-profile-"));
}

TEST(CredWebId, AnUnreadableTokenStops) {
  CredentialHarness harness;
  harness.variables["AWS_REGION"] = "r";
  harness.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  harness.variables["AWS_ROLE_ARN"] = "arn";
  EXPECT_EQ(harness.found(),
            "no credentials: web identity: the web identity's token: cannot read \"/token\": no "
            "such file");
  harness.files["/token"] = "";
  EXPECT_THAT(harness.found(), HasSubstr("is empty"));
}

}  // namespace
}  // namespace cachey::origin
