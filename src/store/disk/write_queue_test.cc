#include "store/disk/write_queue.h"

#include <gtest/gtest.h>

namespace cachey::store {
namespace {

class Numbered final : public DiskWriteSource {
 public:
  Numbered(uint32_t number, uint64_t bytes) : number_(number), bytes_(bytes) {}
  [[nodiscard]] uint64_t bytes() const override { return bytes_; }
  [[nodiscard]] DiskPage page() const override {
    DiskPage page;
    page.at = PageAt::page(number_);
    return page;
  }
  [[nodiscard]] std::optional<DiskPageMemory> take() override { return std::nullopt; }

 private:
  const uint32_t number_;
  const uint64_t bytes_;
};

WriteQueue::Source page(uint32_t number, uint64_t bytes = 100) {
  return std::make_unique<Numbered>(number, bytes);
}

uint32_t number_of(const WriteQueue::Source& source) { return source->page().at.number; }
uint32_t number_of(const std::optional<WriteQueue::Turn>& turn) {
  return turn->source().page().at.number;
}

TEST(WriteQueue, IsFirstInFirstOut) {
  WriteQueue queue({});
  for (uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(page(i)).empty());
  std::vector<std::optional<WriteQueue::Turn>> turns;
  for (uint32_t i = 0; i < 3; ++i) {
    turns.push_back(queue.begin());
    EXPECT_EQ(number_of(turns.back()), i);
  }
  EXPECT_FALSE(queue.begin());
  EXPECT_EQ(queue.bytes(), 300u) << "they are being written";
  turns.clear();
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(WriteQueue, PastItsNumberOfPagesTheOldestLeaves) {
  WriteQueue queue({.pages = 2});
  EXPECT_TRUE(queue.has_room(1));
  EXPECT_TRUE(queue.push(page(0)).empty());
  EXPECT_TRUE(queue.push(page(1)).empty());
  EXPECT_FALSE(queue.has_room(1));
  const auto left = queue.push(page(2));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(number_of(left.front()), 0u);
  EXPECT_EQ(number_of(queue.begin()), 1u);
}

TEST(WriteQueue, PastItsBytesTheOldestLeaveAndALargePageStillEnters) {
  WriteQueue queue({.bytes = 250});
  for (uint32_t i = 0; i < 2; ++i) EXPECT_TRUE(queue.push(page(i)).empty());
  EXPECT_EQ(queue.push(page(2)).size(), 1u);
  EXPECT_EQ(queue.push(page(3, 1'000)).size(), 2u);
  EXPECT_EQ(queue.bytes(), 1'000u);
}

TEST(WriteQueue, WritesRunSideBySideUpToANumber) {
  WriteQueue queue({.at_once = 2});
  for (uint32_t i = 0; i < 3; ++i) (void)queue.push(page(i));
  const auto first = queue.begin();
  auto second = queue.begin();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(queue.may_begin());
  EXPECT_FALSE(queue.begin());
  second.reset();
  EXPECT_TRUE(queue.may_begin());
}

TEST(WriteQueue, WritesRunSideBySideUpToTheirBytesButOneMayAlwaysRun) {
  WriteQueue queue({.bytes_at_once = 150});
  (void)queue.push(page(0, 1'000));
  (void)queue.push(page(1));
  auto large = queue.begin();
  EXPECT_EQ(number_of(large), 0u);
  EXPECT_FALSE(queue.begin());
  large.reset();
  EXPECT_EQ(number_of(queue.begin()), 1u);
}

TEST(WriteQueue, ClearsWhatWaitsButNotWhatIsWritten) {
  WriteQueue queue({});
  for (uint32_t i = 0; i < 3; ++i) (void)queue.push(page(i));
  const auto written = queue.begin();
  EXPECT_EQ(queue.clear().size(), 2u);
  EXPECT_EQ(queue.bytes(), 100u);
  EXPECT_FALSE(queue.begin());
}

}  // namespace
}  // namespace cachey::store
