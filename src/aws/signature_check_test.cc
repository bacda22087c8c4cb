#include "aws/signature_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "aws/digest.h"
#include "aws/object_path.h"
#include "aws/sigv4.h"
#include "aws/testing/signed_request.h"

namespace cachey::aws {
namespace {

namespace fs = std::filesystem;

TEST(SignatureCheck, TheExamplesOfTheS3DocumentationHold) {
  const TestRequest get = documented_get();
  const CredentialsPtr keys = example_keys();
  const auto checked = check(get, kSignedAt, knows(keys));
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->credentials, keys.get());
  EXPECT_EQ(checked->form, SignatureForm::kHeader);

  TestRequest presigned;
  presigned.query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
      "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
      "X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  const auto by_query = check(presigned);
  ASSERT_TRUE(by_query);
  EXPECT_EQ(by_query->form, SignatureForm::kQuery);
}

TEST(SignatureCheck, AnyChangeToTheExampleIsRefused) {
  const std::vector<std::function<void(TestRequest&)>> changes = {
      [](TestRequest& r) { r = documented_get(std::string(64, '0')); },
      [](TestRequest& r) { r = documented_get("f0e8"); },
      [](TestRequest& r) { r.method = "HEAD"; },
      [](TestRequest& r) { r.path = "/test.txu"; },
      [](TestRequest& r) { r.query = "x-id=GetObject"; },
      [](TestRequest& r) { r.set("Range", "bytes=0-8"); },
      [](TestRequest& r) { r.set("Host", "other.s3.amazonaws.com"); },
      [](TestRequest& r) { r.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD"); },
      [](TestRequest& r) { r.set("x-amz-date", "20130524T000001Z"); }};
  for (size_t i = 0; i < changes.size(); ++i) {
    TestRequest request = documented_get();
    changes[i](request);
    const auto checked = check(request);
    ASSERT_FALSE(checked) << i;
    EXPECT_EQ(checked.error().fault, SignatureFault::kDoesNotMatch) << i;
    EXPECT_TRUE(checked.error().canonical_request.starts_with(request.method + "\n/test.tx")) << i;
    EXPECT_TRUE(checked.error().string_to_sign.starts_with("AWS4-HMAC-SHA256\n20130524T00000"))
        << i;
    EXPECT_FALSE(checked.error().string_to_sign.contains(kExampleSecret));
  }
  const CredentialsLookUp wrong_secret =
      knows(std::make_shared<const Credentials>(kExampleId, "wrong", ""));
  EXPECT_EQ(fault_of(documented_get(), kSignedAt, wrong_secret), SignatureFault::kDoesNotMatch);
}

struct Odd {
  const char* key;
  const char* query;
  const char* header;
};

constexpr Odd kOdd[] = {
    {"k", "", "v"},
    {"dir/a b+c=d.bin", "x-id=GetObject", "  a   b \t c  "},
    {"a/.././/b.txt", "b=2&a=1&a=0", ""},
    {"//", "acl", "a,b"},
    {"a%2Fb", "acl=", "\"quoted  text\""},
    {"\u00fcber/~!*'()@:,;&$.\u65e5\U0001f600", "prefix=%C3%BC%2F&delimiter=%2F&k=%26%3D%25",
     "\u00fc"},
    {"?#[]", "a+b=c+d&a%2Bb=c%20d", "x=y; z"},
    {"trailing/", "=&&=v&k", "v"},
};

TEST(SignatureCheck, WhatOurClientSignsHolds) {
  SignatureChecker checker({.region = "us-east-1"});
  for (const Odd& odd : kOdd) {
    SCOPED_TRACE(odd.key);
    for (const char* bucket : {"", "my-bucket"}) {
      for (const std::string_view payload :
           {kEmptyPayloadHash, std::string_view("UNSIGNED-PAYLOAD"),
            std::string_view("STREAMING-UNSIGNED-PAYLOAD-TRAILER")}) {
        TestRequest request;
        request.path = object_path("", bucket, odd.key);
        request.query = odd.query;
        request.headers.push_back({"X-Odd", odd.header});
        request.headers.push_back({"x-odd", "again"});
        request.headers.push_back({"Range", "bytes=0-16777215"});
        const auto checked = check(checker, signed_by_header(request, payload));
        ASSERT_TRUE(checked) << checked.error().canonical_request;
        const auto by_query = check(checker, signed_by_query(request));
        ASSERT_TRUE(by_query) << by_query.error().canonical_request;
        request.method = "HEAD";
        EXPECT_TRUE(check(checker, signed_by_header(request)));
      }
    }
  }
}

TEST(SignatureCheck, AnyByteOfThePathAndTheQueryCounts) {
  std::string key;
  for (int c = 1; c < 128; ++c) key += static_cast<char>(c);
  TestRequest request;
  request.path = object_path("", "bkt", key);
  request.query = "prefix=" + object_path("", "", key).substr(1);
  for (const TestRequest& good : {signed_by_header(request), signed_by_query(request)}) {
    EXPECT_EQ(fault_of(good), std::nullopt);
    TestRequest bad = good;
    bad.path += "x";
    EXPECT_EQ(fault_of(bad), SignatureFault::kDoesNotMatch);
    bad = good;
    bad.query += "&x";
    EXPECT_EQ(fault_of(bad), SignatureFault::kDoesNotMatch);
  }
}

TEST(SignatureCheck, EncodingsOfOnePathAreOnePath) {
  TestRequest request;
  request.path = "/bkt/a%2Bb%20c";
  request.query = "k=%41";
  TestRequest sent = signed_by_header(request);
  sent.path = "/bkt/%61+b%20c";
  sent.query = "k=A";
  EXPECT_EQ(fault_of(sent), std::nullopt);
  sent.path = "/bkt/a%2Bb+c";
  EXPECT_EQ(fault_of(sent), SignatureFault::kDoesNotMatch);
}

TEST(SignatureCheck, TheOrderOfTheSignedHeadersIsTheClients) {
  TestRequest request = documented_get();
  std::string& value = request.headers.back().value;
  const std::string sorted = "host;range;x-amz-content-sha256;x-amz-date";
  const std::string_view signature = "Signature=";
  value.replace(value.find(sorted), sorted.size(), "x-amz-date;host;x-amz-content-sha256;range");
  const auto unsorted = check(request);
  ASSERT_FALSE(unsorted);
  EXPECT_TRUE(unsorted.error().canonical_request.contains(
      "\nx-amz-date:20130524T000000Z\nhost:examplebucket.s3.amazonaws.com\n"));
  const std::string right =
      hex(hmac(signing_key("20130524", {.region = "us-east-1"}, kExampleSecret),
               unsorted.error().string_to_sign));
  value.replace(value.find(signature) + signature.size(), 64, right);
  EXPECT_EQ(fault_of(request), std::nullopt);
}

TEST(SignatureCheck, TheSignaturesTimeIsWithinFifteenMinutes) {
  constexpr int64_t kMax = SignatureChecker::kSkewMax;
  EXPECT_EQ(fault_of(documented_get(), kSignedAt + kMax), std::nullopt);
  EXPECT_EQ(fault_of(documented_get(), kSignedAt - kMax), std::nullopt);
  EXPECT_EQ(fault_of(documented_get(), kSignedAt + kMax + 1), SignatureFault::kTooSkewed);
  EXPECT_EQ(fault_of(documented_get(), kSignedAt - kMax - 1), SignatureFault::kTooSkewed);
  TestRequest request = documented_get();
  for (const char* bad : {"", "20130524", "Fri, 24 May 2013 00:00:00 GMT", "20130524T000000Zx"}) {
    request.set("x-amz-date", bad);
    EXPECT_EQ(fault_of(request), SignatureFault::kDateMissing) << bad;
  }
  request = documented_get();
  request.headers.push_back({"X-Amz-Date", "20130524T000000Z"});
  EXPECT_EQ(fault_of(request), SignatureFault::kDateMissing);
}

TEST(SignatureCheck, ADateHeaderStandsForAMissingAmzDate) {
  TestRequest request;
  request.set("Date", "Fri, 24 May 2013 00:00:00 GMT");
  request.set("x-amz-content-sha256", std::string(kEmptyPayloadHash));
  RequestToSign to_sign;
  to_sign.path = request.path;
  const std::vector<NamedValue> headers = lower_case_names(request.headers);
  to_sign.headers = headers;
  Signer signer;
  request.set("Authorization",
              signer.authorization(to_sign, {.region = "us-east-1"}, *example_keys(), kSignedAt));
  EXPECT_EQ(fault_of(request), std::nullopt);
  std::string& value = request.headers.back().value;
  value.replace(value.find("date;"), 5, "");
  const auto unsigned_date = check(request);
  ASSERT_FALSE(unsigned_date);
  EXPECT_EQ(unsigned_date.error().fault, SignatureFault::kHeaderNotSigned);
  EXPECT_EQ(unsigned_date.error().detail, "date");
}

TEST(SignatureCheck, APresignedUrlIsGoodUntilItExpires) {
  const TestRequest request = signed_by_query(TestRequest(), "60");
  EXPECT_EQ(fault_of(request, kSignedAt + 60), std::nullopt);
  EXPECT_EQ(fault_of(request, kSignedAt + 61), SignatureFault::kExpired);
  EXPECT_EQ(fault_of(request, kSignedAt - SignatureChecker::kSkewMax), std::nullopt);
  EXPECT_EQ(fault_of(request, kSignedAt - SignatureChecker::kSkewMax - 1),
            SignatureFault::kNotYetValid);
  EXPECT_EQ(fault_of(signed_by_query(TestRequest(), "604800"), kSignedAt + 604800), std::nullopt);
  for (const char* past : {"0", "-1", "-7", "-9223372036854775808"}) {
    EXPECT_EQ(fault_of(signed_by_query(TestRequest(), past)), SignatureFault::kExpired) << past;
  }
  for (const char* bad : {"604801", "", "1.5", "99999999999999999999", "1h"}) {
    EXPECT_EQ(fault_of(signed_by_query(TestRequest(), bad)), SignatureFault::kExpiresOutOfRange)
        << bad;
  }
  EXPECT_EQ(fault_of(signed_by_query(TestRequest(), "604800", -1)), SignatureFault::kExpired);
}

TEST(SignatureCheck, APresignedUrlIsForOneMethodAndAnyRange) {
  TestRequest request = signed_by_query(TestRequest());
  request.set("Range", "bytes=0-9");
  EXPECT_EQ(fault_of(request), std::nullopt);
  request.method = "HEAD";
  EXPECT_EQ(fault_of(request), SignatureFault::kDoesNotMatch);
}

TEST(SignatureCheck, HostAndAmzHeadersMustBeSigned) {
  for (TestRequest request : {documented_get(), signed_by_query(TestRequest())}) {
    request.set("X-Amz-Checksum-Mode", "ENABLED");
    const auto checked = check(request);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, SignatureFault::kHeaderNotSigned);
    EXPECT_EQ(checked.error().detail, "x-amz-checksum-mode");
  }
  TestRequest request = documented_get();
  std::string& value = request.headers.back().value;
  value.replace(value.find("host;"), 5, "");
  EXPECT_EQ(fault_of(request), SignatureFault::kHeaderNotSigned);
}

TEST(SignatureCheck, ASignedHeaderMustBeSent) {
  TestRequest request = documented_get();
  std::erase_if(request.headers, [](const NamedValue& h) { return h.name == "Range"; });
  const auto checked = check(request);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().fault, SignatureFault::kSignedHeaderMissing);
  EXPECT_EQ(checked.error().detail, "range");
}

TEST(SignatureCheck, AnUnknownKeyIsNamed) {
  const auto nobody = [](std::string_view) -> const Credentials* { return nullptr; };
  const auto checked = check(documented_get(), kSignedAt, nobody);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().fault, SignatureFault::kUnknownKey);
  EXPECT_EQ(checked.error().access_key_id, kExampleId);
}

TEST(SignatureCheck, OnlyKeysOfValidSignaturesAreCached) {
  SignatureChecker checker({});
  ASSERT_TRUE(check(checker, documented_get()));
  EXPECT_EQ(checker.cached_keys(), 1u);
  for (int i = 0; i < 2000; ++i) {  // the scope is part of what is signed
    TestRequest request = documented_get();
    std::string& value = request.headers.back().value;
    value.replace(value.find("us-east-1"), 9, "region-" + std::to_string(i));
    ASSERT_FALSE(check(checker, request));
  }
  EXPECT_EQ(checker.cached_keys(), 1u);
  const auto nobody = [](std::string_view) -> const Credentials* { return nullptr; };
  ASSERT_FALSE(check(checker, documented_get(), kSignedAt, nobody));
  EXPECT_EQ(checker.cached_keys(), 1u);
}

TEST(SignatureCheck, TheCacheOfKeysIsBounded) {
  SigningKeys keys;
  for (size_t i = 0; i <= SigningKeys::kKeysMax; ++i) {
    const std::string region = std::to_string(i);
    keys.add({"20130524", {.region = region}, "secret"}, Sha256Digest{});
    EXPECT_NE(keys.find({"20130524", {.region = region}, "secret"}), nullptr);
    EXPECT_LE(keys.size(), SigningKeys::kKeysMax);
  }
}

TEST(SignatureCheck, AnotherSecretOfTheSameIdHasAnotherKey) {
  SignatureChecker checker({});
  ASSERT_TRUE(check(checker, documented_get()));
  const auto replaced = std::make_shared<const Credentials>(kExampleId, "another", "");
  EXPECT_FALSE(check(checker, documented_get(), kSignedAt, knows(replaced)));
}

TEST(SignatureCheck, AProxyInFrontMayHaveChangedTheHost) {
  TestRequest request = documented_get();
  request.set("Host", "10.0.0.1:9000");
  EXPECT_EQ(fault_of(request), SignatureFault::kDoesNotMatch);
  request.other_hosts = {"s3.example.com", "examplebucket.s3.amazonaws.com"};
  EXPECT_EQ(fault_of(request), std::nullopt);
  request.other_hosts = {"s3.example.com"};
  const auto checked = check(request);
  ASSERT_FALSE(checked);
  EXPECT_TRUE(checked.error().canonical_request.contains("\nhost:10.0.0.1:9000\n"));
}

TEST(SignatureCheck, FailuresSayWhatAClientNeeds) {
  const auto wrong = check(documented_get(std::string(64, '0')));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().signature, std::string(64, '0'));
  EXPECT_EQ(wrong.error().access_key_id, kExampleId);
  const auto skewed = check(documented_get(), kSignedAt + 901);
  ASSERT_FALSE(skewed);
  EXPECT_EQ(skewed.error().time, kSignedAt);
  const auto late = check(signed_by_query(TestRequest(), "60"), kSignedAt + 61);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().time, kSignedAt + 60);
  EXPECT_EQ(late.error().detail, "60");
}

TEST(SignatureCheck, ATokenIsThatOfItsKey) {
  const TestRequest request =
      signed_by_header(TestRequest(), kEmptyPayloadHash, *example_keys("TOKEN"));
  EXPECT_EQ(fault_of(request, kSignedAt, knows(example_keys("TOKEN"))), std::nullopt);
  EXPECT_EQ(fault_of(request), std::nullopt);  // a key without a token takes any
  EXPECT_EQ(fault_of(request, kSignedAt, knows(example_keys("OTHER"))),
            SignatureFault::kWrongToken);
  EXPECT_EQ(fault_of(documented_get(), kSignedAt, knows(example_keys("TOKEN"))),
            SignatureFault::kWrongToken);
}

TEST(SignatureCheck, TheRegionIsAnyUnlessTheCheckerSays) {
  SignatureChecker elsewhere({.region = "eu-west-1"});
  const auto checked = check(elsewhere, documented_get());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().fault, SignatureFault::kHeaderMalformed);
  EXPECT_EQ(checked.error().detail, "region");
  EXPECT_EQ(fault_of(documented_get()), std::nullopt);
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A request line and headers; a line that begins blank continues the header before it.
TestRequest parse_request(const std::string& text) {
  TestRequest request;
  request.headers.clear();
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  request.method = line.substr(0, line.find(' '));
  const size_t begin = request.method.size() + 1;
  const std::string target = line.substr(begin, line.rfind(" HTTP/") - begin);
  const size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  while (std::getline(lines, line) && !line.empty()) {
    if (line.front() == ' ') {
      request.headers.back().value += line;
      continue;
    }
    const size_t colon = line.find(':');
    request.headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
  }
  request.headers.push_back({"x-amz-content-sha256", std::string(kEmptyPayloadHash)});
  return request;
}

TEST(SignatureCheck, TheSignedRequestsOfAwsCAuthHold) {
  const char* data = std::getenv("CACHEY_AWS_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with sigv4/";
  constexpr int64_t kTime = 1440938160;
  int held = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(data) / "sigv4")) {
    const std::string name = entry.path().filename();
    const nlohmann::json context = nlohmann::json::parse(text_of(entry.path() / "context.json"));
    const bool normalized = context.value("normalize", true) && name.ends_with("-normalized");
    if (normalized || context.value("sign_body", false)) continue;  // S3 does neither
    const nlohmann::json& vector = context.at("credentials");
    const CredentialsLookUp look_up = knows(std::make_shared<const Credentials>(
        vector.at("access_key_id"), vector.at("secret_access_key"), vector.value("token", "")));
    for (const char* form : {"header-signed-request.txt", "query-signed-request.txt"}) {
      SCOPED_TRACE(name + "/" + form);
      SignatureChecker checker({.region = "us-east-1", .service = "service"});
      const auto checked =
          check(checker, parse_request(text_of(entry.path() / form)), kTime, look_up);
      EXPECT_TRUE(checked) << message_of(checked.error().fault) << " " << checked.error().detail
                           << "\n"
                           << checked.error().canonical_request;
      ++held;
    }
  }
  std::cout << held << " signed requests checked\n";
  EXPECT_GE(held, 30);
}

}  // namespace
}  // namespace cachey::aws
