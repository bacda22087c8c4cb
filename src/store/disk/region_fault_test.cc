// A device of which a part is ill: only its regions are out.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kDevice = 256 * kMiB;  // 16 regions
constexpr ByteRange kQuarter{kDataOffset + 4 * kPageBytes, kDataOffset + 8 * kPageBytes};
constexpr uint64_t kLateMax = 32 * kMiB;

DiskTierConfig config() {
  DiskTierConfig config = DiskHarness::quick();
  config.read_deadline = 30ms;
  config.write_deadline = 30ms;
  config.late_bytes_max = kLateMax;
  return config;
}

DiskPage page_of(int i) { return make_page("object-" + std::to_string(i), 0, kMiB); }

enum class Illness : uint8_t { kHang, kError };

class IllPart : public ::testing::TestWithParam<Illness> {
 protected:
  void fall_ill(ByteRange part) {
    if (GetParam() == Illness::kHang) {
      disk_.device().hang_parts({{.range = part}});
    } else {
      disk_.device().fail_parts({{.range = part}});
    }
  }
  void get_well() {
    disk_.device().fail_parts({});
    disk_.device().release();
  }
  int write(int first, int end) {
    int stored = 0;
    for (int i = first; i < end; ++i) stored += disk_.write(page_of(i)) == DiskWrite::kStored;
    return stored;
  }
  int read(int first, int end) {
    int well = 0;
    for (int i = first; i < end; ++i) well += disk_.read(page_of(i)) == DiskRead::kOk;
    EXPECT_EQ(disk_.wrong_reads(), 0u);
    return well;
  }
  [[nodiscard]] uint64_t regions_out() { return disk_.tier().usage().regions_out; }
  /// Requests come, and start probes.
  void let_requests_come(std::chrono::seconds time) {
    for (std::chrono::seconds passed{0}; passed < time; passed += 1s) {
      (void)disk_.has(page_of(0));
      disk_.pass(1s);
    }
  }

  DiskHarness disk_{kDevice, config()};
};

TEST_P(IllPart, WritesGoElsewhereAfterTheFirstFailures) {
  fall_ill(kQuarter);
  EXPECT_GE(write(0, 150), 135);
  EXPECT_TRUE(disk_.tier().usage().online);
  EXPECT_EQ(disk_.tier().stats().times_offline, 0u);
  EXPECT_LE(disk_.tier().usage().late_bytes, kLateMax);
  let_requests_come(6s);  // until the checks are late
  EXPECT_EQ(regions_out(), 4u);
  const uint64_t errors = disk_.tier().stats().write_errors;
  EXPECT_EQ(write(200, 260), 60) << "pages are evicted, but none is lost to the ill part";
  EXPECT_EQ(disk_.tier().stats().write_errors, errors);
  EXPECT_EQ(read(240, 260), 20);
  get_well();
  let_requests_come(RegionHealth::kProbes.longest);
  disk_.settle();
  EXPECT_EQ(regions_out(), 0u);
  EXPECT_EQ(disk_.tier().usage().late_bytes, 0u);
  ASSERT_TRUE(disk_.flush());
  const uint64_t pages = disk_.tier().usage().pages;
  disk_.reopen();
  EXPECT_EQ(disk_.tier().usage().pages, pages);
}

TEST_P(IllPart, PagesThereAreMissesAndComeBackUnlessWrittenAnew) {
  ASSERT_EQ(write(0, 140), 140);
  ASSERT_TRUE(disk_.flush());
  fall_ill(kQuarter);
  const int well = read(0, 140);
  EXPECT_GE(well, 140 - 64 - 1);
  let_requests_come(6s);
  EXPECT_EQ(regions_out(), 4u);
  EXPECT_TRUE(disk_.tier().usage().online);
  const uint64_t lost = disk_.tier().stats().read_errors + disk_.tier().stats().read_timeouts;
  EXPECT_LE(lost, 4u * RegionHealth::kFailuresMax);
  EXPECT_EQ(read(0, 140), well) << "no further page is tried";
  EXPECT_EQ(disk_.tier().stats().read_errors + disk_.tier().stats().read_timeouts, lost);
  int missed = 139;
  while (disk_.has(page_of(missed))) --missed;
  EXPECT_EQ(disk_.write(page_of(missed)), DiskWrite::kStored) << "elsewhere";
  EXPECT_EQ(disk_.read(page_of(missed)), DiskRead::kOk);
  get_well();
  let_requests_come(RegionHealth::kProbes.longest);
  EXPECT_EQ(regions_out(), 0u);
  EXPECT_GE(read(0, 140), 140 - static_cast<int>(lost));
  EXPECT_EQ(disk_.tier().usage().late_bytes, 0u);
}

TEST_P(IllPart, HalfOfTheRegionsTakeTheDiskOfflineUntilTheyAreWell) {
  ASSERT_EQ(write(0, 60), 60);
  ASSERT_TRUE(disk_.flush());
  fall_ill({kDataOffset + 7 * kPageBytes, kDevice});
  (void)write(60, 160);
  let_requests_come(6s);
  EXPECT_EQ(regions_out(), 9u);
  EXPECT_FALSE(disk_.tier().usage().online);
  let_requests_come(60s);
  EXPECT_FALSE(disk_.tier().usage().online) << "the tier's own probe is not enough";
  get_well();
  let_requests_come(RegionHealth::kProbes.longest);
  EXPECT_EQ(regions_out(), 0u);
  EXPECT_TRUE(disk_.tier().usage().online);
  EXPECT_EQ(read(0, 60), 60);
}

TEST_P(IllPart, APartThatIsIllForWritesOnlyIsNotPutBackByReads) {
  const FaultyDevice::Part part{.range = kQuarter, .reads = false};
  if (GetParam() == Illness::kHang) {
    disk_.device().hang_parts({part});
  } else {
    disk_.device().fail_parts({part});
  }
  (void)write(0, 120);
  const uint64_t out = regions_out();
  EXPECT_GE(out, 1u);
  let_requests_come(60s);
  EXPECT_EQ(regions_out(), out);
  get_well();
  let_requests_come(RegionHealth::kProbes.longest);
  EXPECT_EQ(regions_out(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Regions, IllPart, ::testing::Values(Illness::kHang, Illness::kError));

/// Random writes, versions and reads while random parts are ill.
void live_with_ill_parts(uint32_t seed) {
  DiskHarness disk(kDataOffset + 9 * kPageBytes, config());
  std::mt19937 random(seed);
  std::vector<int> versions(100, 1);
  for (int round = 0; round < 600; ++round) {
    const int object = static_cast<int>(random() % versions.size());
    const uint64_t bytes = 1 + (object * 7919) % (2 * kMiB);
    const auto page = [&](int version) {
      return make_page("object-" + std::to_string(object), 0, bytes, version);
    };
    const uint64_t begin = kDataOffset + random() % 8 * kPageBytes;
    const FaultyDevice::Part part{.range = {begin, begin + random() % (2 * kPageBytes)},
                                  .reads = random() % 2 == 0,
                                  .writes = random() % 2 == 0};
    switch (random() % 16) {
      case 0:
        disk.device().hang_parts({part});
        break;
      case 1:
        disk.device().fail_parts({part});
        break;
      case 2:
        disk.device().fail_parts({});
        disk.device().release();
        break;
      case 3:
        disk.pass(std::chrono::seconds(random() % 20));
        break;
      case 4:
        disk.tier().observe(disk.worker(), "kind", "object-" + std::to_string(object),
                            {page(++versions[object]).info, "bucket"});
        break;
      default:
        (void)disk.read(page(versions[object]));
        (void)disk.write(page(versions[object]));
        break;
    }
    if (versions[object] > 1) ASSERT_FALSE(disk.has(page(versions[object] - 1)));
  }
  EXPECT_EQ(disk.wrong_reads(), 0u);
  disk.device().fail_parts({});
  disk.device().release();
  disk.settle();
  EXPECT_EQ(disk.tier().usage().late_bytes, 0u);
}

TEST(IllParts, NeverGiveWrongBytesOrOldVersions) {
  for (uint32_t seed = 1; seed <= 5; ++seed) live_with_ill_parts(seed);
}

TEST(IllJournal, MovesOutOfARegionThatIsOut) {
  DiskTierConfig quick = config();
  quick.journal_deadline = 50ms;
  DiskHarness disk(kDevice, quick);
  ASSERT_EQ(disk.write(page_of(0)), DiskWrite::kStored);
  ASSERT_TRUE(disk.flush());
  disk.device().fail_parts({{.range = {kDataOffset, kDataOffset + kPageBytes}}});
  for (int i = 1; i < 40; ++i) {
    (void)disk.write(page_of(i));
    disk.pass(100ms);
  }
  EXPECT_EQ(disk.tier().usage().regions_out, 1u);
  EXPECT_TRUE(disk.flush());
  EXPECT_TRUE(disk.tier().usage().online);
  EXPECT_EQ(disk.tier().usage().pending_records, 0u);
}

}  // namespace
}  // namespace cachey::store
