#include "base/aged_map.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cachey {
namespace {

std::string name(int number) { return "name " + std::to_string(number); }

TEST(AgedMap, FindsWhatWasSet) {
  AgedMap<int> map({.entries = 3, .key_bytes = 100});
  EXPECT_EQ(map.find("a"), nullptr);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  EXPECT_EQ(*map.find("a"), 3);
  EXPECT_EQ(*map.peek("b"), 2);
  EXPECT_EQ(map.size(), 2);
  EXPECT_EQ(map.key_bytes(), 2);
}

TEST(AgedMap, AddsAValueOnlyOnce) {
  AgedMap<int> map({.entries = 3, .key_bytes = 100});
  EXPECT_EQ(*map.find_or_add("a", 7), 7);
  EXPECT_EQ(*map.find_or_add("a", 8), 7);
}

TEST(AgedMap, ForgetsTheKeyThatWasNotUsedForTheLongestTime) {
  AgedMap<int> map({.entries = 3, .key_bytes = 100});
  for (const char* key : {"a", "b", "c"}) map.set(key, 0);
  EXPECT_NE(map.find("a"), nullptr);
  map.set("d", 0);
  EXPECT_FALSE(map.contains("b"));
  for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(map.contains(key));
}

TEST(AgedMap, APeekIsNoUse) {
  AgedMap<int> map({.entries = 2, .key_bytes = 100});
  map.set("a", 0);
  map.set("b", 0);
  EXPECT_NE(map.peek("a"), nullptr);
  map.set("c", 0);
  EXPECT_FALSE(map.contains("a"));
}

TEST(AgedMap, AFreshNameARequestDropsNoKeyThatIsInUse) {
  AgedMap<int> map({.entries = 100, .key_bytes = 10'000});
  map.set("used", 5);
  for (int i = 0; i < 10'000; ++i) {
    map.set(name(i), i);
    if (i % 50 == 0) ASSERT_NE(map.find("used"), nullptr);
    ASSERT_LE(map.size(), 100);
  }
}

TEST(AgedMap, TheBytesOfTheKeysAreBounded) {
  AgedMap<int> map({.entries = 1000, .key_bytes = 1000});
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    map.set(std::string(90, letter), 0);
    ASSERT_LE(map.key_bytes(), 1000);
  }
  EXPECT_EQ(map.size(), 11);
  map.set(std::string(1000, 'x'), 0);
  EXPECT_EQ(map.size(), 1);
}

TEST(AgedMap, AKeyThatIsTooLongIsNotRememberedAndDropsNothing) {
  AgedMap<int> map({.entries = 1000, .key_bytes = 1000});
  map.set("a", 1);
  map.set(std::string(1001, 'x'), 2);
  EXPECT_EQ(map.find_or_add(std::string(1001, 'x')), nullptr);
  EXPECT_EQ(*map.find("a"), 1);
  EXPECT_EQ(map.size(), 1);
}

TEST(AgedMap, AnErasedKeyGivesItsRoomBack) {
  AgedMap<std::unique_ptr<int>> map({.entries = 2, .key_bytes = 4});
  map.set("aaa", std::make_unique<int>(5));
  EXPECT_EQ(**map.erase("aaa"), 5);
  EXPECT_EQ(map.erase("aaa"), std::nullopt);
  EXPECT_EQ(map.key_bytes(), 0);
  map.set("bbb", nullptr);
  map.set("c", nullptr);
  EXPECT_TRUE(map.contains("bbb"));
  map.clear();
  EXPECT_EQ(map.size(), 0);
  EXPECT_EQ(map.key_bytes(), 0);
}

TEST(AgedMap, TheKeysThatWereUsedLastAreVisitedNewestFirst) {
  AgedMap<int> map({.entries = 10, .key_bytes = 1000});
  for (const char* key : {"a", "b", "c", "d"}) map.set(key, 0);
  (void)map.find("b");
  std::string seen;
  map.visit_newest(3, [&seen](const std::string& key, int) { seen += key; });
  EXPECT_EQ(seen, "bdc");
}

}  // namespace
}  // namespace cachey
