#include "base/attributes_pool.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cachey {
namespace {

ObjectAttributes type(const std::string& type, const std::string& sums = {}) {
  return {"Content-Type: " + type + "\r\n", sums};
}

TEST(AttributesPool, EqualAttributesShareOneBlock) {
  AttributesPool pool;
  const ObjectAttributesPtr text = pool.intern(type("text/plain"));
  EXPECT_EQ(text->lines(), "Content-Type: text/plain\r\n");
  EXPECT_EQ(pool.intern(type("text/plain")), text);
  EXPECT_NE(pool.intern(type("text/html")), text);
  EXPECT_NE(pool.intern(type("text/plain", "x-amz-checksum-crc32: AAAAAA==\r\n")), text);
  EXPECT_NE(pool.intern(ObjectAttributes({}, "Content-Type: text/plain\r\n")), text);
}

TEST(AttributesPool, TooLargeAndNoneAreTwoThings) {
  AttributesPool pool;
  const ObjectAttributesPtr none = pool.intern(ObjectAttributes({}, {}));
  const ObjectAttributesPtr too_large = pool.intern(ObjectAttributes::make_too_large());
  EXPECT_NE(none, too_large);
  EXPECT_TRUE(too_large->too_large());
  EXPECT_EQ(pool.intern(ObjectAttributes::make_too_large()), too_large);
}

TEST(AttributesPool, ABlockTakesNoMoreThanItsText) {
  AttributesPool pool;
  std::string lines = "x-amz-meta-a: " + std::string(4000, 'a') + "\r\n";
  const size_t size = lines.size();
  lines.reserve(4 * size);
  const ObjectAttributesPtr block = pool.intern(ObjectAttributes(std::move(lines), {}));
  ASSERT_EQ(block->bytes(), size);
  char* const text = const_cast<char*>(block->lines().data());  // for malloc_usable_size() only
  EXPECT_LT(malloc_usable_size(text), size + size / 2);
}

TEST(AttributesPool, KeepsNoBlockAlive) {
  AttributesPool pool;
  const std::weak_ptr<const ObjectAttributes> gone = pool.intern(type("text/plain"));
  EXPECT_TRUE(gone.expired());
  EXPECT_EQ(pool.intern(type("text/plain"))->lines(), "Content-Type: text/plain\r\n");
}

TEST(AttributesPool, ABlockOutlivesThePool) {
  ObjectAttributesPtr text;
  {
    AttributesPool pool;
    text = pool.intern(type("text/plain"));
  }
  EXPECT_EQ(text->lines(), "Content-Type: text/plain\r\n");
}

TEST(AttributesPool, DeadEntriesDoNotAddUp) {
  AttributesPool pool;
  for (int i = 0; i < 200'000; ++i) (void)pool.intern(type("a/" + std::to_string(i)));
  EXPECT_LT(pool.entries(), 10'000);
}

TEST(AttributesPool, EntriesOfManyBlocksAreSweptAfterThem) {
  AttributesPool pool;
  constexpr int kMany = 50'000;
  {
    std::vector<ObjectAttributesPtr> blocks;
    blocks.reserve(kMany);
    for (int i = 0; i < kMany; ++i) blocks.push_back(pool.intern(type("a/" + std::to_string(i))));
    EXPECT_EQ(pool.entries(), kMany);
    for (int i = 0; i < kMany; ++i)
      EXPECT_EQ(pool.intern(type("a/" + std::to_string(i))), blocks[i]);
  }
  const ObjectAttributesPtr one = pool.intern(type("text/plain"));
  for (int i = 0; i < 4 * kMany; ++i) {
    (void)pool.intern(type("b/" + std::to_string(i)));
    ASSERT_EQ(pool.intern(type("text/plain")), one);
  }
  EXPECT_LT(pool.entries(), kMany);
}

TEST(AttributesPool, ManyThreadsGetTheSameBlock) {
  AttributesPool pool;
  const ObjectAttributesPtr text = pool.intern(type("text/plain"));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, &text, t] {
      for (int i = 0; i < 5'000; ++i) {
        EXPECT_EQ(pool.intern(type("text/plain")), text);
        EXPECT_EQ(pool.intern(type("a/" + std::to_string(i % 7 + t)))->lines().substr(0, 16),
                  "Content-Type: a/");
      }
    });
  }
}

TEST(ObjectAttributes, NewsAreOtherLinesOrSums) {
  const auto made = [](ObjectAttributes attributes) {
    return std::make_shared<const ObjectAttributes>(std::move(attributes));
  };
  const std::string kSum = "x-amz-checksum-crc32: AAAAAA==\r\n";
  const ObjectAttributesPtr text = made(type("text/plain"));
  const ObjectAttributesPtr text_and_sum = made(type("text/plain", kSum));
  EXPECT_TRUE(tells_news(text, nullptr));
  EXPECT_FALSE(tells_news(nullptr, text));
  EXPECT_FALSE(tells_news(nullptr, nullptr));
  EXPECT_FALSE(tells_news(text, text));
  EXPECT_FALSE(tells_news(made(type("text/plain")), text));
  EXPECT_TRUE(tells_news(made(type("text/html")), text));
  EXPECT_TRUE(tells_news(made(type("text/html")), text_and_sum));
  EXPECT_TRUE(tells_news(text_and_sum, text));
  EXPECT_FALSE(tells_news(text, text_and_sum)) << "a part of an object has no sum";
  EXPECT_TRUE(
      tells_news(made(type("text/plain", "x-amz-checksum-crc32: BBBBBB==\r\n")), text_and_sum));
  EXPECT_TRUE(tells_news(made(ObjectAttributes::make_too_large()), made(ObjectAttributes({}, {}))));
}

}  // namespace
}  // namespace cachey
