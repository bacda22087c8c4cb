#include "net/http/http.h"

#include <gtest/gtest.h>

#include <array>

namespace cachey::net {
namespace {

TEST(ConstantFields, AreRenderedForBothVersions) {
  constexpr std::array kFields = {Field("Content-Type", "a/b"), Field("Vary", "C0-Bucket")};
  const ConstantFields constants(kFields);
  EXPECT_EQ(constants.text(), "Content-Type: a/b\r\nVary: C0-Bucket\r\n");
  ASSERT_EQ(constants.fields().size(), 2u);
  EXPECT_EQ(constants.fields()[0].name, "content-type") << "HTTP/2 knows lower case only";
  EXPECT_EQ(constants.fields()[0].value, "a/b");
  EXPECT_EQ(constants.fields()[1].name, "vary");
  EXPECT_EQ(constants.fields()[1].value, "C0-Bucket");
}

}  // namespace
}  // namespace cachey::net
