#include "api/ui/table_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string table_of(const std::string& members) {
  return table_html("{" + members + "}", "p{}").value_or("");
}

constexpr const char* kTwoRows =
    R"("columns":["t_ms","pages_memory","memory_p99_us","memory_used","egress_bytes"],
       "rows":[[1000,3,900.0,1073741824,2000],[2000,4,null,1610612736,1500000]])";

TEST(TableHtml, HasTheNewestValueAndThatOfTheTenMinutes) {
  const std::string html = table_of(kTwoRows);
  EXPECT_THAT(html, HasSubstr("pages from memory</th><td>4</td><td>7</td><td>sum</td>"));
  EXPECT_THAT(html, HasSubstr("p99</th><td>–</td><td>0.90 ms</td><td>most</td>"));
  EXPECT_THAT(html, HasSubstr("memory used</th><td>1.50 GiB</td><td>1.50 GiB</td><td>most</td>"));
  EXPECT_THAT(html, HasSubstr("to clients</th><td>1.50 MB</td><td>1.50 MB</td><td>sum</td>"));
  EXPECT_THAT(html, Not(HasSubstr("pages from disk")));
}

TEST(TableHtml, SaysThatAllIsWell) {
  const std::string html = table_of(kTwoRows);
  EXPECT_THAT(html, HasSubstr("data-level=\"ok\"><p id=\"worst\">All is well</p>"));
  EXPECT_THAT(html, HasSubstr("<style>p{}</style>"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
}

TEST(TableHtml, SaysTheWorstFirst) {
  const std::string html = table_of(std::string(kTwoRows) + R"(,"findings":[
    {"level":"bad","code":"disk_offline","text":"the disk is offline","since_ms":1780000000000},
    {"level":"warn","code":"thrashing","text":"memory is too small","since_ms":1}])");
  EXPECT_THAT(html, HasSubstr("data-level=\"bad\"><p id=\"worst\">the disk is offline</p>"));
  EXPECT_THAT(html, HasSubstr("bad: the disk is offline (disk_offline, since 2026-05-28 20:26:40 "
                              "UTC)</li>"));
}

TEST(TableHtml, NamesAreTextOnly) {
  const std::string html = table_of(std::string(kTwoRows) + R"(,
    "buckets":[{"name":"<img onerror=a>","state":"ok","share":0.5,"attempts":2,"p50_ms":null}],
    "clients":[{"name":"\"><b>","requests":1,"limited":true}],
    "warnings":[{"t_ms":0,"level":"<i>","event":"&","text":"</table>"}])");
  EXPECT_THAT(html, HasSubstr("&lt;img onerror=a&gt;"));
  EXPECT_THAT(html, HasSubstr("50.0 %"));
  for (const char* markup : {"<img", "<b>", "<i>", "</table>\""})
    EXPECT_THAT(html, Not(HasSubstr(markup)));
}

TEST(TableHtml, AnotherTextIsRefused) {
  for (const char* text : {"", "{", "[]", "{}", "null", R"({"columns":[],"rows":1})"})
    EXPECT_EQ(table_html(text, ""), std::nullopt) << text;
}

TEST(TableHtml, OddValuesAreLeftOut) {
  EXPECT_THAT(table_of(R"("columns":["pages_memory",1,null],"rows":[[],[null],3,[[1]],["x"]],
    "findings":[7,{"since_ms":1e300}],"buckets":{"a":1},"clients":[1],"warnings":[{"t_ms":-1}])"),
              HasSubstr("pages from memory</th><td>x</td><td>–</td>"));
}

}  // namespace
}  // namespace cachey::api
