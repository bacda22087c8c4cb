// Attributes that the store changes without another version: what the cache knows of them, and what
// it keeps.

#include <gtest/gtest.h>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class AttributesTest : public ReaderHarness {
 protected:
  explicit AttributesTest(Index index = Index::kRead)
      : ReaderHarness(256 * kMiB, FillConfig{}, store::DiskTierConfig{}, index) {}

  void put(const std::string& attributes) {
    origin_.put("b", "o", {.size = 2 * kPageBytes, .attributes = attributes});
  }
  void read_page(uint32_t index) {
    const uint64_t begin = index * kPageBytes;
    expect_whole(read(spec("o"), {begin, begin + kPageBytes}).get(), {begin, begin + kPageBytes});
    settle();
  }
  [[nodiscard]] std::string lines() {
    const ObjectSourcePtr ruling = cache_.table().ruling(key_);
    return ruling == nullptr ? "none" : std::string(ruling->info.attributes->lines());
  }
  [[nodiscard]] PagePtr page(uint32_t index) { return cache_.table().find(key_, index); }

  const FetchSpecPtr spec_ = spec("o");
  const KeyView key_ = spec_->key.view();
};

TEST_F(AttributesTest, AnotherPagesFillBringsNewOnesAndDropsNoPage) {
  put("A: 1\r\n");
  read_page(0);
  const PagePtr first = page(0);
  EXPECT_EQ(lines(), "A: 1\r\n");
  put("A: 2\r\n");
  read_page(1);
  EXPECT_EQ(lines(), "A: 2\r\n");
  EXPECT_EQ(page(0), first);
  EXPECT_EQ(first->source()->info.attributes->lines(), "A: 1\r\n") << "a page keeps its source";
  expect_whole(read(spec("o"), {0, 2 * kPageBytes}).get(), {0, 2 * kPageBytes});
  EXPECT_EQ(origin_.asked().size(), 2u);
}

TEST_F(AttributesTest, TheMemoryOfTheirTextIsCharged) {
  put("A: 1\r\n");
  read_page(0);
  const int64_t before = memory_.charged_bytes();
  origin_.put("b", "long", {.size = 10, .attributes = "A: " + std::string(8'000, 'a') + "\r\n"});
  expect_whole(read(spec("long"), {0, 10}).get(), {0, 10});
  settle();
  EXPECT_GT(memory_.charged_bytes(), before + 8'000);
}

/// The disk's index is read when a test says so: the pages are written then.
class AttributesOfLateWrites : public AttributesTest {
 protected:
  AttributesOfLateWrites() : AttributesTest(Index::kNotYet) {}
};

TEST_F(AttributesOfLateWrites, AreTheNewestOnes) {
  put("A: 1\r\n");
  read_page(0);
  put("A: 2\r\n");
  read_page(1);
  cache_.table().remove(*page(1));
  disk_->recover();
  EXPECT_TRUE(flush(60s).get());
  EXPECT_EQ(disk_->usage().pages, 1u);
  const ObjectSourcePtr on_disk = disk_->version_of(key_.kind, key_.object);
  ASSERT_NE(on_disk, nullptr);
  ASSERT_NE(on_disk->info.attributes, nullptr);
  EXPECT_EQ(on_disk->info.attributes->lines(), "A: 2\r\n");
}

}  // namespace
}  // namespace cachey::cache
