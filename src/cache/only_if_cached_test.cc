// Requests that want cached bytes only: nothing is asked of the store.

#include <gtest/gtest.h>

#include <thread>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using Use = RangeReader::Use;

class OnlyIfCached : public ReaderHarness {
 protected:
  explicit OnlyIfCached(std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(256 * kMiB, FillConfig{}, std::move(disk)) {}

  void put(uint64_t size, uint64_t seed = 1) {
    origin_.put("b", "o",
                {.size = size, .seed = seed, .etag = "\"v" + std::to_string(seed) + "\""});
  }
  void fetch(ByteRange range) {
    EXPECT_FALSE(read(spec("o"), range).get().error);
    settle();
    asked_ = origin_.asked().size();
  }
  [[nodiscard]] Got get(ByteRange range, Use use = Use::kBody) {
    const std::shared_ptr<FetchSpec> made = spec("o");
    made->wishes.only_if_cached = true;
    const Got got = read(made, range, 1, use).get();
    settle();
    EXPECT_EQ(origin_.asked().size(), asked_) << "the store was asked";
    return got;
  }
  void expect_refused(ByteRange range, Use use = Use::kBody) {
    const Got got = get(range, use);
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kNotCached);
    EXPECT_FALSE(got.opened) << "before the headers";
  }

  size_t asked_ = 0;
};

TEST_F(OnlyIfCached, AColdObjectIsRefused) {
  put(100);
  expect_refused({0, 10});
  expect_refused({0, 10}, Use::kHead);
}

TEST_F(OnlyIfCached, WholePagesInMemoryServe) {
  put(2 * kPageBytes + 9);
  fetch({0, 3 * kPageBytes});
  expect_whole(get({0, 10}), {0, 10});
  expect_whole(get({5, 9 * kPageBytes}), {5, 2 * kPageBytes + 9});
  EXPECT_EQ(get({3, 2 * kPageBytes}, Use::kHead).size, 2 * kPageBytes + 9);
}

TEST_F(OnlyIfCached, AMissingPageInTheMiddleRefusesTheWholeRange) {
  put(3 * kPageBytes);
  fetch({0, 10});
  fetch({2 * kPageBytes, 2 * kPageBytes + 1});
  expect_refused({0, 3 * kPageBytes});
  expect_refused({kPageBytes - 1, kPageBytes + 1});
  expect_whole(get({0, kPageBytes}), {0, kPageBytes});
  expect_whole(get({2 * kPageBytes + 1, 3 * kPageBytes}), {2 * kPageBytes + 1, 3 * kPageBytes});
}

TEST_F(OnlyIfCached, OldKnowledgeRefusesNothing) {
  put(100);
  fetch({0, 100});
  expect_refused({100, 101});  // not 416
  const std::shared_ptr<FetchSpec> made = spec("o");
  made->wishes.only_if_cached = true;
  made->wishes.object_size = 50;
  EXPECT_EQ(read(made, {0, 50}).get().error->kind(), ErrorKind::kNotCached) << "not 409";
  EXPECT_EQ(origin_.asked().size(), asked_);
}

TEST_F(OnlyIfCached, AFillUnderWayServesWhatHasCome) {
  put(4 * kMiB);
  origin_.behave({.read_bytes = kMiB, .stall_after = kMiB, .stall_time = 300ms});
  auto other = read(spec("o"), {0, 4 * kMiB});
  while (origin_.bytes_sent() < kMiB) std::this_thread::sleep_for(1ms);
  const PagePtr page = cache_.table().find(spec("o")->key.view(), 0);
  ASSERT_NE(page, nullptr);
  while (page->available_end(0) < kMiB) std::this_thread::sleep_for(1ms);
  asked_ = 1;
  const std::shared_ptr<FetchSpec> made = spec("o");
  made->wishes.only_if_cached = true;
  expect_whole(read(made, {10, 1000}).get(), {10, 1000});
  EXPECT_EQ(read(made, {0, 4 * kMiB}).get().error->kind(), ErrorKind::kNotCached);
  expect_whole(other.get(), {0, 4 * kMiB});
  settle();
  EXPECT_EQ(origin_.asked().size(), 1u);
}

TEST_F(OnlyIfCached, ARangeOfMorePagesThanAreCheckedBreaksOffLater) {
  const uint64_t size = (PageWindow::kLooksMax + 2) * kPageBytes;
  put(size);
  // Only the first page: the check ends at the second.
  fetch({0, 10});
  expect_refused({0, size});
}

TEST_F(OnlyIfCached, PartsOfAPageServe) {
  put(3 * kPageBytes);
  const std::shared_ptr<FetchSpec> exact = spec("o");
  exact->wishes.exact = true;
  for (const ByteRange range : {ByteRange{1000, 2000}, ByteRange{2000, 2500},
                                ByteRange{2 * kPageBytes - 5, 2 * kPageBytes + 5}}) {
    expect_whole(read(exact, range).get(), range);
  }
  settle();
  asked_ = origin_.asked().size();
  for (const ByteRange range : {ByteRange{1000, 2500}, ByteRange{1999, 2001},
                                ByteRange{2 * kPageBytes - 5, 2 * kPageBytes + 5}}) {
    expect_whole(get(range), range);
  }
  expect_refused({999, 1001});
  expect_refused({1000, 2501});
  expect_refused({2 * kPageBytes - 6, 2 * kPageBytes});
  expect_refused({0, 3 * kPageBytes});
}

class OnlyIfCachedOnDisk : public OnlyIfCached {
 protected:
  OnlyIfCachedOnDisk() : OnlyIfCached(store::DiskTierConfig{}) {}
};

TEST_F(OnlyIfCachedOnDisk, PagesOnDiskServe) {
  put(2 * kPageBytes + 9);
  fetch({0, 3 * kPageBytes});
  ASSERT_TRUE(flush(5s).get());
  forget_memory();
  expect_whole(get({0, 10}), {0, 10});
  expect_whole(get({kPageBytes - 5, 3 * kPageBytes}), {kPageBytes - 5, 2 * kPageBytes + 9});
  EXPECT_EQ(get({3, 9}, Use::kHead).size, 2 * kPageBytes + 9);
  expect_refused({2 * kPageBytes + 9, 2 * kPageBytes + 10});
}

}  // namespace
}  // namespace cachey::cache
