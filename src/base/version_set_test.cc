#include "base/version_set.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cachey {
namespace {

ObjectSourcePtr source(std::string bucket, std::string tag, uint64_t size = 10) {
  return std::make_shared<ObjectSource>(ObjectInfo{std::move(tag), size, 5}, std::move(bucket));
}

TEST(VersionSet, AnyVersionFitsAnEmptyOne) {
  const VersionSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_TRUE(set.fits(*source("a", "1")));
  EXPECT_EQ(set.of("a"), nullptr);
}

TEST(VersionSet, HasOneSizeAndOneVersionABucket) {
  VersionSet set;
  const ObjectSourcePtr a1 = source("a", "1");
  set.add(a1);
  EXPECT_TRUE(set.fits(*source("a", "1")));
  EXPECT_FALSE(set.fits(*source("a", "2")));
  EXPECT_TRUE(set.fits(*source("b", "2")));
  EXPECT_FALSE(set.fits(*source("b", "1", 11)));
  set.add(source("b", "2"));
  EXPECT_FALSE(set.fits(*source("b", "3"))) << "bytes of b's other version are there";
  EXPECT_FALSE(set.fits(*source("a", "2")));
  set.add(source("a", "1"));
  EXPECT_EQ(set.of("a"), a1) << "the first one stays";
  EXPECT_EQ(set.of("b")->info.etag, "2");
  EXPECT_EQ(set.of("c"), nullptr);
}

}  // namespace
}  // namespace cachey
