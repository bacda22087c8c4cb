// Pages of objects that are kept: in memory, by reload, from the disk.

#include "cache/pins.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <string>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

bool is_model(std::string_view kind, std::string_view object) {
  return kind == "k" && object.starts_with("models/");
}

class PinsTest : public ReaderHarness {
 protected:
  static constexpr uint64_t kMemory = 96 * kMiB;
  static constexpr int kFlood = 100;  // pages of 1 MiB
  explicit PinsTest(std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(kMemory, {}, std::move(disk)) {}

  void put(const std::string& name, uint64_t size = kMiB) {
    origin_.put("b", name, {.size = size, .seed = 1, .etag = "\"v1\""});
  }
  void read_whole(const std::string& name, uint64_t size = kMiB) {
    expect_whole(read(spec(name), {0, size}).get(), {0, size});
  }
  /// Reads more than the memory has.
  void flood() {
    for (int i = 0; i < kFlood; ++i) {
      const std::string name = "other/" + std::to_string(others_++);
      put(name);
      read_whole(name);
    }
    settle();
  }
  [[nodiscard]] size_t gets() const { return origin_.asked().size(); }
  [[nodiscard]] bool is_in_memory(const std::string& name) {
    return cache_.table().find(KeyView{"k", name}, 0) != nullptr;
  }
  void apply() {
    const uint64_t before = cache_.pins().walks();
    rt::asio::co_spawn(workers_[0].io(), cache_.pins().apply(workers_[0]), rt::asio::detached);
    while (cache_.pins().walks() == before) std::this_thread::sleep_for(1ms);
  }

  int others_ = 0;
};

class PinsWithDiskTest : public PinsTest {
 protected:
  PinsWithDiskTest() : PinsTest(quick_disk()) {}
};

TEST_F(PinsTest, PagesOfNamedObjectsStay) {
  pins_.replace(is_model, {});
  for (int i = 0; i < 10; ++i) put("models/" + std::to_string(i));
  for (int i = 0; i < 10; ++i) read_whole("models/" + std::to_string(i));
  flood();
  const size_t before = gets();
  for (int i = 0; i < 10; ++i) read_whole("models/" + std::to_string(i));
  EXPECT_EQ(gets(), before);
  EXPECT_EQ(memory_.kept().pages, 10u);
  EXPECT_FALSE(is_in_memory("other/0"));
}

TEST_F(PinsTest, PartsOfPagesStay) {
  pins_.replace(is_model, {});
  put("models/m", 8 * kMiB);
  auto exact = spec("models/m");
  exact->wishes.exact = true;
  expect_whole(read(exact, {100, 5'000}).get(), {100, 5'000});
  flood();
  const size_t before = gets();
  expect_whole(read(exact, {100, 5'000}).get(), {100, 5'000});
  EXPECT_EQ(gets(), before);
}

TEST_F(PinsTest, AReloadConcernsPagesThatAreThere) {
  put("models/m", 32 * kMiB);
  read_whole("models/m", 32 * kMiB);
  pins_.replace(is_model, {0, 50});
  apply();
  EXPECT_EQ(memory_.kept().bytes, 32 * kMiB);
  flood();
  EXPECT_TRUE(is_in_memory("models/m"));
  pins_.replace(nullptr, {});
  apply();
  EXPECT_EQ(memory_.kept().pages, 0u);
  flood();
  EXPECT_FALSE(is_in_memory("models/m"));
}

TEST_F(PinsTest, ASetLargerThanMemoryLeavesRoomForOthers) {
  pins_.replace(is_model, {0, 25});
  for (int i = 0; i < 120; ++i) {
    const std::string name = "models/" + std::to_string(i);
    put(name);
    read_whole(name);
  }
  settle();
  EXPECT_LE(memory_.kept().bytes, kMemory / 4);
  EXPECT_GT(memory_.kept().bytes, kMemory / 8);
  EXPECT_GT(memory_.kept().over_limit_pages, 0u);
  put("large", 64 * kMiB);
  read_whole("large", 64 * kMiB);
  flood();
  EXPECT_EQ(memory_.kept().over_limit_pages, 0u);
  EXPECT_TRUE(is_in_memory("models/0"));
}

TEST_F(PinsTest, ANewVersionAndAPurgeTakeKeptPages) {
  pins_.replace(is_model, {});
  put("models/m");
  read_whole("models/m");
  EXPECT_EQ(memory_.kept().pages, 1u);
  std::vector<PagePtr> pages = cache_.table().take_object(KeyScope::object("k", "models/m"));
  for (const PagePtr& page : pages) page->discard();
  pages.clear();
  EXPECT_EQ(memory_.kept().pages, 0u);
  EXPECT_EQ(memory_.kept().bytes, 0u);
}

TEST_F(PinsWithDiskTest, PiecesOfPagesOnDiskStayInMemory) {
  pins_.replace(is_model, {});
  put("models/m");
  read_whole("models/m");
  flood();
  // The page leaves memory alone.
  const PagePtr page = cache_.table().find(KeyView{"k", "models/m"}, 0);
  ASSERT_NE(page, nullptr);
  while (!disk_->has("k", "models/m", page->at())) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(disk_->usage().kept.pages, 1u);
  cache_.table().remove(*page);
  page->discard();
  EXPECT_EQ(memory_.kept().pages, 0u);
  const size_t before = gets();
  read_whole("models/m");
  settle();
  EXPECT_GT(memory_.kept().bytes, 0u);
  flood();
  const uint64_t reads = disk_->stats().reads.load();
  read_whole("models/m");
  EXPECT_EQ(disk_->stats().reads.load(), reads);
  EXPECT_EQ(gets(), before + kFlood);
}

}  // namespace
}  // namespace cachey::cache
