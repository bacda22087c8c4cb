#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "store/disk/disk_tier.h"
#include "store/disk/format.h"
#include "store/disk/opening_notes.h"
#include "store/disk/superblock.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr auto kKeep = DiskTier::Start::kKeep;

/// A store on a device in memory that has one page, and a tier that is not attached to it yet.
class Attach : public ::testing::Test {
 protected:
  Attach() : disk_(64 * kMiB) {
    disk_.write(page_);
    CHECK(disk_.flush());
    disk_.close();
  }

  [[nodiscard]] bool has(const DiskPage& page) {
    return tier_.find(disk_.worker(), page.kind, page.object, page.at).has_value();
  }
  [[nodiscard]] std::vector<std::byte> content() {
    const std::span<const std::byte> bytes = disk_.device().bytes();
    return {bytes.begin(), bytes.end()};
  }
  /// What attach() answers for the store as it is. It must not have written.
  [[nodiscard]] Error refused() {
    const std::vector<std::byte> before = content();
    Result<void> attached = tier_.attach(disk_.device(), kKeep, random_);
    CHECK(!attached);
    EXPECT_TRUE(before == content()) << "a store that is refused is not written to";
    return attached.error();
  }
  void damage(uint64_t offset) { disk_.device().flip_bit((offset + 30) * 8); }

  const DiskPage page_ = make_page("object", 0, 10'000);
  FixedRandom random_{0.5};
  DiskHarness disk_;
  DiskTier tier_{DiskHarness::quick(), disk_.clock()};
};

TEST_F(Attach, BeforeItNothingIsFoundNothingIsWrittenAndNothingIsCharged) {
  EXPECT_FALSE(has(page_));
  EXPECT_EQ(disk_.run(write_page(tier_, disk_.worker(), page_)), DiskWrite::kDropped);
  EXPECT_EQ(tier_.stats().drops[static_cast<size_t>(DiskDrop::kOpening)], 1u);
  tier_.touch(page_.kind, page_.object, PageAt());
  tier_.remove(disk_.worker(), page_.kind, page_.object);
  const DiskUsage usage = tier_.usage();
  EXPECT_EQ(usage.capacity + usage.pages + usage.memory_bytes, 0u);
  EXPECT_FALSE(usage.online);
}

TEST_F(Attach, VersionsThatWereSeenBeforeItAreHeeded) {
  tier_.observe(disk_.worker(), page_.kind, page_.object,
                {make_page("object", 0, 1, 2).info, "bucket"});
  ASSERT_TRUE(tier_.attach(disk_.device(), kKeep, random_));
  tier_.recover();
  EXPECT_FALSE(has(page_));
}

TEST_F(Attach, VersionsThatWereSeenBeforeItAreHeededByTheNextLifeToo) {
  tier_.observe(disk_.worker(), page_.kind, page_.object,
                {make_page("object", 0, 1, 2).info, "bucket"});
  ASSERT_TRUE(tier_.attach(disk_.device(), kKeep, random_));
  tier_.recover();
  tier_.begin_writing(disk_.worker());
  disk_.settle();
  disk_.open();  // as after the death of the process
  EXPECT_FALSE(disk_.has(page_));
}

TEST_F(Attach, VersionsThatWereSeenBeforeItAreChargedAndBounded) {
  int64_t charged = 0;
  DiskTierConfig config = DiskHarness::quick();
  config.charge = [&charged](int64_t bytes) { charged += bytes; };
  DiskTier tier(config, disk_.clock());
  ObjectInfo changed = make_page("object", 0, 1, 2).info;
  changed.etag = std::string(1'000, 'x');
  for (int i = 0; i < 20'000; ++i) {  // 20 MB
    tier.observe(disk_.worker(), "kind", std::to_string(i), {changed, "bucket"});
  }
  EXPECT_GE(charged, 16'000'000);
  EXPECT_LE(charged, static_cast<int64_t>(OpeningNotes::kBytesMax + 256 * kKiB));
  tier.observe(disk_.worker(), page_.kind, page_.object, {changed, "bucket"});  // past the bound
  ASSERT_TRUE(tier.attach(disk_.device(), kKeep, random_));
  tier.recover();
  EXPECT_FALSE(tier.find(disk_.worker(), page_.kind, page_.object, PageAt()));
  EXPECT_EQ(charged, static_cast<int64_t>(tier.usage().memory_bytes));
}

TEST_F(Attach, NewsOfSeveralBucketsBeforeItAllCount) {
  const ObjectInfo known = page_.info;
  ObjectInfo newer = known;
  newer.etag = "\"newer\"";
  for (const bool has_news_of_its_bucket : {false, true}) {
    DiskTier tier(DiskHarness::quick(), disk_.clock());
    if (has_news_of_its_bucket) {
      tier.observe(disk_.worker(), page_.kind, page_.object, {newer, page_.bucket});
    }
    tier.observe(disk_.worker(), page_.kind, page_.object, {newer, "other"});
    ASSERT_TRUE(tier.attach(disk_.device(), kKeep, random_));
    tier.recover();
    const bool there = tier.find(disk_.worker(), page_.kind, page_.object, PageAt()).has_value();
    EXPECT_EQ(there, !has_news_of_its_bucket);
  }
}

TEST_F(Attach, ADeviceThatFailsIsTriedAgain) {
  disk_.device().fail_reads(EIO, 2);  // both superblocks
  EXPECT_EQ(refused().kind(), ErrorKind::kInternal);
  ASSERT_TRUE(tier_.attach(disk_.device(), kKeep, random_));
  EXPECT_EQ(tier_.usage().capacity, 64 * kMiB);
  tier_.recover();
  EXPECT_TRUE(has(page_));
}

TEST_F(Attach, ASuperblockThatCannotBeReadIsNotTakenForABlankDevice) {
  std::ranges::fill(disk_.device().bytes().subspan(kSuperblockCopyOffset, kSuperblockBytesMax),
                    std::byte{0});
  disk_.device().fail_reads(EIO, 1);
  EXPECT_EQ(refused().kind(), ErrorKind::kInternal);
  ASSERT_TRUE(tier_.attach(disk_.device(), kKeep, random_));
  tier_.recover();
  EXPECT_TRUE(has(page_));
}

TEST_F(Attach, ADamagedStoreIsToldFromAForeignOne) {
  damage(0);
  damage(kSuperblockCopyOffset);
  EXPECT_EQ(refused().kind(), ErrorKind::kDamaged);
  for (const uint32_t copy : {0u, 1u}) {
    std::ranges::fill(disk_.device().bytes().subspan(superblock_offset(copy), 4096),
                      std::byte{0xeb});
  }
  EXPECT_EQ(refused().kind(), ErrorKind::kBadRequest);
}

TEST_F(Attach, TheSecondSuperblockOpensAStoreWhateverTheFirstIsAndHealsIt) {
  const std::vector<std::byte> before = content();
  for (const std::byte fill : {std::byte{0}, std::byte{0xeb}, std::byte{0x43}}) {
    for (const size_t from : {0, 8, 40}) {
      std::ranges::copy(before, disk_.device().bytes().begin());
      std::ranges::fill(disk_.device().bytes().subspan(from, 8192 - from), fill);
      DiskTier tier(DiskHarness::quick(), disk_.clock());
      ASSERT_TRUE(tier.attach(disk_.device(), kKeep, random_));
      tier.recover();
      EXPECT_TRUE(tier.find(disk_.worker(), page_.kind, page_.object, page_.at));
      const auto first = parse_superblock(disk_.device().bytes().first(kSuperblockBytesMax));
      EXPECT_EQ(first.state, SuperblockState::kValid) << "written anew";
      const Result<ParsedSuperblock> read = read_superblock(disk_.device());
      EXPECT_FALSE(read->alone);
    }
  }
}

TEST_F(Attach, ASuperblockThatCannotBeHealedIsNoReasonNotToOpenTheStore) {
  damage(kSuperblockCopyOffset);
  disk_.device().fail_writes(EROFS, 1);
  ASSERT_TRUE(tier_.attach(disk_.device(), kKeep, random_));
  tier_.recover();
  EXPECT_TRUE(has(page_));
}

TEST_F(Attach, AnotherVersionOfTheFormatIsRefusedUntilItIsWiped) {
  for (const uint32_t copy : {0u, 1u}) {
    disk_.device().bytes()[superblock_offset(copy) + 8] = std::byte{kDiskFormatVersion + 1};
  }
  EXPECT_EQ(refused().kind(), ErrorKind::kDamaged);
  ASSERT_TRUE(tier_.attach(disk_.device(), DiskTier::Start::kWipe, random_));
  tier_.recover();
  EXPECT_FALSE(has(page_));
}

}  // namespace
}  // namespace cachey::store
