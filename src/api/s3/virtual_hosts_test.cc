#include "api/s3/virtual_hosts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachey::api::s3 {
namespace {

VirtualHosts under(std::vector<std::string> domains) {
  Result<VirtualHosts> hosts = VirtualHosts::parse(domains);
  EXPECT_TRUE(hosts.has_value()) << (hosts ? "" : hosts.error().message());
  return hosts ? *hosts : VirtualHosts();
}

TEST(VirtualHosts, ALabelBeforeTheDomainIsTheBucket) {
  const VirtualHosts hosts = under({"S3.Example.com", "localhost"});
  const struct {
    const char* host;
    std::optional<std::string> bucket;
  } rows[] = {
      {"bkt.s3.example.com", "bkt"},
      {"bkt.s3.example.com:8080", "bkt"},
      {"bkt.s3.example.com:", "bkt"},
      {"BKT.S3.EXAMPLE.COM", "bkt"},
      {"bkt.s3.example.com.", "bkt"},
      {"bkt.s3.example.com.:443", "bkt"},
      {"a.b.c.s3.example.com", "a.b.c"},
      {"bkt.localhost", "bkt"},
      {"bkt.localhost:9000", "bkt"},
      {".s3.example.com", ""},
      {"s3.example.com", std::nullopt},
      {"s3.example.com:80", std::nullopt},
      {"s3.example.com.", std::nullopt},
      {"xs3.example.com", std::nullopt},
      {"example.com", std::nullopt},
      {"bkt.s3.example.org", std::nullopt},
      {"localhost", std::nullopt},
      {"127.0.0.1", std::nullopt},
      {"127.0.0.1:8080", std::nullopt},
      {"[::1]", std::nullopt},
      {"[::1]:8080", std::nullopt},
      {"[::1].s3.example.com", std::nullopt},
      {"", std::nullopt},
      {":80", std::nullopt},
      {".", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(hosts.bucket_of(row.host), row.bucket) << row.host;
}

TEST(VirtualHosts, TheLongestDomainCounts) {
  for (const auto& domains : {std::vector<std::string>{"example.com", "s3.example.com"},
                              std::vector<std::string>{"s3.example.com", "example.com"}}) {
    const VirtualHosts hosts = under(domains);
    EXPECT_EQ(hosts.bucket_of("b.s3.example.com"), "b");
    EXPECT_EQ(hosts.bucket_of("b.example.com"), "b");
    EXPECT_EQ(hosts.bucket_of("s3.example.com"), std::nullopt);
    EXPECT_EQ(hosts.bucket_of("example.com"), std::nullopt);
    EXPECT_EQ(hosts.bucket_of("xs3.example.com"), "xs3");
  }
}

TEST(VirtualHosts, WithoutDomainsEachHostIsPathStyle) {
  EXPECT_TRUE(VirtualHosts().empty());
  EXPECT_EQ(VirtualHosts().bucket_of("bkt.s3.example.com"), std::nullopt);
}

TEST(VirtualHosts, DomainsAreNamesOfHosts) {
  for (const std::string domain :
       {"", ".", "a.", ".a", "a..b", "a:80", "[::1]", "a/b", "*.a", "a b", "ä.de"}) {
    const Result<VirtualHosts> hosts = VirtualHosts::parse(std::vector<std::string>{domain});
    ASSERT_FALSE(hosts.has_value()) << domain;
    EXPECT_EQ(hosts.error().kind(), ErrorKind::kBadRequest);
    EXPECT_TRUE(hosts.error().message().contains(domain)) << hosts.error().message();
  }
  const std::string label(63, 'a');
  const std::string long_name = label + "." + label + "." + label + "." + label.substr(2);
  EXPECT_TRUE(VirtualHosts::parse(std::vector<std::string>{long_name}).has_value());
  EXPECT_FALSE(VirtualHosts::parse(std::vector<std::string>{long_name + "a"}).has_value());
  EXPECT_FALSE(VirtualHosts::parse(std::vector<std::string>{label + "a"}).has_value());
}

TEST(VirtualHosts, TheNumberOfDomainsIsBounded) {
  std::vector<std::string> domains;
  for (size_t i = 0; i < VirtualHosts::kDomainsMax; ++i)
    domains.push_back("d" + std::to_string(i) + ".example.com");
  EXPECT_TRUE(VirtualHosts::parse(domains).has_value());
  domains.push_back("one.more");
  EXPECT_FALSE(VirtualHosts::parse(domains).has_value());
}

}  // namespace
}  // namespace cachey::api::s3
