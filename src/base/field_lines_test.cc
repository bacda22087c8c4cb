#include "base/field_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey {
namespace {

TEST(FieldLines, AreTakenOneByOne) {
  std::string_view lines = "Content-Type: a: b\r\nx-amz-meta-empty: \r\n";
  const auto first = take_field_line(lines);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "Content-Type");
  EXPECT_EQ(first->value, "a: b");
  EXPECT_EQ(first->whole, "Content-Type: a: b\r\n");
  const auto second = take_field_line(lines);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->name, "x-amz-meta-empty");
  EXPECT_EQ(second->value, "");
  EXPECT_FALSE(take_field_line(lines));
}

TEST(FieldLines, ControlCharactersButTabsBreakALine) {
  EXPECT_FALSE(breaks_line(""));
  EXPECT_FALSE(breaks_line("a\tb \xc3\xa4\xff"));
  for (const char c : {'\r', '\n', '\0', '\x1f', '\x7f'})
    EXPECT_TRUE(breaks_line(std::string("a") + c)) << int{c};
}

TEST(FieldLines, WhatIsNoLineEndsThem) {
  for (const char* text : {"", "a", "a: b", "a: b\r", "a\r\n", "\r\n", "a:b\r\n"}) {
    std::string_view lines = text;
    EXPECT_FALSE(take_field_line(lines)) << text;
  }
}

}  // namespace
}  // namespace cachey
