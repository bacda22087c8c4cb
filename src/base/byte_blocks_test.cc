#include "base/byte_blocks.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey {
namespace {

bool has_x(std::string_view text) {
  return has_byte(text, [](ByteBlock block) { return ByteBlock(block == 'x'); });
}

TEST(ByteBlocks, EachByteOfATextIsTested) {
  for (size_t size = 0; size <= 70; ++size) {
    const std::string without(size, '\xff');
    EXPECT_FALSE(has_x(without)) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string with = without;
      with[at] = 'x';
      EXPECT_TRUE(has_x(with)) << size << " " << at;
    }
  }
}

TEST(ByteBlocks, NoByteBesideTheTextIsTested) {
  const std::string around(100, 'x');
  for (size_t size = 0; size <= 70; ++size) {
    std::string text = around;
    text.replace(10, size, size, '.');
    EXPECT_FALSE(has_x(std::string_view(text).substr(10, size))) << size;
  }
}

TEST(ByteBlocks, AShortBlockHasNoZeroOfItsOwn) {
  for (size_t size = 1; size < sizeof(ByteBlock); ++size) {
    const std::string text(size, 'a');
    EXPECT_FALSE(has_any(ByteBlock(load_short_block(text) != 'a'))) << size;
  }
}

TEST(ByteBlocks, TheFirstFoundByteIsTold) {
  std::string text(sizeof(ByteBlock), '.');
  EXPECT_EQ(first_of(ByteBlock(load_block(text.data()) == 'x')), sizeof(ByteBlock));
  for (size_t at = sizeof(ByteBlock); at-- > 0;) {
    text[at] = 'x';  // behind it are only those that were set before
    EXPECT_EQ(first_of(ByteBlock(load_block(text.data()) == 'x')), at);
  }
}

}  // namespace
}  // namespace cachey
