// What is read once, from the store or from the disk, leaves the memory's favourites alone.

#include <gtest/gtest.h>

#include <string>

#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

class DiskScan : public WarmHarness {
 protected:
  static constexpr uint64_t kBytes = 64 * kKiB;
  static constexpr int kScanned = 1500;  // of 94 MiB
  static constexpr int kFavourites = 200;

  DiskScan() : WarmHarness(32 * kMiB, Disk::kYes) { page_size_ = kSmall; }

  void put_all(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) put(prefix + std::to_string(i), kBytes);
  }
  void read_all_of(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(read(prefix + std::to_string(i), {0, kBytes}));
      if (i % 50 == 0) settle();
    }
    settle();
  }
  /// Favourites in memory, after a scan.
  int left_after_scan() {
    put_all("favourite", kFavourites);
    for (int pass = 0; pass < 4; ++pass) read_all_of("favourite", kFavourites);
    read_all_of("scanned", kScanned);
    int left = 0;
    for (int i = 0; i < kFavourites; ++i) {
      const PagePtr kept = page("favourite" + std::to_string(i));
      left += kept != nullptr && kept->phase() == Page::Phase::kWhole ? 1 : 0;
    }
    return left;
  }
};

TEST_F(DiskScan, FromTheStore) {
  put_all("scanned", kScanned);
  EXPECT_EQ(left_after_scan(), kFavourites);
}

TEST_F(DiskScan, FromTheDisk) {
  put_all("scanned", kScanned);
  read_all_of("scanned", kScanned);
  forget_memory();
  const size_t before = gets();
  EXPECT_EQ(left_after_scan(), kFavourites);
  EXPECT_LT(gets() - before, size_t{kFavourites + kScanned / 10}) << "the disk should have them";
}

}  // namespace
}  // namespace cachey::cache
