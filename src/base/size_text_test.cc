#include "base/size_text.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace cachey {
namespace {

TEST(SizeText, ReadsUnitsOfBothKinds) {
  EXPECT_EQ(parse_size("512MiB"), 512 * kMiB);
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000u);
  EXPECT_EQ(parse_size("1.5GiB"), 1536 * kMiB);
  EXPECT_EQ(parse_size("1.5 gib"), 1536 * kMiB);
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("10k"), 10'000u);
}

TEST(SizeText, RefusesWhatIsNoSize) {
  for (const char* text : {"", "MiB", "-1", "+1", "1.2.3", ".5GiB", "5.", "1XiB", "1 MiB x", "1e3",
                           "0x10", "99999999999999999999", "9000000TiB", "nan", "inf", " 1"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(SizeText, WritesTheShortestExactForm) {
  EXPECT_EQ(format_size(4 * kGiB), "4GiB");
  EXPECT_EQ(format_size(1536 * kMiB), "1536MiB");
  EXPECT_EQ(format_size(1000), "1000");
}

}  // namespace
}  // namespace cachey
