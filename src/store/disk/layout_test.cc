// The share of the device that holds payload, for many sizes and after much churn.
// CACHEY_DISK_CHURN=50 writes the capacity more often.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr uint64_t kCapacity = 256 * kMiB;

int churn() {
  const char* asked = std::getenv("CACHEY_DISK_CHURN");
  return asked == nullptr ? 10 : std::atoi(asked);
}

/// Writes pages; their content does not matter.
class Layout {
 public:
  void write(uint64_t bytes) {
    const DiskPage page = make_page("object-" + std::to_string(next_++), 0, bytes);
    auto writing = write_page(disk_.tier(), disk_.worker(), page, content_);
    EXPECT_EQ(disk_.run(std::move(writing)), DiskWrite::kStored);
    written_ += bytes;
  }

  [[nodiscard]] uint64_t written() const { return written_; }
  [[nodiscard]] double payload_share() {
    const DiskUsage usage = disk_.tier().usage();
    EXPECT_LE(usage.used_bytes, usage.capacity);
    return static_cast<double>(usage.payload_bytes) / static_cast<double>(usage.capacity);
  }
  [[nodiscard]] DiskHarness& disk() { return disk_; }

 private:
  DiskHarness disk_{kCapacity};
  const std::shared_ptr<AlignedBuffer> content_ = std::make_shared<AlignedBuffer>(kPageBytes);
  uint64_t next_ = 0;
  uint64_t written_ = 0;
};

/// 4 KiB to 16 MiB; each power of two is equally likely, one page in eight is full.
uint64_t mixed_size(std::mt19937& random) {
  if (random() % 8 == 0) return kPageBytes;
  const double power = 12.0 + 12.0 * (static_cast<double>(random()) / 4294967296.0);
  return static_cast<uint64_t>(std::exp2(power));
}

TEST(DiskLayout, AMixedSetLeavesLittleUnused) {
  Layout layout;
  std::mt19937 random(1);
  while (layout.written() < 2 * kCapacity) layout.write(mixed_size(random));
  EXPECT_GE(layout.payload_share(), 0.90);
  RecordProperty("payload_share", std::to_string(layout.payload_share()));
}

TEST(DiskLayout, SmallPagesAloneLeaveLittleUnused) {
  Layout layout;
  while (layout.written() < kCapacity * 5 / 4) layout.write(16 * kKiB);
  EXPECT_GE(layout.payload_share(), 0.90);
}

TEST(DiskLayout, FullPagesAloneLeaveOnlyWhatIsNoWholePage) {
  Layout layout;
  while (layout.written() < 2 * kCapacity) layout.write(kPageBytes);
  EXPECT_EQ(layout.disk().tier().usage().pages, kCapacity / kPageBytes - 1);
}

TEST(DiskLayout, DoesNotFragmentWithTime) {
  Layout layout;
  std::mt19937 random(2);
  std::vector<double> shares;
  for (int turn = 1; turn <= churn(); ++turn) {
    // Phases: mixed, mostly small, full pages, mixed again.
    while (layout.written() < static_cast<uint64_t>(turn) * kCapacity) {
      const bool small = turn % 4 == 2 && random() % 10 != 0;
      layout.write(small           ? 4096 + random() % 60'000
                   : turn % 4 == 3 ? kPageBytes
                                   : mixed_size(random));
    }
    if (turn >= 2) shares.push_back(layout.payload_share());
  }
  for (const double share : shares) EXPECT_GE(share, 0.88);
  std::mt19937 same(1);
  const uint64_t end = layout.written() + 2 * kCapacity;
  while (layout.written() < end) layout.write(mixed_size(same));
  EXPECT_GE(layout.payload_share(), 0.90) << "as on a new device";
}

}  // namespace
}  // namespace cachey::store
