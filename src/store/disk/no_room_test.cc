// A file system that is full, over its quota or read-only: the tier is read, but not written.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr int kForever = 1'000'000;

uint64_t drops(DiskHarness& disk, DiskDrop cause) {
  return disk.tier().stats().drops[static_cast<size_t>(cause)];
}

class NoRoom : public ::testing::TestWithParam<int> {
 protected:
  NoRoom() {
    for (int i = 0; i < 20; ++i) pages_.push_back(make_page(std::to_string(i), 0, 70'000));
    for (const DiskPage& page : pages_) CHECK(disk_.write(page) == DiskWrite::kStored);
    CHECK(disk_.flush());
  }

  void expect_hits() {
    for (const DiskPage& page : pages_) EXPECT_EQ(disk_.read(page), DiskRead::kOk);
    EXPECT_TRUE(disk_.tier().usage().online);
    EXPECT_EQ(disk_.tier().stats().times_offline, 0u);
  }
  /// Requests come, until a probe has succeeded.
  void wait_until_written() {
    disk_.run_until([this] {
      (void)disk_.has(pages_.back());
      return !disk_.tier().usage().read_only;
    });
  }

  DiskHarness disk_{64 * kMiB};
  std::vector<DiskPage> pages_;
};

TEST_P(NoRoom, StopsTheWritesAndNotTheReadsUntilAProbeSucceeds) {
  disk_.device().fail_writes(GetParam(), kForever);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(disk_.write(make_page("new" + std::to_string(i), 0, 70'000)), DiskWrite::kDropped);
  }
  EXPECT_TRUE(disk_.tier().usage().read_only);
  EXPECT_EQ(drops(disk_, DiskDrop::kReadOnly), 30u);
  EXPECT_EQ(disk_.tier().stats().write_errors, 1u) << "one write was tried";
  expect_hits();
  for (int i = 0; i < 100; ++i) {
    disk_.pass(std::chrono::seconds(1));
    expect_hits();
  }
  EXPECT_TRUE(disk_.tier().usage().read_only) << "the probes have failed";
  disk_.device().fail_writes(0, 0);
  wait_until_written();
  const DiskPage later = make_page("later", 0, 70'000);
  EXPECT_EQ(disk_.write(later), DiskWrite::kStored);
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  expect_hits();
  EXPECT_TRUE(disk_.has(later));
}

TEST_P(NoRoom, OfTheJournalTakesNothingOfflineAndItsRecordsAreWrittenLater) {
  const ObjectInfo newer = make_page("0", 0, 1, 2).info;
  disk_.device().fail_writes(GetParam(), kForever);
  disk_.tier().observe(disk_.worker(), "kind", "0", {newer, "bucket"});
  disk_.pass(std::chrono::minutes(1));
  EXPECT_TRUE(disk_.tier().usage().read_only);
  pages_.erase(pages_.begin());  // the one of the old version
  expect_hits();
  EXPECT_GT(disk_.tier().usage().pending_records, 0u);
  const MonoTime began = disk_.clock().mono();
  EXPECT_FALSE(disk_.flush());
  EXPECT_LT(disk_.clock().mono() - began, std::chrono::seconds(1))
      << "there is nothing to wait for";

  disk_.device().fail_writes(0, 0);
  wait_until_written();
  ASSERT_TRUE(disk_.flush());
  disk_.reopen();
  expect_hits();
  EXPECT_FALSE(disk_.has(make_page("0", 0, 70'000)));
}

TEST_P(NoRoom, IsNoReasonToStayOffline) {
  disk_.device().fail_reads(EIO, DiskHealth::kFailuresMax);
  for (int i = 0; i < DiskHealth::kFailuresMax; ++i)
    EXPECT_NE(disk_.read(pages_[i]), DiskRead::kOk);
  ASSERT_FALSE(disk_.tier().usage().online);
  disk_.device().fail_writes(GetParam(), kForever);
  disk_.run_until([this] {
    (void)disk_.has(pages_.back());
    return disk_.tier().usage().online;
  });
  EXPECT_TRUE(disk_.tier().usage().read_only);
  EXPECT_EQ(disk_.read(pages_.back()), DiskRead::kOk);
}

INSTANTIATE_TEST_SUITE_P(Disk, NoRoom, ::testing::Values(ENOSPC, EDQUOT, EROFS));

}  // namespace
}  // namespace cachey::store
