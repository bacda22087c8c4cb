#include "net/http/http.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cachey::net {
namespace {

TEST(Request, NamesItsMethod) {
  EXPECT_EQ(Request(Method::kGet, "/", {}).method_name(), "GET");
  EXPECT_EQ(Request(Method::kHead, "/", {}).method_name(), "HEAD");
  Request other(Method::kOther, "/", {});
  EXPECT_EQ(other.method_name(), "OTHER");
  other.set_method_name("PATCH");
  EXPECT_EQ(other.method_name(), "PATCH");
  const std::string long_name(Request::kMethodBytesMax + 1, 'X');
  other.set_method_name(long_name);
  EXPECT_EQ(other.method_name(), long_name.substr(1));
  Request get(Method::kGet, "/", {});
  get.set_method_name("POST");
  EXPECT_EQ(get.method_name(), "GET");
}

TEST(Request, AsksForTrailersOnlyIfItTakesThem) {
  for (const bool takes : {false, true}) {
    for (const char* te : {"trailers", "Trailers", "deflate;q=0.5, trailers ,x"}) {
      Request request(Method::kGet, "/", {{"host", "t"}, {"te", te}});
      request.set_takes_trailers(takes);
      EXPECT_EQ(request.asks_for_trailers(), takes) << te;
    }
    for (const char* te : {"", "trailer", "trailers;q=1", "deflate"}) {
      Request request(Method::kGet, "/", {{"te", te}, {"x", "trailers"}});
      request.set_takes_trailers(takes);
      EXPECT_FALSE(request.asks_for_trailers()) << te;
    }
  }
}

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
