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
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.a.same_version(row.b), row.same) << row.a.etag << " " << row.b.etag;
    EXPECT_EQ(row.b.same_version(row.a), row.same) << "the other way round";
    EXPECT_TRUE(row.a.same_version(row.a));
  }
}

}  // namespace
}  // namespace cachey
