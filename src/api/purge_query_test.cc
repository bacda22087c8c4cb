#include "api/purge_query.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::api {
namespace {

using What = KeyScope::What;

void expect_scope(std::string_view query, What what, std::string_view kind, std::string_view text) {
  const Result<PurgeQuery> parsed = parse_purge_query(query);
  ASSERT_TRUE(parsed) << query << ": " << parsed.error().message();
  EXPECT_EQ(parsed->scope.what(), what) << query;
  EXPECT_EQ(parsed->scope.kind(), kind) << query;
  EXPECT_EQ(parsed->scope.text(), text) << query;
  EXPECT_EQ(parsed->soft, query.contains("soft=")) << query;
}

TEST(PurgeQuery, SaysWhatIsPurged) {
  expect_scope("kind=k&object=a/b", What::kObject, "k", "a/b");
  expect_scope("object=a%2Fb+c%26%C3%BC&kind=%6B", What::kObject, "k", "a/b+c&\xc3\xbc");
  expect_scope("kind=k&object==", What::kObject, "k", "=");
  expect_scope("soft=true&kind=k&object=o", What::kObject, "k", "o");
  expect_scope("kind=k&prefix=logs%2f", What::kPrefix, "k", "logs/");
  expect_scope("kind=k&all=true", What::kKind, "k", "");
  expect_scope("all=true", What::kAll, "", "");
}

TEST(PurgeQuery, RefusesAllElse) {
  for (const std::string query : {"",
                                  "&",
                                  "kind=k",
                                  "object=o",
                                  "soft=true",
                                  "all=true&soft=true",
                                  "kind=k&all=true&soft=true",
                                  "kind=k&prefix=p&soft=true",
                                  "kind=k&object=o&soft=false",
                                  "kind=k&object=o&soft=",
                                  "kind=k&object=o&soft=true&soft=true",
                                  "prefix=p",
                                  "kind=k&prefix=",
                                  "kind=k&object=",
                                  "kind=&object=o",
                                  "kind=&all=true",
                                  "all",
                                  "all=",
                                  "all=1",
                                  "all=True",
                                  "all=true&all=true",
                                  "kind=k&kind=k&all=true",
                                  "kind=k&object=o&prefix=p",
                                  "kind=k&object=o&all=true",
                                  "kind=k&object=o&",
                                  "&all=true",
                                  "all=true&x=1",
                                  "kind=k&Object=o",
                                  "kind=k&object=%",
                                  "kind=k&object=%zz",
                                  "kind=k&object=%ff",
                                  "kind=k&%6fbject=o",
                                  "kind=k;object=o",
                                  "kind=%0a&all=true",
                                  "kind=k&prefix=%80"}) {
    const Result<PurgeQuery> parsed = parse_purge_query(query);
    ASSERT_FALSE(parsed) << query;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kBadRequest) << query;
  }
  EXPECT_TRUE(parse_purge_query("kind=k&object=" + std::string(1024, 'o')));
  EXPECT_FALSE(parse_purge_query("kind=k&object=" + std::string(1025, 'o')));
  EXPECT_FALSE(parse_purge_query("all=true&kind=" + std::string(65, 'k')));
}

}  // namespace
}  // namespace cachey::api
