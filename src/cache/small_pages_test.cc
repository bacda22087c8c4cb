// Kinds with a page size of their own: what is fetched and kept, and pages on disk of another size.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/sanitized.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class SmallPagesTest : public ReaderHarness {
 protected:
  SmallPagesTest() : ReaderHarness(256 * kMiB, FillConfig{}, quick_disk()) {}

  [[nodiscard]] FetchSpecPtr sized(std::string object, uint64_t page_bytes) {
    auto made = spec(std::move(object));
    made->page_size = *PageSize::of(page_bytes);
    return made;
  }

  /// As after a restart: memory has nothing of the object, the disk has what was written.
  void forget_memory(const std::string& object) {
    settle();
    const KeyView key{"k", object};
    for (uint32_t index = 0; index <= kPageBytes / kPageBytesMin + 1; ++index) {
      const PagePtr page = cache_.table().find(key, index);
      if (page == nullptr) continue;
      cache_.table().remove(*page);
      page->discard();
    }
    EXPECT_EQ(cache_.table().objects(), 0u);
  }
};

TEST_F(SmallPagesTest, ASmallReadCostsItsPageAndNoMore) {
  origin_.put("b", "o", {.size = kGiB});
  const FetchSpecPtr o = sized("o", 64 * kKiB);
  const ByteRange range{100 * kMiB + 5, 100 * kMiB + 4101};
  expect_whole(read(o, range).get(), range);
  settle();
  EXPECT_THAT(newly_asked(), ElementsAre(ByteRange{100 * kMiB, 100 * kMiB + 64 * kKiB}));
  EXPECT_EQ(memory_.used_bytes(), 64 * kKiB);
  const Got hit = read(o, {100 * kMiB, 100 * kMiB + 64 * kKiB}).get();
  EXPECT_GT(hit.first_cached_at, 0);
  EXPECT_TRUE(newly_asked().empty());
}

TEST_F(SmallPagesTest, TheLastPageEndsWithTheObject) {
  const uint64_t size = 3 * 64 * kKiB + 7;
  origin_.put("b", "o", {.size = size});
  expect_whole(read(sized("o", 64 * kKiB), {0, kGiB}).get(), {0, size});
  expect_whole(read(sized("o", 64 * kKiB), {size - 1, kGiB}).get(), {size - 1, size});
  settle();
  EXPECT_EQ(newly_asked().size(), 4u);
  const Got behind = read(sized("o", 64 * kKiB), {size, size + 1}).get();
  ASSERT_TRUE(behind.error);
  EXPECT_EQ(behind.error->kind(), ErrorKind::kRangeNotSatisfiable);
}

TEST_F(SmallPagesTest, ALargeRangeAsksForEachPageOnceAndForManyAtATime) {
  constexpr uint64_t kSmall = 64 * kKiB;
  constexpr size_t kPages = 4 * PageWindow::kAheadPagesMax;
  origin_.put("b", "o", {.size = 2 * kPages * kSmall});
  std::atomic<bool> held = true;
  origin_.behave({.held = [&held] { return held.load(); }});
  auto client = read(sized("o", kSmall), {0, kPages * kSmall});
  while (origin_.asked().size() < PageWindow::kAheadPagesMax + 1) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(origin_.asked().size(), PageWindow::kAheadPagesMax + 1) << "and no more than these";
  held = false;
  expect_whole(client.get(), {0, kPages * kSmall});
  settle();
  std::set<uint64_t> begins;
  for (const ByteRange& range : newly_asked()) {
    EXPECT_EQ(range.size(), kSmall);
    begins.insert(range.begin);
  }
  EXPECT_EQ(begins.size(), kPages);
  EXPECT_EQ(origin_.asked().size(), kPages);
}

TEST_F(SmallPagesTest, PagesAheadMakeNoMoreBytesThanThoseOfTheUsualSize) {
  constexpr uint64_t kHalf = kPageBytes / 2;
  origin_.put("b", "o", {.size = 20 * kHalf});
  std::atomic<bool> held = true;
  origin_.behave({.held = [&held] { return held.load(); }});
  auto client = read(sized("o", kHalf), {0, 10 * kHalf});
  while (origin_.asked().size() < 5) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(origin_.asked().size(), 1 + PageWindow::kAheadBytes / kHalf);
  held = false;
  expect_whole(client.get(), {0, 10 * kHalf});
}

TEST_F(SmallPagesTest, AReaderWaitsForThePartOfAPageThatItReads) {
  const PagePtr page = cache_.table().find_or_create(sized("o", 64 * kKiB), 3, {}).page;
  EXPECT_EQ(page->object_offset(), 3 * 64 * kKiB);
  EXPECT_EQ(page->parts_of({0, 64 * kKiB}), ~uint64_t{0});
  EXPECT_EQ(page->parts_of({0, 1}), 1u);
  EXPECT_EQ(page->parts_of({kKiB, 3 * kKiB}), 6u);
  EXPECT_EQ(page->parts_of({63 * kKiB, 64 * kKiB}), uint64_t{1} << 63);
  EXPECT_FALSE(page->extend_requested({0, 32 * kKiB - 1}));
  EXPECT_TRUE(page->extend_requested({32 * kKiB - 1, 32 * kKiB}));
  cache_.table().remove(*page);
  page->fail(Error(ErrorKind::kCancelled, "the test made it"));
}

// The sizes and ranges are such that the numbers, the bytes or both of the pages of two sizes
// agree. All pages of a case fit on the disk.
class ChangedPageSize : public SmallPagesTest,
                        public ::testing::WithParamInterface<std::pair<uint64_t, uint64_t>> {
 protected:
  void check(uint64_t before, uint64_t after, uint64_t size) {
    const std::string object = std::to_string(++number_);
    origin_.put("b", object, {.size = size});
    const auto read_ends = [&](uint64_t page_bytes) {
      const ByteRange begin{0, std::min(size, 2 * std::min(before, after))};
      const FetchSpecPtr o = sized(object, page_bytes);
      expect_whole(read(o, begin).get(), begin);
      expect_whole(read(o, {size - 1, size}).get(), {size - 1, size});
      forget_memory(object);
      return origin_.asked().size();
    };
    const size_t first = read_ends(before);
    const size_t second = read_ends(after);
    EXPECT_GT(second, first) << "no page of " << before << " is one of " << after;
    EXPECT_EQ(read_ends(before), second) << "each size has pages of its own on the disk";
    EXPECT_EQ(read_ends(after), second);
  }

 private:
  int number_ = 0;
};

TEST_P(ChangedPageSize, APageOnDiskOfAnotherSizeIsNeverTaken) {
  const auto [before, after] = GetParam();
  const uint64_t large = std::max(before, after);
  const uint64_t small = std::min(before, after);
  for (const uint64_t size : {large + small, large + small - 1, 2 * small, small, large + 1}) {
    check(before, after, size);
  }
}

std::vector<std::pair<uint64_t, uint64_t>> changed_sizes() {
  std::vector<std::pair<uint64_t, uint64_t>> changes;
  const uint64_t sizes[] = {64 * kKiB, kMiB, 4 * kMiB, kPageBytes};
  for (const uint64_t before : sizes) {
    if (kSanitized && before != kPageBytes) continue;
    for (const uint64_t after : sizes) {
      if (before != after) changes.emplace_back(before, after);
    }
  }
  return changes;
}

INSTANTIATE_TEST_SUITE_P(Sizes, ChangedPageSize, ::testing::ValuesIn(changed_sizes()));

}  // namespace
}  // namespace cachey::cache
