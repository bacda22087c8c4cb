// A store that is opened with a smaller capacity, over kills at each step.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "store/disk/superblock.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr uint64_t kLarge = 40 * kMiB;
// Both end within a chunk. The journal's segment is past the end of the first alone.
constexpr uint64_t kBeforeTheJournal = 14 * kMiB + 3 * kUnitBytes;
constexpr uint64_t kBehindTheJournal = 24 * kMiB + 3 * kUnitBytes;

class Shrinking : public ::testing::TestWithParam<uint64_t> {
 protected:
  Shrinking() {
    for (int i = 0; i < 600; ++i) pages_.push_back(make_page(std::to_string(i), 0, 40'000 + i));
    for (const DiskPage& page : pages_) CHECK(disk_.write(page) == DiskWrite::kStored);
    CHECK(disk_.flush());
    disk_.close();
    const std::span<const std::byte> bytes = disk_.device().bytes();
    image_.assign(bytes.begin(), bytes.end());
  }

  [[nodiscard]] static uint64_t small() { return GetParam(); }
  void restore_image() { std::ranges::copy(image_, disk_.device().bytes().begin()); }
  void open(uint64_t capacity) {
    disk_.device().resize(capacity);
    disk_.open();
    disk_.tier().begin_writing(disk_.worker());
  }
  [[nodiscard]] uint64_t capacity_on_disk() {
    return read_superblock(disk_.device())->superblock.capacity;
  }
  /// The pages that are there. Each must have the right bytes.
  size_t expect_no_wrong_byte() {
    size_t there = 0;
    for (const DiskPage& page : pages_) {
      if (!disk_.has(page)) continue;
      ++there;
      EXPECT_EQ(disk_.read(page), DiskRead::kOk);
    }
    EXPECT_EQ(disk_.wrong_reads(), 0u);
    return there;
  }

  DiskHarness disk_{kLarge};
  std::vector<DiskPage> pages_;
  std::vector<std::byte> image_;
};

TEST_P(Shrinking, DropsThePagesPastTheNewEndAndCutsTheDevice) {
  open(small());
  EXPECT_EQ(disk_.tier().usage().capacity, small());
  EXPECT_LE(disk_.tier().usage().used_bytes, small());
  const size_t there = expect_no_wrong_byte();
  EXPECT_GT(there, pages_.size() / 4);
  EXPECT_LT(there, pages_.size());
  disk_.settle();
  EXPECT_EQ(capacity_on_disk(), small());
  EXPECT_EQ(disk_.device().cut_to(), small());
  ASSERT_TRUE(disk_.flush());
  disk_.close();
  open(small());
  EXPECT_GT(expect_no_wrong_byte(), there * 9 / 10) << "the journal's segments took some space";
  EXPECT_EQ(disk_.write(make_page("new", 0, kMiB)), DiskWrite::kStored);
  disk_.close();
  open(kLarge);
  EXPECT_EQ(disk_.tier().usage().capacity, kLarge);
  EXPECT_GT(expect_no_wrong_byte(), there / 2) << "and it can grow again";
}

TEST_P(Shrinking, AKillAtAnyStepLeavesAStoreOfOneSizeOrTheOther) {
  size_t large = 0;
  size_t uncut = 0;
  for (uint32_t writes = 0; writes < 24; ++writes) {
    restore_image();
    (void)disk_.device().cut_now(kLarge);
    disk_.device().die_after(writes, writes + 7);
    open(small());
    disk_.settle();
    disk_.close();
    disk_.device().revive();
    const uint64_t capacity = capacity_on_disk();
    ASSERT_TRUE(capacity == small() || capacity == kLarge);
    const bool cut = disk_.device().cut_to() == small();
    ASSERT_TRUE(!cut || capacity == small()) << "cut before both superblocks were durable";
    large += capacity == kLarge ? 1 : 0;
    uncut += capacity == small() && !cut ? 1 : 0;
    if (!cut && writes % 2 == 0) {  // back to the size before
      open(kLarge);
      EXPECT_GT(expect_no_wrong_byte(), pages_.size() / 4) << writes;
      disk_.close();
    }
    open(small());
    EXPECT_GT(expect_no_wrong_byte(), pages_.size() / 4) << writes;
    disk_.settle();
    EXPECT_EQ(capacity_on_disk(), small());
    EXPECT_EQ(disk_.device().cut_to(), small()) << writes;
    disk_.close();
  }
  if (small() == kBeforeTheJournal) {
    EXPECT_GT(large, 2u) << "or the kills came too late to test anything";
  }
  EXPECT_GT(uncut, 0u);
}

TEST_P(Shrinking, HasALowerBound) {
  SeededRandom random(1);
  DiskTier tier(DiskHarness::quick(), disk_.clock());
  disk_.device().resize(2 * kMiB);
  const Result<void> attached = tier.attach(disk_.device(), DiskTier::Start::kKeep, random);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().kind(), ErrorKind::kBadRequest);
  EXPECT_NE(attached.error().message().find("--disk-wipe"), std::string::npos);
  EXPECT_EQ(capacity_on_disk(), kLarge) << "a store that is refused is not changed";
}

INSTANTIATE_TEST_SUITE_P(Disk, Shrinking, ::testing::Values(kBeforeTheJournal, kBehindTheJournal));

}  // namespace
}  // namespace cachey::store
