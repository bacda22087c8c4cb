#include "aws/signature_v2.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "aws/signature_check.h"
#include "aws/testing/signed_request.h"

namespace cachey::aws {
namespace {

constexpr int64_t kExpires = 1'767'323'945;

CredentialsLookUp known_key(const std::string& token = {}) {
  return knows(std::make_shared<const Credentials>(
      "AKIDEXAMPLEFORTESTS0", "not/a/secret+ScriptedOriginSecretKey0000", token));
}

TestRequest url(const std::string& path, const std::string& query, const std::string& signature) {
  return {.path = path,
          .query = query + (query.empty() ? "" : "&") +
                   "AWSAccessKeyId=AKIDEXAMPLEFORTESTS0&Signature=" + signature +
                   "&Expires=1767323945"};
}

TestRequest simple() {
  return url("/bucket/dir/a%20b%2Bc%3Dd.bin", "", "59X8YC2ZL%2FaIPeHmk4oQQAlMA0w%3D");
}

/// URLs of botocore 1.44.8 (HmacV1QueryAuth): a signer that shares no code with ours.
TEST(SignatureV2, UrlsOfBotocoreHold) {
  TestRequest head = url("/bucket/%C3%BCber/~%21%2A%27%28%29%40%3A%2C%3B%26%24.%E6%97%A5",
                         "versionId=a%2Fb%2Bc&partNumber=2", "kieQtRZ9tyPzMpAMKLMf2aOsFHM%3D");
  head.method = "HEAD";
  TestRequest of_host = url("/k", "tagging", "hOZjX7cmLfvCvv2TBcD0dwdMcWk%3D");
  of_host.bucket_of_host = "bucket";
  TestRequest location = url("/", "location", "cZlZJxrxH1jp2fceqRCVL5pmrgk%3D");
  location.bucket_of_host = "bucket";
  TestRequest with_headers =
      url("/bucket/k", "x-amz-request-payer=requester&content-type=text%2Fplain",
          "ge0H9qU%2B171VcRRt6pin7lnUfR0%3D");
  with_headers.query += "&x-amz-security-token=TOKEN%2F%2B%3D";
  for (const TestRequest& request :
       {simple(), head, of_host, location, with_headers,
        url("/bucket/a%252Fb",
            "response-content-disposition=attachment%3B%20filename%3D%22a%20b.txt%22&"
            "response-content-type=text%2Fplain",
            "5NKFRv8o2dOFE4uoJNsDNOKfVY4%3D"),
        url("/bucket", "list-type=2&prefix=a%2F", "5RVmesQVYuFY7ez0FcBPR3%2FTJqU%3D"),
        url("/bucket", "list-type=2&prefix=a%2F&encoding-type=url",  // boto3's client: "/bucket/"
            "RBcJ8hZfd39RUeK7%2B5dJfMQnc2Q%3D"),
        url("/bucket", "location", "cZlZJxrxH1jp2fceqRCVL5pmrgk%3D"),
        url("/bucket/k", "acl", "%2FQnthFkHQ2DA5%2FawxSdxQo53aAA%3D")}) {
    EXPECT_EQ(fault_of(request, kExpires, known_key()), std::nullopt) << request.path;
    TestRequest changed = request;
    changed.path += "x";
    EXPECT_EQ(fault_of(changed, kExpires, known_key()), SignatureFault::kDoesNotMatch);
    changed = request;
    changed.query += "&versions";
    EXPECT_EQ(fault_of(changed, kExpires, known_key()), SignatureFault::kDoesNotMatch);
    changed = request;
    changed.query += "&response-expires=x";
    EXPECT_EQ(fault_of(changed, kExpires, known_key()), SignatureFault::kDoesNotMatch);
    changed = request;
    changed.method = request.method == "HEAD" ? "GET" : "HEAD";
    EXPECT_EQ(fault_of(changed, kExpires, known_key()), SignatureFault::kDoesNotMatch);
  }
  EXPECT_EQ(fault_of(with_headers, kExpires, known_key("TOKEN/+=")), std::nullopt);
  EXPECT_EQ(fault_of(with_headers, kExpires, known_key("OTHER")), SignatureFault::kWrongToken);
}

TEST(SignatureV2, OnlyABucketMayBeSignedWithASlash) {
  const auto path_of = [](const char* path, const char* host) {
    ReceivedRequest request;
    request.path = path;
    request.bucket_of_host = host;
    return slashed_bucket_path(request);
  };
  EXPECT_EQ(path_of("/bucket", ""), "/bucket/");
  EXPECT_EQ(path_of("/bucket%2Fkey", ""), "");  // an object
  EXPECT_EQ(path_of("/bucket/key", ""), "");
  EXPECT_EQ(path_of("/bucket/", ""), "");
  EXPECT_EQ(path_of("/", ""), "");
  EXPECT_EQ(path_of("/key", "bucket"), "");
}

TEST(SignatureV2, AUrlIsForAnyRangeAndForNoOtherAmzHeaders) {
  TestRequest request = simple();
  request.set("Range", "bytes=0-9");
  EXPECT_EQ(fault_of(request, kExpires, known_key()), std::nullopt);
  request.set("X-Amz-Checksum-Mode", "ENABLED");
  EXPECT_EQ(fault_of(request, kExpires, known_key()), SignatureFault::kDoesNotMatch);
}

TEST(SignatureV2, AUrlExpires) {
  EXPECT_EQ(fault_of(simple(), kExpires, known_key()), std::nullopt);
  const auto late = check(simple(), kExpires + 1, known_key());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fault, SignatureFault::kExpired);
  EXPECT_EQ(late.error().time, kExpires);
  TestRequest later = simple();
  later.query.replace(later.query.find("Expires=17"), 10, "Expires=18");
  EXPECT_EQ(fault_of(later, kExpires, known_key()), SignatureFault::kDoesNotMatch);
  later.query.replace(later.query.find("Expires=18"), 10, "Expires=-8");
  EXPECT_EQ(fault_of(later, kExpires, known_key()), SignatureFault::kExpired);
  later.query.replace(later.query.find("Expires=-8"), 18, "Expires=-9223372036854775808");
  const auto never = check(later, kExpires, known_key());
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().fault, SignatureFault::kExpired);
  EXPECT_EQ(never.error().time, 0);
}

TEST(SignatureV2, EachParameterIsThereOnce) {
  for (const char* name : {"AWSAccessKeyId", "Signature", "Expires"}) {
    TestRequest twice = simple();
    twice.query += std::string("&") + name + "=a";
    const auto checked = check(twice, kExpires, known_key());
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, SignatureFault::kQueryV2Malformed) << name;
    EXPECT_EQ(checked.error().detail, name);
    TestRequest missing = simple();
    missing.query.replace(missing.query.find(std::string(name) + "="), 1, "_");
    EXPECT_EQ(fault_of(missing, kExpires, known_key()), SignatureFault::kQueryV2Malformed) << name;
  }
  TestRequest request = simple();
  request.query.replace(request.query.find("Expires=17"), 10, "Expires=1x");
  EXPECT_EQ(fault_of(request, kExpires, known_key()), SignatureFault::kQueryV2Malformed);
}

TEST(SignatureV2, TheFailureShowsTheStringToSign) {
  TestRequest request = simple();
  request.set("x-amz-b", " 2 ");
  request.set("x-amz-a", "1");
  request.headers.push_back({"X-Amz-A", "3"});
  request.query += "&acl=&uploads=u&other=o";
  const auto checked = check(request, kExpires, known_key());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().string_to_sign,
            "GET\n\n\n1767323945\nx-amz-a:1,3\nx-amz-b:2\n"
            "/bucket/dir/a%20b%2Bc%3Dd.bin?acl&uploads=u");
  EXPECT_EQ(checked.error().canonical_request, "");
  EXPECT_EQ(checked.error().access_key_id, "AKIDEXAMPLEFORTESTS0");
  EXPECT_EQ(checked.error().signature, "59X8YC2ZL/aIPeHmk4oQQAlMA0w=");
  const auto nobody = [](std::string_view) -> const Credentials* { return nullptr; };
  EXPECT_EQ(fault_of(simple(), kExpires, nobody), SignatureFault::kUnknownKey);
}

}  // namespace
}  // namespace cachey::aws
