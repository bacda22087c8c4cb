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

}  // namespace
}  // namespace cachey::aws
