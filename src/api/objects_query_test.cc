#include "api/objects_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::api {
namespace {

TEST(ObjectsQuery, NothingMeansAllObjects) {
  const auto all = parse_objects_query("");
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->scope.what(), KeyScope::What::kAll);
  EXPECT_EQ(all->limit, 1'000u);
  EXPECT_TRUE(all->after.first.empty());
}

TEST(ObjectsQuery, TheScopeTheCursorAndTheLimit) {
  const auto some = parse_objects_query("kind=k&prefix=a%2Fb&after=k/a/b/c&limit=7");
  ASSERT_TRUE(some.has_value());
  EXPECT_EQ(some->scope.what(), KeyScope::What::kPrefix);
  EXPECT_EQ(some->scope.text(), "a/b");
  EXPECT_EQ(some->after.first, "k");
  EXPECT_EQ(some->after.second, "a/b/c");
  EXPECT_EQ(some->limit, 7u);
  EXPECT_EQ(parse_objects_query("after=a%252Fb/c")->after,
            std::pair(std::string("a/b"), std::string("c")));
  const auto one = parse_objects_query("kind=k&object=o");
  ASSERT_TRUE(one.has_value());
  EXPECT_TRUE(one->scope.is_object());
}

TEST(ObjectsQuery, WrongOnesAreRefused) {
  for (const char* query :
       {"kind", "kind=", "prefix=p", "object=o", "kind=k&object=", "kind=k&object=o&limit=1",
        "kind=k&object=o&prefix=p", "limit=0", "limit=1000001", "limit=1x", "limit=-1", "after=k",
        "kind=k&kind=k", "kind=k&prefix=%zz", "kind=k&prefix=%ff", "other=1", "&"}) {
    EXPECT_FALSE(parse_objects_query(query).has_value()) << query;
  }
}

}  // namespace
}  // namespace cachey::api
