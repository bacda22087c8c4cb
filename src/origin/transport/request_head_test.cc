#include "origin/transport/request_head.h"

#include <gtest/gtest.h>

namespace cachey::origin {
namespace {

TEST(RequestHead, HeadersKeepTheirOrderAndAnEmptyLineEndsThem) {
  RequestHead head("PUT", "/a%20b?c");
  head.add("host", "h:1");
  head.add("authorization", "Basic x");
  EXPECT_EQ(head.finish(), "PUT /a%20b?c HTTP/1.1\r\nhost: h:1\r\nauthorization: Basic x\r\n\r\n");
}

TEST(RequestHead, TheUserAgentNamesTheProductAndTheApplication) {
  EXPECT_EQ(user_agent(), "cachey/" CACHEY_VERSION);
  EXPECT_EQ(user_agent("mine"), "cachey/" CACHEY_VERSION " app/mine");
}

}  // namespace
}  // namespace cachey::origin
