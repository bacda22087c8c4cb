#include "origin/credentials/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/error_document.h"
#include "origin/testing/credential_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string metadata(const std::string& json) { return text_of(parse_metadata_answer(json, "x")); }
std::string process(const std::string& json) { return text_of(parse_process_output(json, "x")); }
std::string sts(const std::string& xml) {
  return text_of(parse_sts_answer(xml, "AssumeRole", "x"));
}

TEST(CredentialAnswers, MetadataKeysAreReadInAnyCase) {
  EXPECT_EQ(metadata(R"({"Code":"Success","AccessKeyId":"k","SecretAccessKey":"s","Token":"t",)"
                     R"("Expiration":"2009-02-13T23:31:30Z","Type":"AWS-HMAC"})"),
            "k|s|t");
  EXPECT_EQ(metadata(R"({"accesskeyid":"k","SECRETACCESSKEY":"s","sessionToken":"t",)"
                     R"("expiresAt":"2009-02-13T23:31:30Z"})"),
            "k|s|t");
}

TEST(CredentialAnswers, MetadataNeedAllOfThem) {
  EXPECT_THAT(metadata(R"({"AccessKeyId":"k","SecretAccessKey":"s","Token":"t"})"),
              HasSubstr("no Expiration"));
  EXPECT_THAT(metadata(R"({"AccessKeyId":"k","SecretAccessKey":"s","Token":"t",)"
                       R"("Expiration":"soon"})"),
              HasSubstr("no Expiration"));
  const std::string rest = R"("Expiration":"2009-02-13T23:31:30Z"})";
  EXPECT_THAT(metadata(R"({"SecretAccessKey":"s","Token":"t",)" + rest),
              HasSubstr("no AccessKeyId"));
  EXPECT_THAT(metadata(R"({"AccessKeyId":1,"SecretAccessKey":"s","Token":"t",)" + rest),
              HasSubstr("no AccessKeyId"));
  EXPECT_THAT(metadata(R"({"AccessKeyId":"k","Token":"t",)" + rest),
              HasSubstr("no SecretAccessKey"));
  EXPECT_THAT(metadata(R"({"AccessKeyId":"k","SecretAccessKey":"s",)" + rest),
              HasSubstr("no Token"));
  EXPECT_THAT(metadata(R"({"AccessKeyId":"k\r\nk","SecretAccessKey":"s","Token":"t",)" + rest),
              HasSubstr("control characters"));
  for (const char* bad : {"", "[]", "null", "{", "<html>", "\xff", "{\"a\":1}}"})
    EXPECT_THAT(metadata(bad), HasSubstr("no JSON object")) << bad;
  EXPECT_THAT(metadata(std::string(60'000, '[')), HasSubstr("no JSON object"));
}

TEST(CredentialAnswers, AMetadataErrorIsADenial) {
  const Result<aws::CredentialsPtr> parsed = parse_metadata_answer(
      R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no\n trust","SecretAccessKey":"s3cr3t"})",
      "x");
  EXPECT_EQ(parsed.error().kind(), ErrorKind::kDenied);
  EXPECT_EQ(parsed.error().message(),
            R"(the answer is the error "AssumeRoleUnauthorizedAccess": "no\x0a trust")");
}

TEST(CredentialAnswers, AProcessMaySayNoExpiryAndNoToken) {
  const auto parsed =
      parse_process_output(R"({"Version":1,"AccessKeyId":"k","SecretAccessKey":"s"})", "process");
  EXPECT_EQ(text_of(parsed), "k|s|");
  EXPECT_EQ((*parsed)->expires_at(), std::nullopt);
  EXPECT_EQ((*parsed)->source(), "process");
  const auto dated = parse_process_output(
      R"({"version":1,"accessKeyId":"k","secretAccessKey":"s","sessionToken":"t",)"
      R"("expiration":"2009-02-13T23:31:30Z"})",
      "process");
  EXPECT_EQ(text_of(dated), "k|s|t");
  EXPECT_EQ((*dated)->expires_at(), 1'234'567'890);
}

TEST(CredentialAnswers, AProcessMustSpeakVersion1) {
  EXPECT_THAT(process(R"({"AccessKeyId":"k","SecretAccessKey":"s"})"), HasSubstr("no Version 1"));
  for (const char* version : {"2", "\"1\"", "1.0", "null", "[1]"}) {
    EXPECT_THAT(process(std::string(R"({"AccessKeyId":"k","SecretAccessKey":"s","Version":)") +
                        version + "}"),
                HasSubstr("no Version 1"));
  }
  EXPECT_THAT(process(R"({"Version":1,"AccessKeyId":"k","SecretAccessKey":"s","Expiration":"x"})"),
              HasSubstr("no Expiration"));
}

TEST(CredentialAnswers, StsAnswersAreReadWithAndWithoutNamespace) {
  const std::string credentials =
      "<Credentials><AccessKeyId> k </AccessKeyId><SecretAccessKey>s&amp;</SecretAccessKey>"
      "<SessionToken>t</SessionToken><Expiration>2009-02-13T23:31:30Z</Expiration></Credentials>";
  const auto wrapped = [&](const std::string& prefix, const std::string& inside) {
    return "<?xml version=\"1.0\"?>\n<" + prefix + "AssumeRoleResponse><" + prefix +
           "AssumeRoleResult>" + inside + "</" + prefix + "AssumeRoleResult></" + prefix +
           "AssumeRoleResponse>";
  };
  EXPECT_EQ(sts(wrapped("", credentials)), "k|s&|t");
  EXPECT_EQ(sts(wrapped("sts:", credentials)), "k|s&|t");
  EXPECT_THAT(sts(wrapped("", "")), HasSubstr("no SessionToken"));
  EXPECT_THAT(sts(credentials), HasSubstr("no element of the expected name"));
  EXPECT_THAT(sts("{}"), HasSubstr("no XML"));
}

TEST(CredentialAnswers, StsErrorsKeepCodeMessageAndRequest) {
  const aws::ErrorDocument error = parse_sts_error(
      "<ErrorResponse xmlns=\"x\">\n<Error>\n<Type>Sender</Type>\n<Code>ExpiredTokenException"
      "</Code>\n<Message>late</Message>\n</Error>\n<RequestId>R1</RequestId>\n</ErrorResponse>");
  EXPECT_EQ(error.code, "ExpiredTokenException");
  EXPECT_EQ(error.message, "late");
  EXPECT_EQ(error.request_id, "R1");
  EXPECT_EQ(parse_sts_error("<html>").code, "");
}

TEST(Credentials, AreNeverShown) {
  const aws::Credentials credentials("AKIAIOSFODNN7EXAMPLE", "s3cr3t", "t0k3n");
  EXPECT_EQ(credentials.masked_id(), "AKIA...MPLE");
  EXPECT_EQ(aws::Credentials("short", "s", "").masked_id(), "...");
  EXPECT_EQ(fmt::format("{}", credentials), "** redacted **");
  EXPECT_THAT(metadata(R"({"AccessKeyId":"","SecretAccessKey":"s3cr3t","Token":"t",)"
                       R"("Expiration":"2009-02-13T23:31:30Z"})"),
              Not(HasSubstr("s3cr3t")));
}

}  // namespace
}  // namespace cachey::origin
