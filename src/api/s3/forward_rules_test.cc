#include "api/s3/forward_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "api/s3/virtual_hosts.h"

namespace cachey::api::s3 {
namespace {

Target target_of(std::string_view text, net::Method method = net::Method::kGet) {
  const net::Request request(method, text, {});
  return *parse_target(request, VirtualHosts());
}

std::string text_of(const std::vector<origin::NamedText>& all) {
  std::string text;
  for (const origin::NamedText& one : all) text += one.name + "=" + one.value + "&";
  return text;
}

PassQuestion ask(std::string_view target, std::vector<net::Field> fields = {}) {
  const net::Request request(net::Method::kGet, target, std::move(fields));
  return *ask_store(*parse_target(request, VirtualHosts()), request);
}

TEST(ForwardRules, ParametersOfAListGoAsTheyCame) {
  EXPECT_EQ(text_of(ask("/b?prefix=&list-type=2&delimiter=%2F&prefix=a%20b&fetch-owner").query),
            "prefix=&list-type=2&delimiter=/&prefix=a b&fetch-owner=&");
}

TEST(ForwardRules, SignaturesAndUnknownParametersDoNotGo) {
  const PassQuestion asked =
      ask("/b?list-type=2&X-Amz-Signature=s&X-Amz-Credential=c&x-id=ListObjectsV2&AWSAccessKeyId=k&"
          "Signature=s&Expires=1&x-amz-security-token=t&metadata=true",
          {{"authorization", "AWS4"},
           {"x-amz-date", "d"},
           {"x-amz-security-token", "t"},
           {"x-amz-content-sha256", "e"},
           {"host", "h"},
           {"cookie", "c"},
           {"range", "bytes=0-1"}});
  EXPECT_EQ(text_of(asked.query), "list-type=2&");
  EXPECT_EQ(text_of(asked.fields), "");
}

TEST(ForwardRules, FieldsOfAnObject) {
  const PassQuestion asked =
      ask("/b/k?versionId=v&response-content-type=a/b&X-Amz-Checksum-Mode=ENABLED&"
          "x-amz-request-payer=requester&list-type=2",
          {{"range", "bytes=0-1"},
           {"if-none-match", "\"a\""},
           {"if-none-match", "\"b\""},
           {"x-amz-server-side-encryption-customer-key", "k"},
           {"cache-control", "no-store"}});
  EXPECT_EQ(asked.key, "k");
  EXPECT_EQ(text_of(asked.query), "versionId=v&response-content-type=a/b&");
  EXPECT_EQ(text_of(asked.fields),
            "range=bytes=0-1&if-none-match=\"a\", \"b\"&"
            "x-amz-server-side-encryption-customer-key=k&x-amz-checksum-mode=ENABLED&"
            "x-amz-request-payer=requester&");
}

TEST(ForwardRules, ARangeThatS3IgnoresDoesNotGo) {
  for (const char* range : {"bytes=abc", "bytes=10-5", "foo=0-1", "bytes=0-0,1-2", "bytes=0--1"})
    EXPECT_EQ(text_of(ask("/b/k?versionId=v", {{"range", range}}).fields), "") << range;
  EXPECT_EQ(text_of(ask("/b/k?versionId=v", {{"range", "bytes=-5"}}).fields), "range=bytes=-5&");
  EXPECT_EQ(
      text_of(ask("/b/k?versionId=v", {{"range", "bytes=0-1"}, {"range", "bytes=2-3"}}).fields),
      "");
}

TEST(ForwardRules, AValueThatEndsItsLineIsRefused) {
  for (const char* target :
       {"/b/k?versionId=v&x-amz-request-payer=a%0d%0ab", "/b/k?versionId=v&response-expires=%0a"}) {
    const net::Request request(net::Method::kGet, target, {});
    const auto asked = ask_store(target_of(target), request);
    ASSERT_FALSE(asked) << target;
    EXPECT_EQ(asked.error()->code, "InvalidArgument");
  }
}

TEST(ForwardRules, OnlyReadsOfS3AreAsked) {
  for (const auto operation :
       {Operation::kGetBucketLocation, Operation::kOtherRead, Operation::kOther})
    EXPECT_EQ(forward_rule_of(operation), nullptr) << to_string(operation);
}

TEST(ForwardRules, LinesThatGoBack) {
  EXPECT_EQ(lines_for_client("Content-Type: a/b\r\nServer: s\r\nx-amz-meta-a: b\r\n"
                             "x-amz-request-id: i\r\nX-Amz-Bucket-Region: r\r\nX-Cache: HIT\r\n"
                             "ETag: e\r\nSet-Cookie: c\r\nContent-Range: bytes 0-1/2\r\n"
                             "x-amz-checksum-crc32: c\r\nVia: v\r\n",
                             200),
            "Content-Type: a/b\r\nx-amz-meta-a: b\r\nETag: \"e\"\r\nx-amz-checksum-crc32: c\r\n");
  EXPECT_EQ(lines_for_client("Content-Range: bytes 0-1/2\r\nx-amz-checksum-crc32: c\r\n"
                             "x-amz-checksum-type: FULL_OBJECT\r\nETag: \"e\"\r\n"
                             "x-amz-meta-a: a\x01\r\n",
                             206),
            "Content-Range: bytes 0-1/2\r\nETag: \"e\"\r\n");
}

TEST(ForwardRules, TheTagThatANotModifiedConfirms) {
  const auto tag = [](std::vector<net::Field> fields) {
    return confirmed_tag(ask("/bkt/k?versionId=v", std::move(fields)));
  };
  EXPECT_EQ(tag({{"if-none-match", "\"a\""}}), "\"a\"");
  EXPECT_EQ(tag({{"if-none-match", "W/\"a\""}}), "\"a\"");
  EXPECT_EQ(tag({{"if-none-match", " a "}}), "\"a\"");
  for (const char* unclear :
       {"", "*", "\"*\"", "\"\"", "\"", "\"a", "\"a\", \"b\"", "a, b", "a b", "a\"b"})
    EXPECT_EQ(tag({{"if-none-match", unclear}}), "") << unclear;
  EXPECT_EQ(tag({{"if-none-match", "\"a\""}, {"if-none-match", "\"b\""}}), "");
  EXPECT_EQ(tag({{"if-none-match", "\"a\""}, {"if-modified-since", "x"}}), "");
  EXPECT_EQ(tag({{"if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT"}}), "");
}

}  // namespace
}  // namespace cachey::api::s3
