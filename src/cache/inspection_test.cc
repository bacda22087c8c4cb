// What the cache tells of its objects, and that a look changes nothing.

#include "cache/inspection.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <set>
#include <string>
#include <thread>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class InspectionTest : public ReaderHarness {
 protected:
  explicit InspectionTest(uint64_t memory = 96 * kMiB) : ReaderHarness(memory, {}, quick_disk()) {}

  void put(const std::string& name, uint64_t size = 64 * kKiB) {
    origin_.put("b", name, {.size = size, .seed = 1, .etag = "\"v1\""});
  }
  void read_whole(const std::string& name, uint64_t size = 64 * kKiB) {
    expect_whole(read(spec(name), {0, size}).get(), {0, size});
  }
  void wait_for_disk(const std::string& name, uint32_t page = 0) {
    while (!disk_->has("k", name, store::PageAt::page(page))) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(flush(5s).get());
  }
  Result<Listing> list(KeyScope scope, std::pair<std::string, std::string> after = {},
                       size_t limit = 1'000) {
    return run(cache_.inspection().list(workers_[0], std::move(scope), std::move(after), limit));
  }
  Result<ObjectDetails> look(const std::string& name, PageSize size = {}) {
    return run(cache_.inspection().look(workers_[0], ObjectKey{"k", name}, size));
  }
  /// The page stays on the disk alone.
  void drop_from_memory(const std::string& name) {
    std::vector<PagePtr> pages = cache_.table().take_object(KeyScope::object("k", name));
    for (const PagePtr& page : pages) page->discard();
  }

 private:
  template <typename T>
  T run(rt::Task<T> task) {
    return rt::asio::co_spawn(workers_[0].io(), std::move(task), rt::asio::use_future).get();
  }
};

TEST_F(InspectionTest, ObjectsAreListedByNameWithTheirTiers) {
  for (const char* name : {"b", "a/2", "a/1", "c"}) {
    put(name);
    read_whole(name);
    wait_for_disk(name);
  }
  drop_from_memory("b");
  const Result<Listing> all = list(KeyScope::all());
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(all->is_complete);
  EXPECT_FALSE(all->has_more);
  std::string names;
  for (const auto& [name, summary] : all->objects) {
    names += name.first + "/" + name.second + " ";
    EXPECT_EQ(summary.size, 64 * kKiB);
    EXPECT_EQ(summary.etag, "\"v1\"");
    EXPECT_EQ(summary.disk.pages, 1u);
    EXPECT_EQ(summary.disk.bytes, 64 * kKiB);
    EXPECT_EQ(summary.memory.pages, name.second == "b" ? 0u : 1u);
    EXPECT_FALSE(summary.pinned);
  }
  EXPECT_EQ(names, "k/a/1 k/a/2 k/b k/c ");
  EXPECT_EQ(list(KeyScope::prefix("k", "a/"))->objects.size(), 2u);
  EXPECT_EQ(list(KeyScope::of_kind("other"))->objects.size(), 0u);
}

class SmallInspectionTest : public InspectionTest {
 protected:
  SmallInspectionTest() : InspectionTest(32 * kMiB) {}
};

TEST_F(SmallInspectionTest, AListingTakesAShareOfTheMemoryAndIsChargedForIt) {
  constexpr size_t kObjects = 1'200;
  for (size_t i = 0; i < kObjects; ++i) {
    const std::string name = std::to_string(1'000 + i) + std::string(900, 'x');
    put(name, 9);
    read_whole(name, 9);
  }
  const int64_t before = cache_.memory().charged_bytes();
  std::set<std::string> names;
  std::pair<std::string, std::string> after;
  size_t answers = 0;
  for (bool has_more = true; has_more; ++answers) {
    const Result<Listing> some = list(KeyScope::all(), after, 1'000'000);
    ASSERT_TRUE(some.has_value());
    ASSERT_FALSE(some->objects.empty());
    uint64_t bytes = 0;
    for (const auto& [name, summary] : some->objects) {
      EXPECT_EQ(summary.size, 9u);
      EXPECT_TRUE(names.insert(name.second).second);
      bytes += name.second.size();
    }
    EXPECT_LE(bytes, 32 * kMiB / Inspection::kListingShare);
    EXPECT_GE(cache_.memory().charged_bytes() - before, static_cast<int64_t>(bytes));
    after = some->objects.rbegin()->first;
    has_more = some->has_more;
  }
  EXPECT_EQ(names.size(), kObjects);
  EXPECT_EQ(answers, 2u);
  EXPECT_EQ(cache_.memory().charged_bytes(), before);
}

TEST_F(InspectionTest, PagesOfAListingAreEachOnce) {
  for (int i = 0; i < 50; ++i) {
    put(std::to_string(i));
    read_whole(std::to_string(i));
  }
  wait_for_disk("49");
  std::set<std::string> seen;
  std::pair<std::string, std::string> after;
  for (int turns = 0; turns < 8; ++turns) {
    const Result<Listing> some = list(KeyScope::of_kind("k"), after, 7);
    ASSERT_TRUE(some.has_value());
    EXPECT_EQ(some->has_more, turns < 7);
    for (const auto& [name, summary] : some->objects) {
      EXPECT_TRUE(seen.insert(name.second).second);
      EXPECT_EQ(summary.disk.pages, 1u);
      after = name;
    }
  }
  EXPECT_EQ(seen.size(), 50u);
}

TEST_F(InspectionTest, AnObjectHasRunsOfItsPages) {
  const uint64_t size = 3 * kPageBytes;
  put("large", size);
  expect_whole(read(spec("large"), {0, 1}).get(), {0, 1});
  expect_whole(read(spec("large"), {2 * kPageBytes, 2 * kPageBytes + 1}).get(),
               {2 * kPageBytes, 2 * kPageBytes + 1});
  wait_for_disk("large", 0);
  wait_for_disk("large", 2);
  const Result<ObjectDetails> details = look("large");
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->summary.size, size);
  EXPECT_EQ(details->summary.disk.pages, 2u);
  ASSERT_EQ(details->runs.size(), 4u);
  EXPECT_EQ(details->runs[0].range, (ByteRange{0, kPageBytes}));
  EXPECT_EQ(details->runs[1].range, (ByteRange{2 * kPageBytes, size}));
  EXPECT_EQ(details->runs[2].where, ObjectRun::Where::kDisk);
  EXPECT_EQ(look("nothing").error().kind(), ErrorKind::kNotFound);
}

TEST_F(InspectionTest, SmallPagesThatOnlyTheDiskHasAreRuns) {
  const uint64_t page_bytes = 64 * kKiB;
  put("small", 3 * page_bytes);
  auto small = spec("small");
  small->page_size = *PageSize::of(page_bytes);
  expect_whole(read(small, {0, 3 * page_bytes}).get(), {0, 3 * page_bytes});
  const auto on_disk = [this](uint32_t page) {
    return disk_->has("k", "small", store::PageAt::page(page, 16));
  };
  while (!on_disk(0) || !on_disk(1) || !on_disk(2)) std::this_thread::sleep_for(1ms);
  drop_from_memory("small");
  const Result<ObjectDetails> details = look("small", small->page_size);
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->summary.disk.pages, 3u);
  EXPECT_EQ(details->summary.disk.bytes, 3 * page_bytes);
  ASSERT_EQ(details->runs.size(), 1u);
  EXPECT_EQ(details->runs[0].where, ObjectRun::Where::kDisk);
  EXPECT_EQ(details->runs[0].range, (ByteRange{0, 3 * page_bytes}));
}

TEST_F(InspectionTest, OneListingIsOutAtATime) {
  std::optional<WalkTurn> turn = cache_.inspection().begin();
  ASSERT_TRUE(turn);
  EXPECT_FALSE(cache_.inspection().begin());
  turn.reset();
  EXPECT_TRUE(cache_.inspection().begin());
}

TEST_F(InspectionTest, ALookIsNoUse) {
  put("cold", kMiB);
  read_whole("cold", kMiB);
  for (int i = 0; i < 120; ++i) {
    ASSERT_TRUE(look("cold").has_value());
    ASSERT_TRUE(list(KeyScope::all()).has_value());
    const std::string name = "other/" + std::to_string(i);
    put(name, kMiB);
    read_whole(name, kMiB);
  }
  // A page with two uses would have moved to the main queue.
  EXPECT_EQ(cache_.table().find(KeyView{"k", "cold"}, 0), nullptr);
}

}  // namespace
}  // namespace cachey::cache
