#include "aws/error_document.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::aws {
namespace {

TEST(ErrorDocument, ReadsTheFields) {
  const ErrorDocument document = parse_error_document(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<Error><Code>InvalidRange</Code><Message>not &lt;that&gt;</Message>"
      "<RangeRequested>bytes=5-9</RangeRequested><ActualObjectSize>3</ActualObjectSize>"
      "<RequestId>4442587FB7D0A2F9</RequestId></Error>");
  EXPECT_EQ(document.code, "InvalidRange");
  EXPECT_EQ(document.message, "not <that>");
  EXPECT_EQ(document.request_id, "4442587FB7D0A2F9");
  EXPECT_EQ(document.actual_object_size, 3u);
}

TEST(ErrorDocument, ToleratesNamespacesAndBlanks) {
  EXPECT_EQ(
      parse_error_document(
          "\n <Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n <Code>A</Code></Error>")
          .code,
      "A");
  EXPECT_EQ(parse_error_document("<s3:Error xmlns:s3=\"x\"><s3:Code>B</s3:Code></s3:Error>").code,
            "B");
}

TEST(ErrorDocument, WhatIsNoneHasNoCode) {
  for (const std::string body :
       {"", "<", "<Error><Code>A</Code>", "<html><Code>A</Code></html>", "{\"Code\":\"A\"}",
        "<Error/>", "<!DOCTYPE html><html><body><h1>502</h1></body></html>",
        "<Error><Code/></Error>"}) {
    EXPECT_EQ(parse_error_document(body).code, "") << body;
  }
  EXPECT_EQ(parse_error_document("<Error><ActualObjectSize>-1</ActualObjectSize></Error>")
                .actual_object_size,
            std::nullopt);
}

TEST(ErrorDocument, IsReadAsItIsWritten) {
  ErrorDocument document;
  document.code = "NoSuchKey";
  document.message = "The specified key does not exist. <&> \"quoted\" 'too' ]]>";
  document.request_id = "4442587FB7D0A2F9";
  document.region = "eu-west-1";
  document.actual_object_size = 12;
  document.details = {{"BucketName", "bkt"},
                      {"Key", "a\r\n\tb/\u00fcber \u65e5\U0001f600 <x>&amp;"},
                      {"Resource", "/bkt/a%20b"},
                      {"Region2", ""}};
  document.host_id = "eftixk72aD6Ap51TnqcoF8eFidJG9Z/2";
  const std::string xml = write_error_document(document);
  EXPECT_EQ(parse_error_document(xml), document) << xml;
}

TEST(ErrorDocument, IsWrittenAsS3WritesIt) {
  ErrorDocument document;
  document.code = "NoSuchKey";
  document.message = "a < b";
  document.request_id = "R1";
  document.host_id = "H1";
  document.details = {{"Key", "k"}};
  EXPECT_EQ(write_error_document(document),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
            "<Message>a &lt; b</Message><Key>k</Key><RequestId>R1</RequestId><HostId>H1</HostId>"
            "</Error>");
}

TEST(ErrorDocument, WhatXmlCannotSayIsLeftOut) {
  ErrorDocument document;
  document.code = "A";
  document.message = std::string("\0\x01 a\x1F\x7F", 6);
  document.details = {{"Key", "\u00fc\uFFFE\uFFFF\u65e5"}, {"Resource", "a\xFF\u00fc b"}};
  const ErrorDocument parsed = parse_error_document(write_error_document(document));
  EXPECT_EQ(parsed.message, " a\x7F");
  const std::vector<ErrorDetail> expected = {{"Key", "\u00fc\u65e5"}, {"Resource", "a b"}};
  EXPECT_EQ(parsed.details, expected);
}

TEST(ErrorDocument, ManyElementsAreReadUpToALimit) {
  std::string body = "<Error><Code>A</Code>";
  for (int i = 0; i < 1000; ++i) body += "<X/>";
  body += "<RequestId>R1</RequestId></Error>";
  const ErrorDocument document = parse_error_document(body);
  EXPECT_EQ(document.details.size(), kErrorDetailsMax);
  EXPECT_EQ(document.request_id, "R1");
}

}  // namespace
}  // namespace cachey::aws
