#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "origin/s3/access_point.h"
#include "origin/s3/endpoint.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

struct RuleCase {
  const char* bucket;
  const char* region;
  bool fips;
  bool dual_stack;
  const char* host;
  const char* signing_region;
};

constexpr const char* kPoint = "arn:aws:s3:us-west-2:123456789012:accesspoint/point";

constexpr RuleCase kRuleCases[] = {
    {"my-bucket", "eu-west-1", false, true, "my-bucket.s3.dualstack.eu-west-1.amazonaws.com",
     "eu-west-1"},
    {"my-bucket", "eu-west-1", true, false, "my-bucket.s3-fips.eu-west-1.amazonaws.com",
     "eu-west-1"},
    {"my-bucket", "us-gov-west-1", true, true,
     "my-bucket.s3-fips.dualstack.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
    {"my-bucket", "aws-global", true, false, "my-bucket.s3-fips.us-east-1.amazonaws.com",
     "us-east-1"},
    {"my-bucket", "cn-north-1", false, true, "my-bucket.s3.dualstack.cn-north-1.amazonaws.com.cn",
     "cn-north-1"},
    {"a.b", "eu-west-1", true, false, "s3-fips.eu-west-1.amazonaws.com", "eu-west-1"},
    {"point-alias-s3alias", "eu-west-1", false, false,
     "point-alias-s3alias.s3.eu-west-1.amazonaws.com", "eu-west-1"},
    {kPoint, "us-east-1", false, false, "point-123456789012.s3-accesspoint.us-west-2.amazonaws.com",
     "us-west-2"},
    {"arn:aws:s3:us-west-2:123456789012:accesspoint:point", "us-west-2", true, true,
     "point-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com", "us-west-2"},
};

TEST(EndpointRules, FipsDualStackAndAccessPointsHaveHostsOfTheirOwn) {
  for (const RuleCase& c : kRuleCases) {
    SCOPED_TRACE(c.host);
    EndpointOptions options;
    options.region = c.region;
    options.fips = c.fips;
    options.dual_stack = c.dual_stack;
    const Result<BucketEndpoint> endpoint = resolve_endpoint(c.bucket, options);
    ASSERT_TRUE(endpoint.has_value()) << endpoint.error().message();
    EXPECT_EQ(endpoint->url.host, c.host);
    EXPECT_EQ(endpoint->signing_region, c.signing_region);
  }
}

TEST(EndpointRules, AnAccessPointStandsBeforeACustomHost) {
  const EndpointUrl custom = parse_endpoint_url("http://store.example:9000/base").value();
  EndpointOptions options;
  options.region = "us-west-2";
  options.custom = &custom;
  const BucketEndpoint endpoint = resolve_endpoint(kPoint, options).value();
  EXPECT_EQ(host_header(endpoint.url), "point-123456789012.store.example:9000");
  EXPECT_EQ(endpoint.object_path(kPoint, "k"), "/base/k");
}

std::string fault_of(const std::string& bucket, EndpointOptions options) {
  if (options.region.empty()) options.region = "us-east-1";
  const Result<BucketEndpoint> endpoint = resolve_endpoint(bucket, options);
  return endpoint ? "none" : endpoint.error().message();
}

TEST(EndpointRules, WhatIsNotBuiltIsRefusedByName) {
  EXPECT_THAT(fault_of("b--use1-az4--x-s3", {}), HasSubstr("S3 Express"));
  EXPECT_THAT(fault_of("p--use1-az4--xa-s3", {}), HasSubstr("S3 Express"));
  EXPECT_THAT(fault_of("p-e0000000000000--op-s3", {}), HasSubstr("Outposts"));
  EXPECT_THAT(fault_of("arn:aws:s3-outposts:us-east-1:1:outpost/op-1/accesspoint/p", {}),
              HasSubstr("Outposts"));
  EXPECT_THAT(fault_of("arn:aws:s3-object-lambda:us-east-1:1:accesspoint/p", {}),
              HasSubstr("Object Lambda"));
  EXPECT_THAT(fault_of("arn:aws:s3::123456789012:accesspoint:x.mrap", {}),
              HasSubstr("multi-region"));
}

TEST(EndpointRules, OptionsThatExcludeEachOtherAreRefused) {
  const EndpointUrl custom = parse_endpoint_url("http://127.0.0.1:9000").value();
  EndpointOptions fips;
  fips.custom = &custom;
  fips.fips = true;
  EXPECT_THAT(fault_of("bucket", fips), HasSubstr("endpoint URL"));
  EndpointOptions dual_stack;
  dual_stack.custom = &custom;
  dual_stack.dual_stack = true;
  EXPECT_THAT(fault_of("bucket", dual_stack), HasSubstr("endpoint URL"));
  EndpointOptions china;
  china.region = "cn-north-1";
  china.fips = true;
  EXPECT_THAT(fault_of("bucket", china), HasSubstr("China"));
  EXPECT_THAT(fault_of(kPoint, china), HasSubstr("China"));
  EndpointOptions path_style;
  path_style.path_style = true;
  EXPECT_THAT(fault_of(kPoint, path_style), HasSubstr("path style"));
  EndpointOptions address;
  address.custom = &custom;
  EXPECT_THAT(fault_of(kPoint, address), HasSubstr("host name"));
  EndpointOptions elsewhere;
  elsewhere.region = "cn-north-1";
  EXPECT_THAT(fault_of(kPoint, elsewhere), HasSubstr("partition"));
}

TEST(AccessPoint, BrokenArnsAreNoBuckets) {
  for (const char* arn :
       {"arn:", "arn:aws:s3", "arn:aws:s3:us-west-2:1:", "arn:aws:s3:us-west-2:1:bucket/b",
        "arn:aws:sqs:us-west-2:1:accesspoint/p", "arn:aws:s3:us-west-2:1:accesspoint",
        "arn:aws:s3:us-west-2:1:accesspoint/", "arn:aws:s3:us-west-2:1:accesspoint/a/b",
        "arn:aws:s3:us-west-2:1_2:accesspoint/p", "arn:aws:s3:us west:1:accesspoint/p",
        "arn:aws:s3::1:accesspoint/p", "arn:aws:s3:us-west-2::accesspoint/p",
        "arn:aws:s3:us-west-2:1:accesspoint/p.evil.example",
        "arn:aws:s3:us-west-2:1:accesspoint/p@evil"}) {
    const Result<AccessPoint> point = parse_access_point(arn);
    ASSERT_FALSE(point.has_value()) << arn;
    EXPECT_EQ(point.error().kind(), ErrorKind::kNotFound) << arn;
  }
}

/// The reason to skip this case of AWS's rule tests, or nothing.
std::optional<std::string> why_skipped(const nlohmann::json& test) {
  const nlohmann::json& params = test.at("params");
  if (!params.contains("Bucket")) return "no bucket: of operations that have none";
  if (!params.contains("Region"))
    return "no region: never asked for, see WithoutCredentialsOrRegion";
  for (const char* option :
       {"Accelerate", "UseGlobalEndpoint", "UseS3ExpressControlEndpoint", "UseObjectLambdaEndpoint",
        "DisableAccessPoints", "DisableMultiRegionAccessPoints"}) {
    if (params.value(option, false)) return std::string(option) + ": nobody can set it";
  }
  if (params.contains("UseArnRegion") && !params.at("UseArnRegion").get<bool>())
    return "UseArnRegion=false: nobody can set it";
  return std::nullopt;
}

/// Our error text for a feature of S3 that Cachey refuses, or nothing.
std::optional<std::string> why_refused(const std::string& bucket) {
  const auto ends = [&bucket](std::string_view end) { return bucket.ends_with(end); };
  if (ends("--x-s3") || ends("--xa-s3")) return "S3 Express";
  if (ends("--op-s3") || bucket.find(":s3-outposts:") != std::string::npos) return "Outposts";
  if (bucket.find(":s3-object-lambda:") != std::string::npos) return "Object Lambda";
  if (bucket.starts_with("arn:") && ends(".mrap")) return "multi-region";
  return std::nullopt;
}

Result<BucketEndpoint> resolve(const nlohmann::json& params) {
  std::optional<EndpointUrl> custom;
  if (params.contains("Endpoint")) {
    Result<EndpointUrl> url = parse_endpoint_url(params.at("Endpoint").get<std::string>());
    if (!url) return std::unexpected(url.error());
    custom = *url;
  }
  const std::string region = params.at("Region");
  EndpointOptions options;
  options.region = region;
  options.custom = custom ? &*custom : nullptr;
  options.path_style = params.value("ForcePathStyle", false);
  options.fips = params.value("UseFIPS", false);
  options.dual_stack = params.value("UseDualStack", false);
  return resolve_endpoint(params.at("Bucket").get<std::string>(), options);
}

void expect_endpoint(const nlohmann::json& expected, const BucketEndpoint& endpoint,
                     const std::string& bucket) {
  const std::string url = (endpoint.url.tls ? "https://" : "http://") + host_header(endpoint.url) +
                          endpoint.object_path(bucket, "");
  EXPECT_EQ(url, expected.at("url").get<std::string>() + "/");
  const nlohmann::json& properties = expected.at("properties");
  if (!properties.contains("authSchemes")) return;
  EXPECT_EQ(endpoint.signing_region,
            properties.at("authSchemes").at(0).at("signingRegion").get<std::string>());
}

TEST(EndpointRules, ReplayTheTestsOfAws) {
  const char* data = std::getenv("CACHEY_AWS_TEST_DATA");
  if (data == nullptr)
    GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with s3-endpoint-tests.json";
  std::ifstream file(std::filesystem::path(data) / "s3-endpoint-tests.json");
  const nlohmann::json tests = nlohmann::json::parse(file);
  int all = 0;
  int replayed = 0;
  std::map<std::string, int> skipped;
  std::map<std::string, int> refused;
  for (const nlohmann::json& test : tests.at("testCases")) {
    const nlohmann::json& params = test.at("params");
    SCOPED_TRACE(test.value("documentation", "") + " " + params.dump());
    ++all;
    if (const std::optional<std::string> reason = why_skipped(test)) {
      ++skipped[*reason];
      continue;
    }
    const std::string bucket = params.at("Bucket");
    const nlohmann::json& expected = test.at("expect");
    const Result<BucketEndpoint> endpoint = resolve(params);
    const std::optional<std::string> ours = why_refused(bucket);
    if (ours && expected.contains("endpoint")) {
      ++refused[*ours];
      ASSERT_FALSE(endpoint.has_value());
      EXPECT_THAT(endpoint.error().message(), HasSubstr(*ours));
      continue;
    }
    ++replayed;
    ASSERT_EQ(!endpoint, expected.contains("error"))
        << (endpoint ? host_header(endpoint->url) : endpoint.error().message());
    if (endpoint) expect_endpoint(expected.at("endpoint"), *endpoint, bucket);
  }
  for (const auto& [reason, count] : skipped)
    std::cout << "skipped " << count << ": " << reason << "\n";
  for (const auto& [what, count] : refused)
    std::cout << "refused as not built " << count << ": " << what << "\n";
  std::cout << replayed << " of " << all << " cases replayed\n";
  EXPECT_GE(replayed, 130);
}

}  // namespace
}  // namespace cachey::origin
