#include "store/disk/kept_entries.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "rt/testing/virtual_worker.h"
#include "store/testing/catalog_rig.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

/// A catalog in which objects with an odd number are kept.
class KeptEntriesTest : public ::testing::Test {
 protected:
  void use(uint64_t capacity, uint64_t limit, size_t memory_max = SIZE_MAX,
           uint32_t segment_units = ExtentAllocator::kUnitsPerChunk) {
    rig_ = std::make_unique<CatalogRig>(capacity, memory_max, segment_units);
    rig_->catalog().keep_at_most(limit);
    rig_->keep_odd_objects();
  }
  [[nodiscard]] const KeptPages& kept() const { return rig_->catalog().kept(); }
  [[nodiscard]] size_t listed(uint64_t first, uint64_t end, uint64_t step) {
    size_t count = 0;
    for (uint64_t object = first; object < end; object += step) {
      if (rig_->find(object) != nullptr) ++count;
    }
    return count;
  }

  std::unique_ptr<CatalogRig> rig_;
};

TEST_F(KeptEntriesTest, NoEvictionTakesThem) {
  use(kGiB, 256 * kMiB);
  for (uint64_t object = 0; object < 2'000; ++object) {
    ASSERT_TRUE(rig_->add(object, 0, 64 * kKiB));
    rig_->write_journal();
  }
  EXPECT_EQ(kept().pages, 1'000u);
  EXPECT_EQ(kept().bytes, 1'000 * 64 * kKiB);
  for (uint64_t object = 10'000; object < 10'400; object += 2) {  // 3 GiB of large pages
    ASSERT_TRUE(rig_->add(object, 0, static_cast<uint32_t>(kPageBytes)));
    rig_->write_journal();
  }
  EXPECT_EQ(listed(1, 2'000, 2), 1'000u);
  EXPECT_EQ(listed(0, 2'000, 2), 0u);
  // 62.5 MiB of kept pages.
  EXPECT_LE(rig_->catalog().space().kept_chunks(), 5u);
}

TEST_F(KeptEntriesTest, PastTheLimitAnEntryIsAsAnyOther) {
  use(kGiB, 64 * kMiB);
  for (uint64_t object = 1; object < 400; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, kMiB));
    rig_->write_journal();
  }
  EXPECT_EQ(kept().pages, 64u);
  EXPECT_EQ(kept().over_limit_pages, 200u - 64);
  EXPECT_EQ(kept().over_limit_total, 200u - 64);
  for (uint64_t object = 10'000; object < 10'400; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, static_cast<uint32_t>(kPageBytes)));
    rig_->write_journal();
  }
  EXPECT_EQ(listed(1, 400, 2), 64u);
  EXPECT_EQ(kept().over_limit_pages, 0u);
  rig_->catalog().remove(*rig_->find(1));
  EXPECT_EQ(kept().pages, 63u);
  ASSERT_TRUE(rig_->add(401, 0, kMiB));
  EXPECT_EQ(kept().pages, 64u);
}

TEST_F(KeptEntriesTest, NewRulesConcernEntriesThatAreThere) {
  use(kGiB, 256 * kMiB);
  for (uint64_t object = 0; object < 8; object += 2) ASSERT_TRUE(rig_->add(object, 0, kMiB));
  ASSERT_TRUE(rig_->add(1, 0, kMiB));
  Catalog& catalog = rig_->catalog();
  for (uint64_t object = 0; object < 8; object += 2) catalog.set_keep(*rig_->find(object), true);
  catalog.set_keep(*rig_->find(1), false);
  EXPECT_EQ(kept().pages, 4u);
  catalog.keep_at_most(2 * kMiB);
  for (uint64_t object = 0; object < 8; object += 2) catalog.set_keep(*rig_->find(object), true);
  EXPECT_EQ(kept().pages, 2u);
  EXPECT_EQ(kept().over_limit_pages, 2u);
  for (uint64_t object = 0; object < 8; object += 2) catalog.set_keep(*rig_->find(object), false);
  EXPECT_EQ(kept().pages, 0u);
  EXPECT_EQ(kept().bytes, 0u);
  EXPECT_EQ(kept().over_limit_pages, 0u);
  EXPECT_EQ(catalog.space().kept_chunks(), 0u);
}

TEST_F(KeptEntriesTest, OthersAlwaysHaveRoom) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    use((4 + random() % 12) * kPageBytes, UINT64_MAX);
    for (int i = 0; i < 1'500; ++i) {
      const uint64_t object = random() % 400;
      const uint32_t bytes = 1 + random() % (1U << (12 + random() % 13));
      ASSERT_TRUE(rig_->add(object, 0, std::min<uint32_t>(bytes, kPageBytes))) << i;
      if (random() % 8 == 0) rig_->catalog().keep_at_most(random() % 16 * kPageBytes);
      if (DiskEntry* any = rig_->find(random() % 400); any != nullptr && random() % 8 == 0) {
        if (random() % 2 == 0) {
          rig_->catalog().remove(*any);
        } else {
          rig_->catalog().set_keep(*any, random() % 2 == 0);
        }
      }
      rig_->write_journal(1);
      ASSERT_LE(rig_->catalog().space().kept_chunks(), rig_->catalog().space().chunks() * 3 / 4);
    }
    for (uint64_t object = 0; object < 400; ++object) {
      if (DiskEntry* entry = rig_->find(object)) rig_->catalog().remove(*entry);
    }
    EXPECT_EQ(kept().pages, 0u);
    EXPECT_EQ(kept().over_limit_pages, 0u);
    EXPECT_EQ(rig_->catalog().space().kept_chunks(), 0u);
  }
}

TEST_F(KeptEntriesTest, LongNamesOfOneLeaveMemoryToOthers) {
  use(kGiB, UINT64_MAX, 4 * kMiB);
  const ObjectInfo info{'"' + std::string(1'400, 't') + '"', 1, 1};
  for (uint64_t object = 1; object < 20'000; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, kUnitBytes, info)) << object;
    rig_->write_journal();
  }
  EXPECT_GT(kept().pages, 100u);
  for (uint64_t object = 20'000; object < 24'000; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, kUnitBytes, info)) << object;
    rig_->write_journal();
  }
  EXPECT_GT(listed(23'500, 24'000, 2), 200u);
}

TEST_F(KeptEntriesTest, LongRecordsLeaveTheJournalToOthers) {
  use(kGiB, UINT64_MAX, SIZE_MAX, units_for(16 * kKiB));
  rig_->name_by(1'700);
  const size_t segments = kSegmentsMax;
  for (uint64_t object = 1; object < 100'000; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, kUnitBytes)) << object;
    rig_->write_journal(segments);
  }
  EXPECT_GT(kept().pages, 100u);
  for (uint64_t object = 100'000; object < 102'000; object += 2) {
    ASSERT_TRUE(rig_->add(object, 0, kUnitBytes)) << object;
    rig_->write_journal(segments);
  }
  EXPECT_GT(listed(101'800, 102'000, 2), 90u);
}

/// A tier that keeps the objects with names that begin with "keep".
class KeptOnATier : public ::testing::Test {
 protected:
  static constexpr uint64_t kDeviceBytes = 256 * kMiB;

  static bool keeps(std::string_view /*kind*/, std::string_view object) {
    return object.starts_with("keep");
  }
  [[nodiscard]] DiskTierConfig with_pins() const {
    DiskTierConfig config = DiskHarness::quick();
    config.pins = &rules_;
    return config;
  }
  void flood() {
    for (int i = 0; i < 500; ++i, ++others_) {
      const uint64_t bytes = others_ % 10 == 0 ? kPageBytes : kMiB;
      (void)disk_.write(make_page("other" + std::to_string(others_), 0, bytes));
    }
  }
  [[nodiscard]] int kept_left() {
    int left = 0;
    for (int i = 0; i < kKept; ++i) {
      if (disk_.has(page(i))) ++left;
    }
    return left;
  }
  [[nodiscard]] static DiskPage page(int number) {
    return make_page("keep" + std::to_string(number), 0, 256 * kKiB);
  }
  void apply() {
    const auto run = [](DiskTier& tier, rt::Worker& worker) -> rt::Task<bool> {
      std::function<bool()> never = [] { return false; };
      co_await tier.apply_pins(worker, std::move(never));
      co_return true;
    };
    ASSERT_TRUE(disk_.run(run(disk_.tier(), disk_.worker())));
  }

  static constexpr int kKept = 40;
  PinRules rules_{keeps};
  DiskHarness disk_{kDeviceBytes, with_pins()};
  int others_ = 0;
};

TEST_F(KeptOnATier, TheyStayOverRestarts) {
  for (int i = 0; i < kKept; ++i) ASSERT_EQ(disk_.write(page(i)), DiskWrite::kStored);
  flood();
  EXPECT_EQ(kept_left(), kKept);
  EXPECT_EQ(disk_.tier().usage().kept.bytes, kKept * 256 * kKiB);
  disk_.reopen();
  EXPECT_EQ(disk_.tier().usage().kept.pages, uint64_t{kKept});
  flood();
  EXPECT_EQ(kept_left(), kKept);
}

TEST_F(KeptOnATier, NewRulesConcernWhatIsThere) {
  rules_.replace(nullptr, PinLimit{});
  for (int i = 0; i < kKept; ++i) ASSERT_EQ(disk_.write(page(i)), DiskWrite::kStored);
  EXPECT_EQ(disk_.tier().usage().kept.pages, 0u);
  rules_.replace(keeps, PinLimit{0, 50});
  apply();
  EXPECT_EQ(disk_.tier().usage().kept.pages, uint64_t{kKept});
  flood();
  EXPECT_EQ(kept_left(), kKept);
  rules_.replace(keeps, PinLimit{kMiB, 0});
  apply();
  EXPECT_LE(disk_.tier().usage().kept.bytes, kMiB);
  EXPECT_GT(disk_.tier().usage().kept.over_limit_pages, 0u);
  rules_.replace(nullptr, PinLimit{});
  apply();
  EXPECT_EQ(disk_.tier().usage().kept.pages, 0u);
  disk_.reopen();  // uses, which kept_left() makes, are forgotten
  flood();
  EXPECT_EQ(kept_left(), 0);
}

}  // namespace
}  // namespace cachey::store
