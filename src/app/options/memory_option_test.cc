#include "app/options/memory_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kLeast = 64 * kMiB;

std::string text_of(std::string_view text) {
  const auto memory = parse_memory_option(text);
  return memory ? to_text(*memory) : "none";
}

std::expected<MemoryChoice, std::string> choose(std::string_view text, uint64_t machine_memory) {
  Machine machine;
  machine.memory = machine_memory;
  machine.memory_limit = "/cg/memory.max";
  return choose_memory(parse_memory_option(text).value(), true, kLeast, machine);
}

TEST(MemoryOption, IsASizeOrAShare) {
  EXPECT_EQ(text_of("1536MiB"), "1536MiB");
  EXPECT_EQ(text_of("1000"), "1000");
  for (const char* share : {"1%", "33.3%", "62.5 %", "100%", "100.0%"}) {
    ASSERT_NE(text_of(share), "none") << share;
    EXPECT_EQ(text_of(text_of(share)), text_of(share));
  }
  EXPECT_EQ(parse_memory_option("62.5 %")->percent, 62.5);
  for (const char* none : {"%", "0%", "0.99%", "-1%", "100.1%", "1e1%", "nan%", "inf%", "7 0%",
                           " 70%", "70%%", "x", "", "70 percent", "0x10%"}) {
    EXPECT_EQ(text_of(none), "none") << none;
  }
}

TEST(MemoryOption, MoreThanTheMachineHasIsRefused) {
  EXPECT_EQ(choose("2GiB", 2 * kGiB)->bytes, 2 * kGiB);
  EXPECT_THAT(
      choose("2GiB", 2 * kGiB - 1).error(),
      AllOf(HasSubstr("2GiB is more memory"), HasSubstr("/cg/memory.max"), HasSubstr("2048MiB")));
  EXPECT_THAT(choose("100TiB", 23 * kGiB).error(), HasSubstr("23.0GiB"));
  EXPECT_EQ(choose("100TiB", UINT64_MAX)->bytes, 100 * kTiB) << "nobody knows";
}

TEST(MemoryOption, PastNineTenthsThereIsAWarning) {
  EXPECT_EQ(choose("900MiB", 1000 * kMiB)->warning, "");
  EXPECT_THAT(choose("901MiB", 1000 * kMiB)->warning, HasSubstr("90 % of 1000MiB"));
  EXPECT_THAT(choose("100%", 1000 * kMiB)->warning, HasSubstr("100 %"));
}

TEST(MemoryOption, SharesAreWholeMebibytes) {
  EXPECT_EQ(choose("70%", 1001 * kMiB)->bytes, 700 * kMiB);
  EXPECT_EQ(choose("100%", 1001 * kMiB + 5)->bytes, 1001 * kMiB + 5);
  EXPECT_THAT(choose("1%", 1000 * kMiB).error(), HasSubstr("at least 64MiB"));
  EXPECT_THAT(choose("50%", UINT64_MAX).error(), HasSubstr("how much memory"));
}

TEST(MemoryOption, TheDefaultIsCut) {
  Machine machine;
  machine.memory = 2000 * kMiB;
  machine.memory_limit = "RAM";
  const auto small = choose_memory(MemoryOption(), false, kLeast, machine);
  EXPECT_EQ(small->bytes, 1400 * kMiB);
  EXPECT_EQ(small->warning, "");
  machine.memory = 64 * kGiB;
  EXPECT_EQ(choose_memory(MemoryOption(), false, kLeast, machine)->bytes, 4 * kGiB);
}

}  // namespace
}  // namespace cachey::app
