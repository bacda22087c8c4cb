#include "api/s3/part_bounds.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace cachey::api::s3 {
namespace {

using enum PartPlace::Form;

class PartBoundsTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kBytesMax = 64 * 1024;

  static ObjectSource version(std::string etag = "\"a-3\"", uint64_t size = 100,
                              std::string bucket = "bkt") {
    return {.info = {.etag = std::move(etag), .size = size}, .bucket = std::move(bucket)};
  }

  int64_t charged_ = 0;
  std::optional<PartBounds> bounds_{std::in_place, kBytesMax,
                                    [this](int64_t bytes) { charged_ += bytes; }};
};

TEST_F(PartBoundsTest, APartBelongsToItsVersion) {
  const PartPlace place{kRange, {40, 80}, 3};
  bounds_->note(version(), "k", 2, place);
  EXPECT_EQ(bounds_->find(version(), "k", 2), place);
  EXPECT_EQ(bounds_->find(version(), "k", 1), std::nullopt);
  EXPECT_EQ(bounds_->find(version(), "k", 3), std::nullopt);
  EXPECT_EQ(bounds_->find(version(), "l", 2), std::nullopt);
  EXPECT_EQ(bounds_->find(version("\"b-3\""), "k", 2), std::nullopt);
  EXPECT_EQ(bounds_->find(version("\"a-3\"", 101), "k", 2), std::nullopt);
  EXPECT_EQ(bounds_->find(version("\"a-3\"", 100, "other"), "k", 2), std::nullopt);
}

TEST_F(PartBoundsTest, AStoreThatIgnoresNumbersIgnoresAllOfThem) {
  bounds_->note(version(), "k", 2, {kWhole});
  EXPECT_EQ(bounds_->find(version(), "k", 2)->form, kWhole);
  EXPECT_EQ(bounds_->find(version(), "k", 7)->form, kWhole);
  EXPECT_EQ(bounds_->find(version("\"b-3\""), "k", 7), std::nullopt);
}

TEST_F(PartBoundsTest, ThatThereIsNoSuchPartIsNotKept) {
  bounds_->note(version(), "k", 9, {kNone});
  EXPECT_EQ(bounds_->find(version(), "k", 9), std::nullopt);
  EXPECT_EQ(bounds_->entries(), 0u);
}

TEST_F(PartBoundsTest, PastTheBoundThePartThatWasNotAskedForGoes) {
  const PartPlace place{kRange, {0, 10}, 3};
  bounds_->note(version(), "used", 1, place);
  bounds_->note(version(), "unused", 1, place);
  const std::string long_key(400, 'x');
  for (uint32_t number = 1; number <= 1000; ++number) {
    bounds_->note(version(), number % 2 == 0 ? long_key : "short", number, place);
    ASSERT_LE(bounds_->bytes(), kBytesMax);
    ASSERT_TRUE(bounds_->find(version(), "used", 1));
  }
  EXPECT_FALSE(bounds_->find(version(), "unused", 1));
  EXPECT_GT(bounds_->entries(), 50u);
}

TEST_F(PartBoundsTest, BytesAreCharged) {
  for (uint32_t i = 0; i < 1000; ++i) {
    bounds_->note(version(), "k", i + 1, {kRange, {0, 10}, 3});
    ASSERT_EQ(charged_, static_cast<int64_t>(bounds_->bytes()));
  }
  EXPECT_GT(charged_, 0);
  bounds_.reset();
  EXPECT_EQ(charged_, 0);
}

}  // namespace
}  // namespace cachey::api::s3
