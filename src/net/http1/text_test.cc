#include "net/http1/text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace cachey::net::http1 {
namespace {

TEST(Http1Text, EveryStatusThatWeSendHasItsName) {
  const std::pair<unsigned, std::string_view> names[] = {
      {200, "OK"},
      {206, "Partial Content"},
      {302, "Found"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {416, "Range Not Satisfiable"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {507, "Insufficient Storage"},
  };
  std::string scratch;
  for (const auto& [status, name] : names) {
    EXPECT_EQ(status_line(status, scratch),
              "HTTP/1.1 " + std::to_string(status) + " " + std::string(name) + "\r\n");
  }
}

TEST(Http1Text, AnotherStatusIsCalledStatus) {
  std::string scratch;
  EXPECT_EQ(status_line(599, scratch), "HTTP/1.1 599 Status\r\n");
}

}  // namespace
}  // namespace cachey::net::http1
