#include "origin/s3/learned.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cachey::origin {
namespace {

TEST(Learned, RemembersTheLastValueOfAName) {
  Learned<std::string> regions;
  EXPECT_EQ(regions.find("a"), std::nullopt);
  regions.set("a", "eu-west-1");
  regions.set("b", "us-east-1");
  regions.set("a", "eu-west-2");
  EXPECT_EQ(regions.find("a"), "eu-west-2");
  EXPECT_EQ(regions.find("b"), "us-east-1");
  EXPECT_EQ(regions.find("c"), std::nullopt);
}

TEST(Learned, NewNamesDropNoNameThatIsInUse) {
  Learned<int> numbers;
  numbers.set("used", -1);
  for (int i = 0; i < 10'000; ++i) {
    numbers.set(std::to_string(i), i);
    if (i % 1000 == 0) ASSERT_EQ(numbers.find("used"), -1);
  }
  size_t kept = 0;
  for (int i = 0; i < 10'000; ++i) kept += numbers.find(std::to_string(i)).has_value() ? 1U : 0U;
  EXPECT_EQ(kept, Learned<int>::kNames.entries - 1);
  EXPECT_EQ(numbers.find("9999"), 9999);
}

TEST(Learned, IsSharedByThreads) {
  Learned<std::string> regions;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&regions] {
      for (int name = 0; name < 2000; ++name) {
        regions.set(std::to_string(name % 1500), "somewhere");
        const std::optional<std::string> region = regions.find(std::to_string(name % 100));
        if (region) EXPECT_EQ(*region, "somewhere");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace cachey::origin
