#include "api/s3/target.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "aws/object_path.h"

namespace cachey::api::s3 {
namespace {

using net::Method;
using enum Operation;

VirtualHosts hosts() { return *VirtualHosts::parse(std::vector<std::string>{"s3.test"}); }

std::expected<Target, const aws::ErrorCode*> target_of(std::string_view target,
                                                       Method method = Method::kGet,
                                                       std::string_view host = "127.0.0.1:80") {
  return parse_target(net::Request(method, target, {{"host", host}}), hosts());
}

struct Named {
  const char* target;
  Operation operation;
  std::string bucket;
  std::string key;
};

void expect_named(const Named& row, Method method, std::string_view host = "127.0.0.1:80") {
  const auto parsed = target_of(row.target, method, host);
  ASSERT_TRUE(parsed.has_value()) << row.target << ": " << parsed.error()->code;
  EXPECT_EQ(to_string(parsed->operation), to_string(row.operation)) << row.target;
  EXPECT_EQ(parsed->operation, row.operation) << row.target;
  EXPECT_EQ(parsed->bucket, row.bucket) << row.target;
  EXPECT_EQ(parsed->key, row.key) << row.target;
}

TEST(Target, PathStyle) {
  const Named rows[] = {
      {"/", kListBuckets, "", ""},
      {"/?x-id=ListBuckets", kListBuckets, "", ""},
      {"/bkt", kListObjects, "bkt", ""},
      {"/bkt/", kListObjects, "bkt", ""},
      {"/bkt?list-type=2", kListObjectsV2, "bkt", ""},
      {"/bkt/?list-type=2&prefix=a%2Fb&delimiter=", kListObjectsV2, "bkt", ""},
      {"/bkt?list-type=3", kOtherRead, "bkt", ""},
      {"/bkt/key", kGetObject, "bkt", "key"},
      {"/bkt//", kGetObject, "bkt", "/"},
      {"/bkt//a", kGetObject, "bkt", "/a"},
      {"/bkt/a/", kGetObject, "bkt", "a/"},
      {"/bkt/a//b", kGetObject, "bkt", "a//b"},
      {"/bkt/a/../b", kGetObject, "bkt", "a/../b"},
      {"/bkt/./a/.", kGetObject, "bkt", "./a/."},
      {"/bkt/..", kGetObject, "bkt", ".."},
      {"/bkt/%2e%2e/x", kGetObject, "bkt", "../x"},
      {"/bkt/a+b", kGetObject, "bkt", "a+b"},
      {"/bkt/a%2Bb", kGetObject, "bkt", "a+b"},
      {"/bkt/a%2Fb", kGetObject, "bkt", "a/b"},
      {"/bkt/a%252Fb", kGetObject, "bkt", "a%2Fb"},
      {"/bkt/a%20b%3Fc", kGetObject, "bkt", "a b?c"},
      {"/bkt/dir/a%20b%2Bc%2525/%C3%BC=1.txt", kGetObject, "bkt", "dir/a b+c%25/\xC3\xBC=1.txt"},
      {"/bkt/%0A", kGetObject, "bkt", "\n"},
      {"/%62kt/key", kGetObject, "bkt", "key"},
      {"/bkt%2Fkey", kGetObject, "bkt", "key"},
      {"/Old_Bucket.eu/key", kGetObject, "Old_Bucket.eu", "key"},
      {"/b/key", kGetObject, "b", "key"},
      {"/bkt/key?", kGetObject, "bkt", "key"},
      {"/bkt/key?&&", kGetObject, "bkt", "key"},
      {"/bkt/-/healthz", kGetObject, "bkt", "-/healthz"},
  };
  for (const Named& row : rows) expect_named(row, Method::kGet);
  expect_named({"/bkt/key", kHeadObject, "bkt", "key"}, Method::kHead);
  expect_named({"/bkt", kHeadBucket, "bkt", ""}, Method::kHead);
  expect_named({"/bkt/", kHeadBucket, "bkt", ""}, Method::kHead);
  expect_named({"/bkt?list-type=2", kHeadBucket, "bkt", ""}, Method::kHead);
  expect_named({"/", kOtherRead, "", ""}, Method::kHead);
}

TEST(Target, VirtualHostStyle) {
  const Named rows[] = {
      {"/", kListObjects, "a.b", ""},       {"/?list-type=2", kListObjectsV2, "a.b", ""},
      {"/key", kGetObject, "a.b", "key"},   {"/bkt/key", kGetObject, "a.b", "bkt/key"},
      {"//key", kGetObject, "a.b", "/key"}, {"/a/../b", kGetObject, "a.b", "a/../b"},
  };
  for (const Named& row : rows) expect_named(row, Method::kGet, "A.B.S3.Test:8080");
  expect_named({"/key", kHeadObject, "a.b", "key"}, Method::kHead, "a.b.s3.test");
  for (const char* host : {"s3.test", "s3.test:80", "127.0.0.1", "[::1]:80", "other.test"})
    expect_named({"/bkt/key", kGetObject, "bkt", "key"}, Method::kGet, host);
  for (const char* host : {".s3.test", "a..b.s3.test", "-.s3.test"})
    EXPECT_EQ(target_of("/key", Method::kGet, host).error()->code, "InvalidBucketName") << host;
}

TEST(Target, WithoutHostItIsPathStyle) {
  const auto parsed = parse_target(net::Request(Method::kGet, "/bkt/key", {}), hosts());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->bucket, "bkt");
}

TEST(Target, UnknownParametersDoNotMatter) {
  for (const char* query :
       {"x-id=GetObject", "x-id", "cachebuster=1", "ACL", "Tagging=", "versionid=1",
        "response-content-type=a", "X-Amz-Signature=00&X-Amz-Date=1&X-Amz-Expires=5",
        "AWSAccessKeyId=a&Signature=b%2Fc&Expires=1", "x-amz-checksum-mode=ENABLED", "list-type=2",
        "prefix=acl", "a=acl", "=acl", "acl2", "acl%00", "acl+"}) {
    expect_named({(std::string("/bkt/key?") + query).c_str(), kGetObject, "bkt", "key"},
                 Method::kGet);
    expect_named({(std::string("/bkt/key?") + query).c_str(), kHeadObject, "bkt", "key"},
                 Method::kHead);
  }
}

TEST(Target, ASubresourceIsNeverAnotherOperation) {
  const struct {
    const char* query;
    Operation of_object;
    Operation of_bucket;
  } rows[] = {
      {"acl", kGetObjectAcl, kOtherRead},
      {"acl=", kGetObjectAcl, kOtherRead},
      {"acl=x", kGetObjectAcl, kOtherRead},
      {"%61cl", kGetObjectAcl, kOtherRead},
      {"x-id=a&acl", kGetObjectAcl, kOtherRead},
      {"acl&acl", kGetObjectAcl, kOtherRead},
      {"acl&tagging", kOtherRead, kOtherRead},
      {"acl&versionId=1", kGetObjectAcl, kOtherRead},
      {"acl&partNumber=1", kOtherRead, kOtherRead},
      {"attributes", kGetObjectAttributes, kOtherRead},
      {"tagging", kGetObjectTagging, kOtherRead},
      {"torrent", kOtherRead, kOtherRead},
      {"legal-hold", kOtherRead, kOtherRead},
      {"retention", kOtherRead, kOtherRead},
      {"restore", kOtherRead, kOtherRead},
      {"select&select-type=2", kOtherRead, kOtherRead},
      {"uploadId=1", kOtherRead, kOtherRead},
      {"uploads", kOtherRead, kOtherRead},
      {"partNumber=1", kGetPart, kOtherRead},
      {"partNumber=", kGetPart, kOtherRead},
      {"part%4Eumber=1", kGetPart, kOtherRead},
      {"versionId=null", kGetVersion, kOtherRead},
      {"versionId", kGetVersion, kOtherRead},
      {"versionId=1&partNumber=2", kGetVersion, kOtherRead},
      {"location", kOtherRead, kGetBucketLocation},
      {"versioning", kOtherRead, kGetBucketVersioning},
      {"versions", kOtherRead, kListObjectVersions},
      {"versions&list-type=2", kOtherRead, kListObjectVersions},
      {"location&versions", kOtherRead, kOtherRead},
      {"cors", kOtherRead, kOtherRead},
      {"policy", kOtherRead, kOtherRead},
      {"object-lock", kOtherRead, kOtherRead},
      {"session", kOtherRead, kOtherRead},
  };
  for (const auto& row : rows) {
    const std::string query = std::string("?") + row.query;
    expect_named({("/bkt/key" + query).c_str(), row.of_object, "bkt", "key"}, Method::kGet);
    expect_named({("/bkt" + query).c_str(), row.of_bucket, "bkt", ""}, Method::kGet);
    expect_named({("/" + query).c_str(), kOtherRead, "", ""}, Method::kGet);
    expect_named({("/bkt" + query).c_str(), kOtherRead, "bkt", ""}, Method::kHead);
    const Operation head = row.of_object == kGetPart      ? kHeadPart
                           : row.of_object == kGetVersion ? kHeadVersion
                                                          : kOtherRead;
    expect_named({("/bkt/key" + query).c_str(), head, "bkt", "key"}, Method::kHead);
  }
}

TEST(Target, BadTargets) {
  const struct {
    std::string target;
    const char* code;
  } rows[] = {
      {"/bkt/%", "InvalidURI"},
      {"/bkt/%4", "InvalidURI"},
      {"/bkt/%4g", "InvalidURI"},
      {"/bkt/a%00b", "InvalidURI"},
      {"/bkt/%FF", "InvalidURI"},
      {"/bkt/%C0%AE", "InvalidURI"},
      {"/bkt/\xED\xA0\x80", "InvalidURI"},
      {"/bkt/key?a=%", "InvalidURI"},
      {"/bkt/key?%zz", "InvalidURI"},
      {"/bkt/" + std::string(1025, 'k'), "KeyTooLongError"},
      {"//", "InvalidBucketName"},
      {"//key", "InvalidBucketName"},
      {"/-/healthz", "InvalidBucketName"},
      {"/../key", "InvalidBucketName"},
      {"/a..b/key", "InvalidBucketName"},
      {"/.a/key", "InvalidBucketName"},
      {"/a%0Ab/key", "InvalidBucketName"},
      {"/a%20b/key", "InvalidBucketName"},
      {"/arn:aws:s3:us-east-1:1:accesspoint/key", "InvalidBucketName"},
      {"/arn%3Aaws/key", "InvalidBucketName"},
      {"/b%C3%BCcher/key", "InvalidBucketName"},
      {"/" + std::string(64, 'b') + "/key", "InvalidBucketName"},
  };
  for (const auto& row : rows) {
    for (const Method method : {Method::kGet, Method::kHead}) {
      const auto parsed = target_of(row.target, method);
      ASSERT_FALSE(parsed.has_value()) << row.target;
      EXPECT_EQ(parsed.error()->code, row.code) << row.target;
      EXPECT_EQ(parsed.error()->status, 400);
    }
  }
  EXPECT_TRUE(target_of("/bkt/" + std::string(1024, 'k')).has_value());
  EXPECT_TRUE(target_of("/" + std::string(63, 'b') + "/key").has_value());
}

TEST(Target, ParametersPastTheLimitAreRefused) {
  std::string target = "/bkt/key?a";
  for (int i = 1; i < 256; ++i) target += "&a";
  EXPECT_TRUE(target_of(target).has_value());
  EXPECT_EQ(target_of(target + "&a").error()->code, "InvalidURI");
}

TEST(Target, OtherMethodsNameNothing) {
  for (const char* target : {"/bkt/key", "/bkt/key?acl", "/%", "*", "/-/healthz"})
    expect_named({target, kOther, "", ""}, Method::kOther);
}

TEST(Target, ParametersAreDecodedInOrder) {
  const auto parsed = target_of("/bkt/key?a=1&b%20=%3D+%2B&e+f=g&a=2&c&=d&X-Amz-Expires=60");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->parameter("a"), "1");
  EXPECT_EQ(parsed->parameter("b "), "= +");
  EXPECT_EQ(parsed->parameter("e f"), "g");
  EXPECT_EQ(parsed->parameter("c"), "");
  EXPECT_EQ(parsed->parameter(""), "d");
  EXPECT_EQ(parsed->parameter("X-Amz-Expires"), "60");
  EXPECT_EQ(parsed->parameter("x-amz-expires"), std::nullopt);
}

// Any text that clients can send as a key comes back, in both styles.
TEST(Target, EveryByteOfAKeyComesBack) {
  std::vector<std::string> keys{"\xC3\xBC", "\xE2\x82\xAC/\xF0\x9F\x98\x80", "a/../b//c/./",
                                std::string(1024, '%')};
  for (char c = 0x20; c < 0x7f; ++c) {
    for (const char* around : {"", "x"}) keys.push_back(std::string(around) + c + around);
  }
  for (const std::string& key : keys) {
    const std::string path = aws::object_path("", "bkt", key);
    expect_named({path.c_str(), kGetObject, "bkt", key}, Method::kGet);
    const std::string host_path = aws::object_path("", "", key);
    expect_named({host_path.c_str(), kGetObject, "bkt", key}, Method::kGet, "bkt.s3.test");
  }
}

TEST(Target, NamesOfOperationsAreS3s) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kOperations; ++i) names.insert(to_string(static_cast<Operation>(i)));
  EXPECT_EQ(names.size(), kOperations - 4);  // parts and versions are objects
  EXPECT_EQ(to_string(kHeadVersion), "HeadObject");
  EXPECT_EQ(to_string(kOther), "Other");
}

}  // namespace
}  // namespace cachey::api::s3
