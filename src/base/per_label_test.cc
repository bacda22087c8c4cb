#include "base/per_label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"

namespace cachey {
namespace {

using ::testing::HasSubstr;

TEST(PerLabel, ValuesPastTheLimitShareOne) {
  Metrics metrics;
  PerLabel<Counter> per_kind(2, [&](const std::string& kind) {
    return std::make_unique<Counter>(metrics.counter("c_total", "help", {{"kind", kind}}));
  });
  for (const char* kind : {"a", "b", "c", "d", "a", "other"}) per_kind.of(kind).add();
  EXPECT_EQ(&per_kind.of("x"), &per_kind.of("y"));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"a\"} 2"));
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"b\"} 1"));
  EXPECT_THAT(text, HasSubstr("c_total{kind=\"other\"} 3"));
}

TEST(PerLabel, VisitsEverySetOnce) {
  PerLabel<std::string> names(PerLabel<std::string>::kValuesMax, [](const std::string& value) {
    return std::make_unique<std::string>(value);
  });
  std::set<std::string> expected = {"other"};
  for (int i = 0; i < 500; ++i) {
    const std::string value = "value " + std::to_string(i);
    if (i < static_cast<int>(PerLabel<std::string>::kValuesMax)) expected.insert(value);
    const std::string& made = names.of(value);
    EXPECT_EQ(made, expected.contains(value) ? value : "other");
    EXPECT_EQ(&made, &names.of(value));
  }
  std::multiset<std::string> seen;
  names.for_each([&seen](const std::string& name) { seen.insert(name); });
  EXPECT_TRUE(std::ranges::equal(seen, expected));
}

TEST(PerLabel, ThreadsThatAskAtOnceGetTheSameSet) {
  constexpr size_t kThreads = 8;
  PerLabel<std::string> names(
      50, [](const std::string& value) { return std::make_unique<std::string>(value); });
  std::vector<std::vector<std::string*>> got(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&names, &mine = got[t]] {
      for (int i = 0; i < 40; ++i) mine.push_back(&names.of(std::to_string(i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 1; t < kThreads; ++t) EXPECT_EQ(got[t], got[0]);
}

}  // namespace
}  // namespace cachey
