#include "origin/s3/endpoint.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

struct Case {
  const char* endpoint;  // null: AWS
  const char* region;
  const char* bucket;
  bool path_style;
  const char* url;  // scheme, Host header and path of key `k`
  const char* signing_region;
};

constexpr Case kCases[] = {
    {nullptr, "us-east-1", "my-bucket", false, "https://my-bucket.s3.us-east-1.amazonaws.com/k",
     "us-east-1"},
    {nullptr, "aws-global", "my-bucket", false, "https://my-bucket.s3.amazonaws.com/k",
     "us-east-1"},
    {nullptr, "aws-global", "my-bucket", true, "https://s3.amazonaws.com/my-bucket/k", "us-east-1"},
    {nullptr, "cn-north-1", "my-bucket", false,
     "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/k", "cn-north-1"},
    {nullptr, "us-gov-west-1", "my-bucket", false,
     "https://my-bucket.s3.us-gov-west-1.amazonaws.com/k", "us-gov-west-1"},
    {nullptr, "xx-foo-9", "my-bucket", false, "https://my-bucket.s3.xx-foo-9.amazonaws.com/k",
     "xx-foo-9"},
    {nullptr, "eu-west-1", "my-bucket", true, "https://s3.eu-west-1.amazonaws.com/my-bucket/k",
     "eu-west-1"},
    {nullptr, "eu-west-1", "a.b", false, "https://s3.eu-west-1.amazonaws.com/a.b/k", "eu-west-1"},
    {nullptr, "eu-west-1", "My_B", false, "https://s3.eu-west-1.amazonaws.com/My_B/k", "eu-west-1"},
    {nullptr, "eu-west-1", "ab", false, "https://s3.eu-west-1.amazonaws.com/ab/k", "eu-west-1"},
    {nullptr, "eu-west-1", "-abc", false, "https://s3.eu-west-1.amazonaws.com/-abc/k", "eu-west-1"},
    {nullptr, "eu-west-1", "abc-", false, "https://s3.eu-west-1.amazonaws.com/abc-/k", "eu-west-1"},
    {nullptr, "eu-west-1", "b/c d", false, "https://s3.eu-west-1.amazonaws.com/b%2Fc%20d/k",
     "eu-west-1"},
    {"http://127.0.0.1:9000", "us-east-1", "my-bucket", false, "http://127.0.0.1:9000/my-bucket/k",
     "us-east-1"},
    {"http://[::1]:9000", "us-east-1", "my-bucket", false, "http://[::1]:9000/my-bucket/k",
     "us-east-1"},
    {"http://localhost:9000", "us-east-1", "my-bucket", false, "http://my-bucket.localhost:9000/k",
     "us-east-1"},
    {"http://localhost:9000", "us-east-1", "my-bucket", true, "http://localhost:9000/my-bucket/k",
     "us-east-1"},
    {"http://minio:9000", "us-east-1", "a.b", false, "http://a.b.minio:9000/k", "us-east-1"},
    {"http://minio:9000", "us-east-1", "a..b", false, "http://minio:9000/a..b/k", "us-east-1"},
    {"http://minio:9000", "us-east-1", "1.2.3.4", false, "http://minio:9000/1.2.3.4/k",
     "us-east-1"},
    {"https://minio:9000", "us-east-1", "a.b", false, "https://minio:9000/a.b/k", "us-east-1"},
    {"https://gw/s3/", "auto", "my-bucket", false, "https://my-bucket.gw/s3/k", "auto"},
    {"https://gw/s3/", "auto", "my-bucket", true, "https://gw/s3/my-bucket/k", "auto"},
    {"HTTPS://gw:443", "auto", "my-bucket", true, "https://gw/my-bucket/k", "auto"},
    {"http://gw:80/", "auto", "my-bucket", true, "http://gw/my-bucket/k", "auto"},
    {"http://gw:443", "auto", "my-bucket", true, "http://gw:443/my-bucket/k", "auto"},
};

TEST(Endpoint, FollowsTheRulesOfS3) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.url);
    std::optional<EndpointUrl> custom;
    if (c.endpoint != nullptr) custom = parse_endpoint_url(c.endpoint).value();
    EndpointOptions options;
    options.region = c.region;
    options.custom = custom ? &*custom : nullptr;
    options.path_style = c.path_style;
    const Result<BucketEndpoint> endpoint = resolve_endpoint(c.bucket, options);
    ASSERT_TRUE(endpoint.has_value()) << endpoint.error().message();
    const std::string scheme = endpoint->url.tls ? "https://" : "http://";
    EXPECT_EQ(scheme + host_header(endpoint->url) + endpoint->object_path(c.bucket, "k"), c.url);
    EXPECT_EQ(endpoint->signing_region, c.signing_region);
  }
}

TEST(Endpoint, RefusesWhatCannotBeABucketOrARegion) {
  const auto error_of = [](std::string_view bucket, std::string_view region) {
    EndpointOptions options;
    options.region = region;
    const Result<BucketEndpoint> endpoint = resolve_endpoint(bucket, options);
    return endpoint ? ErrorKind::kInternal : endpoint.error().kind();
  };
  EXPECT_EQ(error_of("", "us-east-1"), ErrorKind::kNotFound);
  EXPECT_EQ(error_of(".", "us-east-1"), ErrorKind::kNotFound);
  EXPECT_EQ(error_of("..", "us-east-1"), ErrorKind::kNotFound);
  for (const char* region : {"", "a b", "evil.example/", "a\r\nb", "-a", "us_east"}) {
    EXPECT_EQ(error_of("my-bucket", region), ErrorKind::kRefused) << region;
  }
  for (const char* bucket : {"bucket--use1-az4--x-s3", "bucket--xa-s3", "bucket--op-s3",
                             "arn:aws:s3-outposts:r:1:outpost/o/accesspoint/n"}) {
    EXPECT_EQ(error_of(bucket, "us-east-1"), ErrorKind::kRefused) << bucket;
  }
}

TEST(Endpoint, KeysKeepTheirSlashesAndDots) {
  BucketEndpoint endpoint;
  endpoint.virtual_host = true;
  EXPECT_EQ(endpoint.object_path("b", "/k"), "//k");
  EXPECT_EQ(endpoint.object_path("b", "a//b/../c/"), "/a//b/../c/");
  EXPECT_EQ(endpoint.object_path("b", "100%/?#\r\n"), "/100%25/%3F%23%0D%0A");
}

TEST(EndpointUrl, ParsesSchemeHostPortAndPath) {
  const EndpointUrl plain = parse_endpoint_url("http://minio").value();
  EXPECT_EQ(plain, (EndpointUrl{.tls = false, .host = "minio", .port = 80, .base_path = ""}));
  const EndpointUrl full = parse_endpoint_url("https://[fd00::1]:8443/a%2fb/c d//").value();
  EXPECT_EQ(full,
            (EndpointUrl{.tls = true, .host = "fd00::1", .port = 8443, .base_path = "/a/b/c%20d"}));
}

TEST(EndpointUrl, RefusesWhatIsNoEndpoint) {
  for (const char* url : {"",
                          "minio:9000",
                          "ftp://minio",
                          "//minio",
                          "http://",
                          "http:///path",
                          "http://:9000",
                          "http://minio:",
                          "http://minio:0",
                          "http://minio:65536",
                          "http://minio:9x",
                          "http://a b",
                          "http://u:p@minio",
                          "http://minio?x",
                          "http://minio/#f",
                          "http://[::1",
                          "http://[minio]:80",
                          "http://[::1]80",
                          "http://minio/%zz",
                          "http://mini\r\no",
                          "http://::1:80"}) {
    EXPECT_FALSE(parse_endpoint_url(url).has_value()) << url;
  }
}

TEST(EndpointUrl, AnErrorDoesNotRepeatAPassword) {
  for (const char* url : {"https://user:secret@minio", "ftp://user:secret@minio",
                          "user:secret@minio", "http://user:secret@minio/?x"}) {
    const std::string text = parse_endpoint_url(url).error().message();
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  }
  EXPECT_NE(parse_endpoint_url("ftp://minio").error().message().find("ftp://minio"),
            std::string::npos);
}

}  // namespace
}  // namespace cachey::origin
