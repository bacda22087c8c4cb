// How the memory tier's limit is shared by pages, pieces and fills that begin.

#include <gtest/gtest.h>

#include <memory>

#include "rt/testing/virtual_worker.h"
#include "store/memory_tier.h"
#include "store/s3_fifo.h"

namespace cachey::store {
namespace {

class MemoryLimits : public ::testing::Test {
 protected:
  MemoryTier& tier(uint64_t limit, uint64_t downloads_max = 0) {
    MemoryTierConfig config;
    config.limit_bytes = limit;
    config.downloads_max_bytes = downloads_max;
    tier_ = std::make_unique<MemoryTier>(config, std::make_unique<S3Fifo>(), world_.clock());
    return *tier_;
  }

 private:
  rt::VirtualWorker world_;
  std::unique_ptr<MemoryTier> tier_;
};

TEST_F(MemoryLimits, PagesLeaveAnEighthToPiecesAndASixteenthToFillsThatBegin) {
  MemoryTier& memory = tier(16 * kPageBytes);
  EXPECT_EQ(memory.bodies().limit_bytes(), 13 * kPageBytes);
  EXPECT_EQ(memory.pieces().limit_bytes(), 2 * kPageBytes);
  EXPECT_EQ(memory.starts().limit_bytes(), kPageBytes);
  const auto start = memory.starts().try_admit("bucket", MemoryTier::kStartBytes);
  const auto body = memory.bodies().try_admit("bucket", kPageBytes);
  const auto piece = memory.pieces().try_admit("bucket", kMiB);
  ASSERT_TRUE(start && body && piece);
  EXPECT_EQ(memory.admitted_bytes(), MemoryTier::kStartBytes + kPageBytes + kMiB);
  memory.charge(static_cast<int64_t>(8 * kPageBytes));
  EXPECT_EQ(memory.bodies().limit_bytes(), 13 * kPageBytes / 2);
  memory.charge(static_cast<int64_t>(8 * kPageBytes));
  EXPECT_EQ(memory.bodies().limit_bytes(), kPageBytes) << "room for one page is always left";
  EXPECT_EQ(memory.pieces().limit_bytes(), Arena::kSlabBytes) << "and for one piece";
  EXPECT_EQ(memory.starts().limit_bytes(), 64 * MemoryTier::kStartBytes);
}

TEST_F(MemoryLimits, DownloadsHaveALimitOfTheirOwnThatTheTiersLimitCuts) {
  {
    MemoryTier& memory = tier(16 * kPageBytes, 2 * kPageBytes);
    EXPECT_EQ(memory.bodies().limit_bytes(), 2 * kPageBytes);
    const auto first = memory.bodies().try_admit("a", kPageBytes);
    const auto second = memory.bodies().try_admit("b", kPageBytes);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(memory.bodies().try_admit("c", 1));
    EXPECT_EQ(memory.pieces().limit_bytes(), 2 * kPageBytes) << "pieces from disk are no downloads";
  }
  EXPECT_EQ(tier(16 * kPageBytes, 64 * kPageBytes).bodies().limit_bytes(), 13 * kPageBytes);
  EXPECT_TRUE(tier(16 * kPageBytes, kPageBytes).bodies().try_admit("a", kPageBytes));
}

}  // namespace
}  // namespace cachey::store
