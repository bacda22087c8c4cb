// How long the disk tier's mutex is held in the worst cases, over a device that does nothing.
// CACHEY_HOLD_TIMES=full: at the sizes of docs/performance.md, with a line for each case.

#include "store/testing/hold_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "rt/testing/virtual_worker.h"
#include "store/disk/disk_tier.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

/// A device that drops what is written and returns zeros.
class NullDevice final : public BlockDevice {
 public:
  explicit NullDevice(uint64_t bytes) : bytes_(bytes) {}

  [[nodiscard]] uint64_t size() const override { return bytes_; }
  IoStatus read_now(uint64_t /*offset*/, std::span<std::byte> into) override {
    std::ranges::fill(into, std::byte{0});
    return {};
  }
  IoStatus write_now(uint64_t /*offset*/, std::span<const std::byte> /*from*/) override {
    return {};
  }
  IoStatus sync_now() override { return {}; }
  [[nodiscard]] rt::Task<IoStatus> read(rt::Worker& /*worker*/, uint64_t /*offset*/,
                                        std::span<const iovec> /*into*/) override {
    co_return IoStatus{};
  }
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& /*worker*/, uint64_t /*offset*/,
                                         std::span<const iovec> /*from*/) override {
    co_return IoStatus{};
  }
  [[nodiscard]] rt::Task<IoStatus> sync(rt::Worker& /*worker*/) override { co_return IoStatus{}; }

 private:
  const uint64_t bytes_;
};

class DiskHoldTimesTest : public ::testing::Test {
 protected:
  ~DiskHoldTimesTest() override { settle(); }

  void make_tier(uint64_t disk_bytes) {
    tier_.reset();
    device_.emplace(disk_bytes);
    DiskTierConfig config;
    config.index_bytes_max = SIZE_MAX;
    tier_ = *DiskTier::open(*device_, std::move(config), DiskTier::Start::kWipe, virtual_.clock(),
                            random_);
    tier_->recover();
    tier_->hold_times().watch();
  }

  void write(std::string object, uint32_t page, uint64_t bytes, int version = 1) {
    (void)virtual_.run(write_page(*tier_, virtual_.worker(),
                                  make_page(std::move(object), page, bytes, version), content_));
  }
  void write_part(uint64_t begin, int version = 1) {
    (void)virtual_.run(
        write_page(*tier_, virtual_.worker(), make_part("object", begin, 1, version), content_));
  }
  /// Writes small pages until the disk evicts.
  void fill(uint64_t page_bytes) {
    for (uint64_t i = 0; i % 64 != 0 || tier_->usage().evictions == 0; ++i) {
      write(std::to_string(i), 0, page_bytes);
    }
  }
  HoldTimes::Duration longest_hold() {
    settle();
    return tier_->hold_times().longest();
  }
  void settle() {
    while (virtual_.worker().tasks().size() != 0) virtual_.pass(rt::TimerWheel::kTick);
  }

  rt::VirtualWorker virtual_;
  SeededRandom random_{1};
  std::optional<NullDevice> device_;
  std::unique_ptr<DiskTier> tier_;
  // Of all pages: a null device does not look at the bytes.
  const std::shared_ptr<AlignedBuffer> content_ = std::make_shared<AlignedBuffer>(kPageBytes);
};

TEST_F(DiskHoldTimesTest, LargePagesIntoADiskFullOfSmallOnes) {
  expect_short_holds("large pages into a disk full of pages of 4 KiB", [&] {
    make_tier(full_scale() ? 4 * kGiB : 128 * kMiB);
    fill(4 * kKiB);
    for (uint32_t page = 0; page < 16; ++page) write("large", page, kPageBytes);
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, ANewVersionOfAnObjectOfManyPages) {
  expect_short_holds("a new version of an object of many pages", [&] {
    make_tier(full_scale() ? 4 * kGiB : kGiB);
    const uint32_t pages = full_scale() ? 65'536 : 8'192;
    for (uint32_t page = 0; page < pages; ++page) write("object", page, 4 * kKiB);
    const DiskPage next = make_page("object", 0, 4 * kKiB, 2);
    tier_->observe(virtual_.worker(), next.kind, next.object, {next.info, "bucket"});
    EXPECT_FALSE(tier_->find(virtual_.worker(), next.kind, next.object, PageAt::page(7)));
    write("object", 0, 4 * kKiB, 2);
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, APageOfAsManyPartsAsMayBe) {
  expect_short_holds("a page of as many parts as may be is read and written", [&] {
    make_tier(kGiB);
    for (uint64_t block = 0; block < kPageBytes; block += 64 * kKiB) {
      for (uint64_t i = 0; i < Catalog::kPartsMax; ++i) write_part(block + 2 * i);
    }
    settle();
    const size_t parts = kPageBytes / (64 * kKiB) * Catalog::kPartsMax;
    EXPECT_EQ(tier_->usage().parts, parts);
    const auto find = [&] {
      return tier_->find_parts(virtual_.worker(), "kind", "object", PageAt::kExponentMax,
                               {0, kPageBytes});
    };
    EXPECT_EQ(find().size(), parts);
    write("object", 0, kPageBytes);
    EXPECT_EQ(tier_->usage().parts, 0u);
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, ANewVersionOfAnObjectOfManyParts) {
  expect_short_holds("a new version of an object of many parts", [&] {
    make_tier(full_scale() ? 4 * kGiB : kGiB);
    const uint64_t parts = full_scale() ? 100'000 : 8'192;
    for (uint64_t i = 0; i < parts; ++i) write_part(i * 4 * kKiB);
    const DiskPage next = make_part("object", 0, 1, 2);
    tier_->observe(virtual_.worker(), next.kind, next.object, {next.info, "bucket"});
    write_part(0, 2);
    settle();
    EXPECT_EQ(tier_->usage().parts, 1u);
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, PagesThatAreWrittenAgainAndAgain) {
  expect_short_holds("the journal is cleaned while the tables grow", [&] {
    make_tier(full_scale() ? 8 * kGiB : 128 * kMiB);
    const uint64_t pages = full_scale() ? 1'000'000 : 10'000;
    for (int version = 1; version <= 3; ++version) {
      for (uint64_t i = 0; i < pages; ++i) write(std::to_string(i), 0, 4 * kKiB, version);
    }
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, APurgeOfAllPages) {
  expect_short_holds("a purge of all pages", [&] {
    make_tier(full_scale() ? 8 * kGiB : 128 * kMiB);
    const uint64_t pages = full_scale() ? 1'000'000 : 10'000;
    for (uint64_t i = 0; i < pages; ++i) {
      write(std::to_string(i), 0, 4 * kKiB);
      if (i % 10'000 == 0) settle();  // else the journal takes no more pages
    }
    settle();
    tier_->hold_times().watch();
    const Result<DiskPurged> purged =
        virtual_.run(tier_->purge(virtual_.worker(), KeyScope::all(), [] { return false; }));
    EXPECT_TRUE(purged);
    EXPECT_EQ(purged->pages, pages);
    return longest_hold();
  });
}

TEST_F(DiskHoldTimesTest, APurgeOfAnObjectOfManyPages) {
  expect_short_holds("a purge of an object of many pages", [&] {
    make_tier(full_scale() ? 4 * kGiB : kGiB);
    const uint32_t pages = full_scale() ? 65'536 : 8'192;
    for (uint32_t page = 0; page < pages; ++page) write("object", page, 4 * kKiB);
    settle();
    const Result<DiskPurged> purged = virtual_.run(
        tier_->purge(virtual_.worker(), KeyScope::object("kind", "object"), [] { return false; }));
    EXPECT_TRUE(purged);
    EXPECT_EQ(purged->pages, pages);
    EXPECT_EQ(purged->bytes, pages * 4 * kKiB);
    return longest_hold();
  });
}

}  // namespace
}  // namespace cachey::store
