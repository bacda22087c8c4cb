#include "api/ui/html_text.h"

#include <gtest/gtest.h>

namespace cachey::api {
namespace {

std::string html_of(std::string_view text) {
  std::string html = "[";
  append_text(text, html);
  return html + "]";
}

TEST(HtmlText, HasNoMarkup) {
  EXPECT_EQ(html_of("<img src=x onerror='a(\"b\")'>"),
            "[&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;]");
  EXPECT_EQ(html_of("&lt;"), "[&amp;lt;]");
}

TEST(HtmlText, OtherCharactersStay) {
  EXPECT_EQ(html_of(""), "[]");
  EXPECT_EQ(html_of("a-b/c d\u00e9\u20ac\U0001f600"), "[a-b/c d\u00e9\u20ac\U0001f600]");
}

TEST(HtmlText, NothingTurnsTheTextAround) {
  EXPECT_EQ(html_of("a\u202eb\u2066c\u200fd"), "[a\ufffdb\ufffdc\ufffdd]");
  EXPECT_EQ(html_of("\u2025\u202f\u2065\u206a"), "[\u2025\u202f\u2065\u206a]");
}

TEST(HtmlText, ControlCharactersAreReplaced) {
  EXPECT_EQ(html_of(std::string_view("a\0b\n\x7f\x1b[31m", 10)),
            "[a\ufffdb\ufffd\ufffd\ufffd[31m]");
}

}  // namespace
}  // namespace cachey::api
