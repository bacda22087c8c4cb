#include "api/ui/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "api/testing/recording_writer.h"
#include "api/ui/document.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class UiPageTest : public ::testing::Test {
 protected:
  RecordingWriter ask(RouteHandler& handler, std::vector<net::Field> fields = {},
                      net::Method method = net::Method::kGet) {
    RecordingWriter writer;
    const net::Request request(method, "/ui", std::move(fields));
    (void)virtual_.run(handle(handler, request, writer));
    return writer;
  }
  RecordingWriter page(std::vector<net::Field> fields = {}) {
    return ask(page_, std::move(fields));
  }

  UiPage page_;

 private:
  rt::Task<bool> handle(RouteHandler& handler, const net::Request& request,
                        net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kOpen, request);
    co_await handler.handle(virtual_.worker(), request, permit, writer);
    co_return true;
  }

  rt::VirtualWorker virtual_;
  Metrics metrics_;
  Access access_{metrics_, {}, {}};
};

TEST_F(UiPageTest, IsOneDocument) {
  const RecordingWriter plain = page();
  EXPECT_EQ(plain.status, 200u);
  EXPECT_TRUE(plain.finished);
  EXPECT_EQ(plain.length, plain.text.size());
  EXPECT_EQ(plain.fields.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_FALSE(plain.fields.contains("Content-Encoding"));
  EXPECT_THAT(plain.text, StartsWith("<!doctype html>"));
  EXPECT_THAT(plain.text, AllOf(Not(HasSubstr("/*SCRIPT*/")), Not(HasSubstr("/*STYLE*/"))));
  for (const char* outside : {"http://", "https://", " src=", "@import"}) {
    std::string text = plain.text;
    for (const std::string_view name :
         {"http://www.w3.org/2000/svg", "https://github.com/leeoniya"})
      if (const size_t at = text.find(name); at != std::string::npos) text.erase(at, name.size());
    EXPECT_THAT(text, Not(HasSubstr(outside)));
  }
}

TEST_F(UiPageTest, IsCompressedForClientsThatTakeGzip) {
  const RecordingWriter packed = page({{"accept-encoding", "gzip, br"}});
  EXPECT_EQ(packed.fields.at("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.fields.at("Vary"), "Accept-Encoding");
  EXPECT_THAT(packed.text, StartsWith("\x1f\x8b"));
  EXPECT_LT(packed.text.size(), 50'000u);
  EXPECT_LT(packed.text.size(), page().text.size());
}

TEST_F(UiPageTest, ItsPolicyAllowsNothingFromElsewhere) {
  for (const char* part :
       {"default-src 'none'", "connect-src 'self'", "script-src 'sha256-", "style-src 'sha256-",
        "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"}) {
    EXPECT_THAT(page().fields.at("Content-Security-Policy"), HasSubstr(part));
  }
  EXPECT_THAT(page().fields.at("Content-Security-Policy"), Not(HasSubstr("unsafe")));
  EXPECT_EQ(page().fields.at("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page().fields.at("Referrer-Policy"), "no-referrer");
}

TEST_F(UiPageTest, AClientThatHasThePageGets304) {
  const std::string tag = page().fields.at("ETag");
  const std::string packed_tag = page({{"accept-encoding", "gzip"}}).fields.at("ETag");
  EXPECT_NE(tag, packed_tag);
  const RecordingWriter same = page({{"if-none-match", tag}});
  EXPECT_EQ(same.status, 304u);
  EXPECT_TRUE(same.text.empty());
  EXPECT_TRUE(same.finished);
  EXPECT_EQ(same.fields.at("ETag"), tag);
  EXPECT_TRUE(same.fields.contains("Content-Security-Policy"));
  EXPECT_EQ(page({{"if-none-match", packed_tag}}).status, 200u);
  EXPECT_EQ(page({{"if-none-match", packed_tag}, {"accept-encoding", "gzip"}}).status, 304u);
  EXPECT_EQ(page({{"if-match", "\"other\""}}).status, 412u);
}

TEST_F(UiPageTest, TheHomeOfAnAdminAddressLeadsThere) {
  UiHome home;
  const RecordingWriter answer = ask(home);
  EXPECT_EQ(answer.status, 302u);
  EXPECT_EQ(answer.fields.at("Location"), "/ui");
}

}  // namespace
}  // namespace cachey::api
