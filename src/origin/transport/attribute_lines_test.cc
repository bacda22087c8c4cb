#include "origin/transport/attribute_lines.h"

#include <gtest/gtest.h>

#include <string>

#include "origin/transport/response_head.h"

namespace cachey::origin {
namespace {

ObjectAttributes of(const std::string& fields) {
  const Result<ResponseHead> head = parse_response_head("HTTP/1.1 206 P\r\n" + fields + "\r\n");
  EXPECT_TRUE(head) << fields;
  return head ? head->attributes : ObjectAttributes({}, {});
}

std::string lines_of(const std::string& fields) { return std::string(of(fields).lines()); }

TEST(AttributeLines, AreTheFieldsThatDescribeTheObject) {
  const std::string kept =
      "Cache-Control: max-age=5\r\n"
      "Content-Disposition: attachment; filename=\"a.txt\"\r\n"
      "Content-Encoding: gzip\r\n"
      "Content-Language: de\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Expires: Fri, 17 May 2024 08:49:38 GMT\r\n"
      "x-amz-archive-status: ARCHIVE_ACCESS\r\n"
      "x-amz-expiration: expiry-date=\"Fri, 21 Dec 2029 00:00:00 GMT\", rule-id=\"a\"\r\n"
      "x-amz-meta-a: 1\r\n"
      "x-amz-missing-meta: 2\r\n"
      "x-amz-object-lock-legal-hold: ON\r\n"
      "x-amz-object-lock-mode: GOVERNANCE\r\n"
      "x-amz-object-lock-retain-until-date: 2029-01-01T00:00:00Z\r\n"
      "x-amz-replication-status: COMPLETED\r\n"
      "x-amz-restore: ongoing-request=\"true\"\r\n"
      "x-amz-server-side-encryption: aws:kms\r\n"
      "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:a\r\n"
      "x-amz-server-side-encryption-bucket-key-enabled: true\r\n"
      "x-amz-storage-class: GLACIER\r\n"
      "x-amz-tagging-count: 3\r\n"
      "x-amz-version-id: 3sL4kqtJlcpXroDTDmJ\r\n"
      "x-amz-website-redirect-location: /b\r\n";
  EXPECT_EQ(lines_of(kept), kept);
  EXPECT_EQ(of(kept).checksum_lines(), "");
}

TEST(AttributeLines, OtherFieldsAreNone) {
  const std::string fields =
      "Accept-Ranges: bytes\r\nAge: 4\r\nConnection: keep-alive\r\nContent-Length: 5\r\n"
      "Content-Range: bytes 0-4/5\r\nContent-Types: a\r\nDate: Fri, 17 May 2024 08:49:38 GMT\r\n"
      "ETag: \"e\"\r\nKeep-Alive: timeout=5\r\nLast-Modified: Fri, 17 May 2024 08:49:38 GMT\r\n"
      "Server: s\r\nSet-Cookie: a=b\r\nTrailer: x-amz-meta-a\r\nVary: *\r\nVia: 1.1 v\r\n"
      "x-amz-bucket-region: r\r\nx-amz-delete-marker: false\r\nx-amz-id-2: i\r\nx-amz-meta: a\r\n"
      "x-amz-mp-parts-count: 3\r\nx-amz-request-charged: requester\r\nx-amz-request-id: i\r\n"
      "x-amz-storage-classes: a\r\nx-rgw-object-type: Normal\r\nx-amz-metaphor: a\r\n";
  EXPECT_EQ(of(fields), ObjectAttributes({}, {}));
}

TEST(AttributeLines, ChecksumsAndTheirTypeStandApart) {
  const ObjectAttributes attributes = of(
      "x-amz-checksum-type: FULL_OBJECT\r\nContent-Type: a/b\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n"
      "x-amz-checksum-new: 1\r\n");
  EXPECT_EQ(attributes.lines(), "Content-Type: a/b\r\n");
  EXPECT_EQ(attributes.checksum_lines(),
            "x-amz-checksum-crc32: AAAAAA==\r\nx-amz-checksum-new: 1\r\n"
            "x-amz-checksum-type: FULL_OBJECT\r\n");
}

TEST(AttributeLines, OrderAndCaseOfNamesMakeNoDifference) {
  const std::string expected = "Content-Type: a/b\r\nx-amz-meta-a: A\r\nx-amz-meta-b: b\r\n";
  for (const char* fields : {
           "content-type: a/b\r\nx-amz-meta-a: A\r\nx-amz-meta-b: b\r\n",
           "CONTENT-TYPE:a/b\r\nX-AMZ-META-B:   b\r\nX-Amz-Meta-A: A\t\r\n",
           "x-amz-meta-b: b\r\nx-amz-meta-a: A\r\nContent-type: a/b\r\n",
       })
    EXPECT_EQ(lines_of(fields), expected) << fields;
}

TEST(AttributeLines, FieldsOfOneNameKeepTheirOrder) {
  EXPECT_EQ(
      lines_of("x-amz-meta-b: 2\r\nX-Amz-Meta-A: z\r\nx-amz-meta-b: 1\r\nx-amz-meta-a: a\r\n"),
      "x-amz-meta-a: z\r\nx-amz-meta-a: a\r\nx-amz-meta-b: 2\r\nx-amz-meta-b: 1\r\n");
}

TEST(AttributeLines, ValuesAreVerbatim) {
  for (const std::string value : {"", "\xc3\xbc \xe2\x82\xac", "\xff\x80", "a\tb", "a: b",
                                  "=?UTF-8?Q?=C3=BC?=", "\"", "a  b"})
    EXPECT_EQ(lines_of("x-amz-meta-a: " + value + "\r\n"), "x-amz-meta-a: " + value + "\r\n");
}

TEST(AttributeLines, AFieldWithADoubtIsLeftOut) {
  const std::string good = "x-amz-meta-z: kept\r\n";
  for (const std::string& bad :
       {std::string("x-amz-meta-a: b\r\n c\r\n d"), std::string("x-amz-meta-a: b\rc"),
        std::string("x-amz-meta-a: b\nc"), std::string("x-amz-meta-a: b\x7f"),
        std::string("x-amz-meta-a: \0", 15), std::string("x-amz-meta-a : b"),
        std::string("x-amz-meta-a b: c"), std::string("x-amz-meta-\xc3\xbc: b"),
        std::string("\vx-amz-meta-a: b"), std::string("x-amz-meta-a"), std::string(": b")}) {
    EXPECT_EQ(lines_of(good + bad + "\r\n"), good) << bad;
    EXPECT_EQ(lines_of(bad + "\r\n" + good), good) << bad;
  }
}

TEST(AttributeLines, AFoldedLineDropsOnlyTheFieldBeforeIt) {
  EXPECT_EQ(lines_of("x-amz-meta-a: b\r\nServer: x\r\n folded\r\n"), "x-amz-meta-a: b\r\n");
  EXPECT_EQ(lines_of("x-amz-meta-a: b\r\nno colon\r\n folded\r\n"), "x-amz-meta-a: b\r\n");
  EXPECT_EQ(lines_of("x-amz-meta-b: 1\r\nx-amz-meta-c: 2\r\n folded\r\nx-amz-meta-a: 3\r\n"),
            "x-amz-meta-a: 3\r\nx-amz-meta-b: 1\r\n");
  EXPECT_EQ(lines_of("x-amz-meta-a: b\r\nx-amz-meta-c: \x01\r\n folded\r\n"),
            "x-amz-meta-a: b\r\n");
}

TEST(AttributeLines, HaveABound) {
  constexpr size_t kMost =
      ObjectAttributes::kBytesMax - std::string_view("x-amz-meta-a: \r\n").size();
  const auto field = [](size_t bytes) {
    return "x-amz-meta-a: " + std::string(bytes, 'x') + "\r\n";
  };
  EXPECT_EQ(of(field(kMost)).bytes(), ObjectAttributes::kBytesMax);
  EXPECT_FALSE(of(field(kMost)).too_large());
  EXPECT_EQ(of(field(kMost + 1)), ObjectAttributes::make_too_large());
  EXPECT_EQ(of(field(kMost) + "x-amz-checksum-a: b\r\n"), ObjectAttributes::make_too_large());
  EXPECT_EQ(of(field(kMost + 1) + field(1)), ObjectAttributes::make_too_large());
  EXPECT_FALSE(of(field(kMost) + "x-amz-id-2: " + std::string(9'000, 'x') + "\r\n").too_large());
}

}  // namespace
}  // namespace cachey::origin
