#include "api/s3/overrides.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "aws/signature_claim.h"

namespace cachey::api::s3 {
namespace {

constexpr const char* kLines =
    "Content-Type: text/csv\r\nCache-Control: max-age=1\r\nx-amz-meta-a: b\r\n"
    "Expires: 0\r\nx-amz-meta-cache-control: c\r\n";

std::expected<ResponseOverrides, const aws::ErrorCode*> parse_overrides(std::string_view query) {
  return ResponseOverrides::parse(*aws::decode_query(query));
}

std::string applied(std::string_view query, std::string_view lines = kLines) {
  const auto parsed = parse_overrides(query);
  EXPECT_TRUE(parsed.has_value()) << query;
  return parsed ? parsed->applied_to(lines) : "";
}

TEST(Overrides, EachReplacesItsField) {
  const struct {
    const char* query;
    const char* line;
  } rows[] = {
      {"response-cache-control=no-cache", "Cache-Control: no-cache\r\n"},
      {"response-content-disposition=attachment%3B%20filename%3D%22test.txt%22",
       "Content-Disposition: attachment; filename=\"test.txt\"\r\n"},
      {"response-content-encoding=txt", "Content-Encoding: txt\r\n"},
      {"response-content-language=en-US", "Content-Language: en-US\r\n"},
      {"response-content-type=image%2Fsvg%2Bxml", "Content-Type: image/svg+xml\r\n"},
      {"response-content-type=text/plain;+x=y", "Content-Type: text/plain; x=y\r\n"},
      {"response-expires=Thu%2C%2001%20Dec%202024%2016%3A00%3A00%20GMT",
       "Expires: Thu, 01 Dec 2024 16:00:00 GMT\r\n"},
      {"response-content-disposition=%C3%BC%FF", "Content-Disposition: \xC3\xBC\xFF\r\n"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(applied(row.query, ""), row.line);
    EXPECT_EQ(applied(row.query, row.line), row.line);
  }
  EXPECT_EQ(applied("response-content-type=a&x=y&response-expires=1"),
            "Cache-Control: max-age=1\r\nx-amz-meta-a: b\r\nx-amz-meta-cache-control: c\r\n"
            "Content-Type: a\r\nExpires: 1\r\n");
  EXPECT_EQ(applied("response-cache-control=n", "cache-control: 1\r\nCACHE-CONTROL: 2\r\n"),
            "Cache-Control: n\r\n");
}

TEST(Overrides, OtherParametersChangeNothing) {
  for (const char* query :
       {"", "response-", "response-etag=x", "response-x-amz-meta-a=c", "Response-Content-Type=a",
        "response-content-type", "response-content-type=", "response-content-type=%20%20",
        "content-type=a", "response-content-length=5",
        "response-content-type=&response-content-type=a"}) {
    const auto parsed = parse_overrides(query);
    ASSERT_TRUE(parsed.has_value()) << query;
    EXPECT_TRUE(parsed->empty()) << query;
    EXPECT_EQ(parsed->applied_to(kLines), kLines) << query;
  }
}

TEST(Overrides, OfARepeatedParameterTheFirstCounts) {
  EXPECT_EQ(applied("response-expires=1&response-expires=2", ""), "Expires: 1\r\n");
}

TEST(Overrides, BlanksAroundAValueAreDropped) {
  EXPECT_EQ(applied("response-expires=%20a%20b%20", ""), "Expires: a b\r\n");
}

TEST(Overrides, AControlCharacterIsRefused) {
  for (const char* text : {"%0D%0ASet-Cookie:%20a", "a%0Db", "a%0Ab", "%00", "a%09b", "%7F",
                           "%C2%85", "%1B%5B0m", "\x01"}) {
    const auto parsed = parse_overrides(std::string("response-content-type=") + text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error()->code, "InvalidArgument") << text;
  }
}

TEST(Overrides, ANotModifiedAnswerHasTheLinesOfCaches) {
  EXPECT_EQ(lines_of_not_modified(kLines), "Cache-Control: max-age=1\r\nExpires: 0\r\n");
  EXPECT_EQ(lines_of_not_modified(""), "");
}

}  // namespace
}  // namespace cachey::api::s3
