#include "aws/signature_claim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "aws/testing/signed_request.h"

namespace cachey::aws {
namespace {

TEST(SignatureClaim, ARequestThatIsNotSignedOrInAnotherWay) {
  EXPECT_EQ(fault_of(TestRequest()), SignatureFault::kMissing);
  TestRequest request;
  for (const char* other : {"Bearer abc", "AWS AKID:sig=", "AWS4-ECDSA-P256-SHA256 Credential=a",
                            "Basic YTpi", "", "AWS4-HMAC-SHA256x Credential=a"}) {
    request.set("Authorization", other);
    EXPECT_EQ(fault_of(request), SignatureFault::kUnsupported) << other;
  }
  request = TestRequest();
  request = documented_get();
  request.query = signed_by_query(TestRequest()).query;
  EXPECT_EQ(fault_of(request), SignatureFault::kTwoForms);
  request.query = "AWSAccessKeyId=AKID&Signature=abc&Expires=1";
  EXPECT_EQ(fault_of(request), SignatureFault::kTwoForms);
  request = signed_by_query(TestRequest());
  request.query += "&Signature=abc";
  EXPECT_EQ(fault_of(request), SignatureFault::kTwoForms);
}

TEST(SignatureClaim, ABrokenAuthorizationHeaderIsMalformed) {
  const std::string good = documented_get().headers.back().value;
  const auto with = [&good](const std::string& from, const std::string& to) {
    TestRequest request = documented_get();
    std::string value = good;
    value.replace(value.find(from), from.size(), to);
    request.set("Authorization", value);
    return fault_of(request);
  };
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"Credential=", "Credentials="},
                                                        {"AKIAIOSFODNN7EXAMPLE/", ""},
                                                        {"AKIAIOSFODNN7EXAMPLE", ""},
                                                        {"/aws4_request", "/aws5_request"},
                                                        {"/s3/", "/sts/"},
                                                        {"20130524/", "2013052/"},
                                                        {"20130524/", "20130525/"},
                                                        {"us-east-1", std::string(64, 'r')},
                                                        {"host;", ";"},
                                                        {"host;", "Host;"},
                                                        {"host;", "host;host;"},
                                                        {",Signature=", ";Signature="},
                                                        {",Signature=", ",Signature=a,Signature="},
                                                        {",Signature=", ",More=a,Signature="},
                                                        {"AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 ,"},
                                                        {good, "AWS4-HMAC-SHA256"},
                                                        {good, "AWS4-HMAC-SHA256 Credential=a"}}) {
    EXPECT_EQ(with(from, to), SignatureFault::kHeaderMalformed) << to;
  }
  TestRequest twice = documented_get();
  twice.headers.push_back(twice.headers.back());
  EXPECT_EQ(fault_of(twice), SignatureFault::kHeaderMalformed);
  EXPECT_EQ(with(",SignedHeaders", " , \t SignedHeaders"), std::nullopt);
}

TEST(SignatureClaim, WhatIsMalformedIsSaidInS3sWords) {
  const std::string words = "The authorization header is malformed; ";
  const auto message = [](const std::string& parts) {
    TestRequest request = documented_get();
    request.set("Authorization", "AWS4-HMAC-SHA256 " + parts);
    const auto checked = check(request);
    return checked ? std::string("none") : checked.error().message;
  };
  const std::string id = "Credential=AKID/20130524/us-east-1/s3/aws4_request";
  EXPECT_EQ(message(id + ",Signature=a"),
            words +
                "the authorization header requires three components: Credential, SignedHeaders, "
                "and Signature.");
  EXPECT_EQ(message("Other=a,SignedHeaders=host,Signature=a"), words + "missing Credential.");
  EXPECT_EQ(message(id + ",Other=host,Signature=a"), words + "missing SignedHeaders.");
  EXPECT_EQ(message(id + ",SignedHeaders=host,Other=a"), words + "missing Signature.");
  EXPECT_EQ(message(id + ",SignedHeaders-host,Signature=a"),
            words + "the authorization component \"SignedHeaders-host\" is malformed.");
  const auto of_credential = [&message](const std::string& credential) {
    return message("Credential=" + credential + ",SignedHeaders=host;x-amz-date,Signature=a");
  };
  EXPECT_EQ(of_credential("AKID/32234/us-east-1/s3/aws_request"),
            words + "incorrect terminal \"aws_request\". This endpoint uses \"aws4_request\".");
  EXPECT_EQ(of_credential("AKID/32234/us-east-1/ec2/aws4_request"),
            words + "incorrect service \"ec2\". This endpoint belongs to \"s3\".");
  EXPECT_EQ(of_credential("AKID/3223423234/us-east-1/s3/aws4_request"),
            words +
                "incorrect date format \"3223423234\". This date in the credential must be in "
                "the format \"yyyyMMdd\".");
  EXPECT_EQ(of_credential("AKID/20130525/us-east-1/s3/aws4_request"),
            words +
                "Invalid credential date \"20130525\". This date is not the same as "
                "X-Amz-Date: \"20130524\".");
}

TEST(SignatureClaim, ABrokenQueryIsMalformed) {
  const TestRequest good = signed_by_query(TestRequest());
  for (const char* name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                           "X-Amz-SignedHeaders", "X-Amz-Signature"}) {
    TestRequest request = good;
    const size_t begin = request.query.find(name);
    const size_t end = std::min(request.query.find('&', begin), request.query.size());
    const std::string parameter = request.query.substr(begin, end - begin);
    request.query += "&" + parameter;
    EXPECT_EQ(fault_of(request), SignatureFault::kQueryMalformed) << name;
    request.query = good.query;
    request.query.erase(begin, end - begin);
    const auto missing = check(request);
    ASSERT_FALSE(missing) << name;
    EXPECT_EQ(missing.error().fault, SignatureFault::kQueryMalformed) << name;
    EXPECT_EQ(missing.error().detail, name);
  }
  TestRequest request = good;
  request.query += "&X-Amz-Security-Token=a&X-Amz-Security-Token=b";
  EXPECT_EQ(fault_of(request), SignatureFault::kQueryMalformed);
  for (const char* bad : {"%", "%4", "%zz=a", "a=%f"}) {
    request.query = good.query + "&" + bad;
    EXPECT_EQ(fault_of(request), SignatureFault::kPathMalformed) << bad;
  }
}

TEST(SignatureClaim, APathThatCannotBeDecodedIsMalformed) {
  TestRequest request = documented_get();
  request.path = "/test%2.txt";
  EXPECT_EQ(fault_of(request), SignatureFault::kPathMalformed);
}

TEST(SignatureClaim, TooManyHeadersAndParametersAreRefused) {
  TestRequest request = documented_get();
  std::string names = "host";
  for (int i = 0; i < 1000; ++i) names += ";h" + std::to_string(i);
  std::string& value = request.headers.back().value;
  value.replace(value.find("host"), 4, names);
  EXPECT_EQ(fault_of(request), SignatureFault::kTooLarge);
  request = documented_get();
  for (int i = 0; i < 1000; ++i) request.query += "&k";
  EXPECT_EQ(fault_of(request), SignatureFault::kTooLarge);
}

TEST(SignatureClaim, TheHeaderFormSaysThePayloadsHash) {
  TestRequest request = documented_get();
  std::erase_if(request.headers,
                [](const NamedValue& h) { return h.name == "x-amz-content-sha256"; });
  EXPECT_EQ(fault_of(request), SignatureFault::kPayloadHashMissing);
}

TEST(SignatureClaim, AnInvalidPayloadHashIsRefused) {
  for (const std::string& bad :
       {std::string("UNSIGNED"), std::string("unsigned-payload"), std::string("STREAMING-a,b"),
        std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g'), std::string(64, 'A')}) {
    EXPECT_EQ(fault_of(signed_by_header(TestRequest(), bad)), SignatureFault::kBadPayloadHash)
        << bad;
    TestRequest request;
    request.query = "X-Amz-Content-Sha256=" + bad;
    EXPECT_EQ(fault_of(signed_by_query(request)), SignatureFault::kBadPayloadHash) << bad;
  }
  TestRequest request;
  request.query = "X-Amz-Content-Sha256=";
  EXPECT_EQ(fault_of(signed_by_query(request)), SignatureFault::kBadPayloadHash);
  request = signed_by_query(TestRequest());
  request.set("x-amz-content-sha256", "");
  EXPECT_EQ(fault_of(request), SignatureFault::kBadPayloadHash);
}

TEST(SignatureClaim, EachFaultHasACodeAndWords) {
  for (int fault = 0; fault <= static_cast<int>(SignatureFault::kDoesNotMatch); ++fault) {
    const auto each = static_cast<SignatureFault>(fault);
    EXPECT_FALSE(message_of(each).empty()) << fault;
    EXPECT_TRUE(error_code_of(each).status == 400 || error_code_of(each).status == 403) << fault;
  }
  EXPECT_EQ(error_code_of(SignatureFault::kDoesNotMatch).code, "SignatureDoesNotMatch");
  EXPECT_EQ(error_code_of(SignatureFault::kExpired).code, "AccessDenied");
  EXPECT_EQ(error_code_of(SignatureFault::kUnknownKey).code, "InvalidAccessKeyId");
}

}  // namespace
}  // namespace cachey::aws
