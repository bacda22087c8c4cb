#include "base/object_info.h"

#include <gtest/gtest.h>

namespace cachey {
namespace {

struct Row {
  ObjectInfo a;
  ObjectInfo b;
  bool same;
};

TEST(ObjectInfo, WhichAnswersAreOfOneVersion) {
  const Row rows[] = {
      {{"x", 10, 5}, {"x", 10, 5}, true},
      {{"x", 10, 5}, {"x", 11, 5}, false},  // the size decides first
      {{"x", 10, 5}, {"y", 10, 5}, false},  // then the tag, if both have one
      {{"x", 10, 5}, {"x", 10, 6}, true},   // copied: another time, the same bytes
      {{"x", 10, 5}, {"", 10, 5}, true},    // else the time
      {{"x", 10, 5}, {"", 10, 6}, false},
      {{"", 10, 5}, {"", 10, 5}, true},
      {{"", 10, 5}, {"", 10, 6}, false},
      {{"", 10, 5}, {"", 10, 0}, false},
      {{"x", 10, 0}, {"", 10, 5}, false},  // nothing in common
      {{"x", 10, 0}, {"", 10, 0}, false},
      {{"", 10, 0}, {"", 10, 0}, true},  // an origin without names for versions: the size alone
      {{"", 10, 0}, {"", 11, 0}, false},
      {{"W/x", 10, 5}, {"W/x", 10, 5}, true},  // equal weak tags prove nothing: the time decides
      {{"W/x", 10, 5}, {"W/x", 10, 6}, false},
      {{"W/x", 10, 5}, {"W/x", 11, 5}, false},
      {{"W/x", 10, 5}, {"W/y", 10, 5}, false},  // weak tags that differ prove other versions
      {{"W/x", 10, 5}, {"x", 10, 5}, true},     // one weak tag is enough
      {{"W/x", 10, 5}, {"x", 10, 6}, false},
      {{"W/x", 10, 5}, {"y", 10, 5}, false},
      {{"W/x", 10, 5}, {"", 10, 5}, true},
      {{"W/x", 10, 0}, {"W/x", 10, 0}, true},  // without times the size alone
      {{"W/x", 10, 0}, {"", 10, 0}, false},
      {{"W/x", 10, 0}, {"W/x", 10, 5}, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.a.same_version(row.b), row.same) << row.a.etag << " " << row.b.etag;
    EXPECT_EQ(row.b.same_version(row.a), row.same) << "the other way round";
    EXPECT_TRUE(row.a.same_version(row.a));
  }
}

TEST(ObjectInfo, OnlyStrongTagsAreInsistedOn) {
  EXPECT_EQ((ObjectInfo{"\"x\"", 10, 5}).strong_tag(), "\"x\"");
  EXPECT_EQ((ObjectInfo{"W/\"x\"", 10, 5}).strong_tag(), "");
  EXPECT_EQ((ObjectInfo{"", 10, 5}).strong_tag(), "");
}

TEST(EntityTag, SomeNameNoVersion) {
  for (const char* tag :
       {"", "\"\"", "W/", "W/\"\"", " ", "\" \"", "\"\t\"", "0", "\"0\"",
        "\"00000000000000000000000000000000\"", "W/\"00\"", "\"000-0\"",
        "\"00000000-0000-0000-0000-000000000000\"", "\"00000000000000000000000000000000-17\"",
        "00-3", "W/\"0-1\"", "w/\"\"", "\"-2\""}) {
    EXPECT_FALSE(is_informative_tag(tag)) << tag;
  }
  for (const char* tag :
       {"x", "\"x\"", "W/\"x\"", "\"01\"", "\"00000000000000000000000000000001-2\"", "\"W/\"",
        "\"100-1\"", "\"12\"", "\"0a-1\""}) {
    EXPECT_TRUE(is_informative_tag(tag)) << tag;
  }
}

TEST(ObjectSource, BetweenTwoBucketsTheSizeDecides) {
  const ObjectSource a{{"x", 10, 5}, "a"};
  EXPECT_TRUE(a.same_version({{"x", 10, 5}, "a"}));
  EXPECT_FALSE(a.same_version({{"y", 10, 5}, "a"}));
  EXPECT_TRUE(a.same_version({{"y", 10, 6}, "b"}));
  EXPECT_FALSE(a.same_version({{"x", 11, 5}, "b"}));
}

}  // namespace
}  // namespace cachey
