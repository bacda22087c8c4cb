// A faulty disk never fails a request, and its faults are counted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <functional>
#include <random>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using store::DiskDrop;

store::DiskTierConfig impatient_disk() {
  store::DiskTierConfig config;
  config.journal_delay = 1ms;
  config.journal_retry = 20ms;
  config.read_deadline = 100ms;
  config.write_deadline = 100ms;
  config.writes.bytes = kPageBytes;
  config.writes.bytes_at_once = kPageBytes;
  config.late_bytes_max = kPageBytes;
  return config;
}

class DiskFaults : public ReaderHarness {
 protected:
  explicit DiskFaults(uint64_t memory = 256 * kMiB)
      : ReaderHarness(memory, FillConfig{}, impatient_disk()) {}

  void put_on_disk(const std::string& object, uint64_t size) {
    origin_.put("b", object, {.size = size});
    expect_whole(read(spec(object), {0, size}).get(), {0, size});
    settle();
    ASSERT_EQ(disk_->stats().insertions, 1u);
    forget_memory();
  }

  [[nodiscard]] uint64_t drops(DiskDrop cause) const {
    return disk_->stats().drops[static_cast<size_t>(cause)];
  }
};

TEST_F(DiskFaults, AReadThatFailsIsAMissAndThePageIsWrittenAnew) {
  put_on_disk("o", kMiB);
  device_.fail_reads(EIO, 1);
  expect_whole(read(spec("o"), {0, kMiB}).get(), {0, kMiB});
  settle();
  EXPECT_EQ(origin_.asked().size(), 2u);
  EXPECT_EQ(disk_->stats().read_errors, 1u);
  EXPECT_EQ(disk_->stats().insertions, 2u);
}

TEST_F(DiskFaults, AFailureHalfwayThroughAnAnswerIsNotSeenByTheClient) {
  put_on_disk("o", kPageBytes);
  const ByteRange begin{0, 100};
  expect_whole(read(spec("o"), begin).get(), begin);  // loads one block of the page
  settle();
  device_.fail_reads(EIO, 1);
  expect_whole(read(spec("o"), {0, kPageBytes}).get(), {0, kPageBytes});
  EXPECT_EQ(origin_.asked().size(), 2u);
}

TEST_F(DiskFaults, OtherBytesThanWereWrittenAreNeverServed) {
  put_on_disk("o", kMiB);
  for (size_t at = store::kDataOffset; at < device_.size(); at += 4096) device_.flip_bit(8 * at);
  expect_whole(read(spec("o"), {0, kMiB}).get(), {0, kMiB});
  settle();
  EXPECT_EQ(origin_.asked().size(), 2u);
  EXPECT_EQ(disk_->stats().corrupt_reads, 1u);
  EXPECT_EQ(disk_->stats().corrupt_blocks, kMiB / store::kDiskBlockBytes);
  EXPECT_EQ(disk_->stats().insertions, 2u);
}

TEST_F(DiskFaults, AReadThatHangsIsAMiss) {
  put_on_disk("o", kMiB);
  device_.hang();
  const Got got = read(spec("o"), {0, kMiB}).get();
  expect_whole(got, {0, kMiB});
  EXPECT_EQ(disk_->stats().read_timeouts, 1u);
  EXPECT_EQ(origin_.asked().size(), 2u);
}

TEST_F(DiskFaults, AFullDiskDropsPagesAndServesThem) {
  device_.fail_writes(ENOSPC, 1);
  origin_.put("b", "o", {.size = kMiB});
  expect_whole(read(spec("o"), {0, kMiB}).get(), {0, kMiB});
  settle();
  EXPECT_EQ(drops(DiskDrop::kReadOnly), 1u);
  EXPECT_EQ(disk_->usage().pages, 0u);
  expect_whole(read(spec("o"), {0, kMiB}).get(), {0, kMiB});
  EXPECT_EQ(origin_.asked().size(), 1u) << "it is in memory";
}

TEST_F(DiskFaults, TheEndWritesWhatIsOnlyInMemory) {
  device_.fail_writes(EIO, 3);
  for (int i = 0; i < 3; ++i) {
    origin_.put("b", std::to_string(i), {.size = kMiB});
    expect_whole(read(spec(std::to_string(i)), {0, kMiB}).get(), {0, kMiB});
    settle();
  }
  ASSERT_EQ(disk_->usage().pages, 0u);
  EXPECT_TRUE(flush(60s).get());
  EXPECT_EQ(disk_->usage().pages, 3u);
}

class DiskIsOpening : public ReaderHarness {
 protected:
  DiskIsOpening()
      : ReaderHarness(4 * kPageBytes, FillConfig{}, store::DiskTierConfig{}, Index::kNotYet) {}
};

TEST_F(DiskIsOpening, PagesNeitherWaitForTheIndexNorAreLost) {
  for (int i = 0; i < 10; ++i) {
    const std::string object = std::to_string(i);
    origin_.put("b", object, {.size = kPageBytes});
    expect_whole(read(spec(object), {0, kPageBytes}).get(), {0, kPageBytes});
  }
  EXPECT_FALSE(flush(50ms).get()) << "nothing is on the disk";
  std::future<bool> kept = flush(60s);
  disk_->recover();
  EXPECT_TRUE(kept.get());
  EXPECT_EQ(disk_->usage().pages, cache_.table().whole_pages().size());
  EXPECT_GT(disk_->usage().pages, 0u);
}

TEST_F(DiskFaults, TheEndLeavesTheWorkerToOthersWhereTheDiskHasAllPages) {
  constexpr int kPages = 640;
  for (int i = 0; i < kPages; ++i) {
    origin_.put("b", std::to_string(i), {.size = 100});
    expect_whole(read(spec(std::to_string(i)), {0, 100}).get(), {0, 100});
  }
  settle();
  // Counts how often another handler ran on the worker between the flush's begin and end.
  bool flushed = false;
  int turns = 0;
  std::function<void()> other = [&] {
    ++turns;
    if (!flushed) rt::asio::post(workers_[0].io(), std::ref(other));
  };
  std::promise<int> during;
  auto flush_beside_it = [&]() -> rt::Task<void> {
    other();
    const int before = turns;
    (void)co_await cache_.disk_writes().flush(workers_[0], clock_.mono() + 60s);
    flushed = true;
    during.set_value(turns - before);
  };
  rt::asio::post(workers_[0].io(), [&] { workers_[0].tasks().spawn(flush_beside_it()); });
  EXPECT_GE(during.get_future().get(), kPages / 64);
  settle();
}

class SlowDisk : public DiskFaults {
 protected:
  SlowDisk() : DiskFaults(6 * kPageBytes) {}
};

TEST_F(SlowDisk, RequestsDoNotWaitForWritesThatHang) {
  device_.hang();
  for (int i = 0; i < 20; ++i) {
    const std::string object = std::to_string(i);
    origin_.put("b", object, {.size = kPageBytes});
    expect_whole(read(spec(object), {0, kPageBytes}).get(), {0, kPageBytes});
  }
  device_.release();
  settle();
  EXPECT_GT(drops(DiskDrop::kQueueFull) + drops(DiskDrop::kEvicted) + drops(DiskDrop::kWriteError) +
                drops(DiskDrop::kOffline) + drops(DiskDrop::kStuck),
            10u);
}

TEST_F(SlowDisk, ADiskThatFailsAndComesBackNeverFailsARequest) {
  std::minstd_rand random(3);
  for (int i = 0; i < 8; ++i) origin_.put("b", std::to_string(i), {.size = kPageBytes});
  for (int round = 0; round < 25; ++round) {
    if (round % 3 == 0) device_.fail_reads(EIO, static_cast<int>(random() % 4));
    if (round % 4 == 0) device_.fail_writes(EIO, static_cast<int>(random() % 3));
    std::vector<std::pair<std::future<Got>, ByteRange>> clients;
    for (int i = 0; i < 4; ++i) {
      const uint64_t begin = random() % kPageBytes;
      const ByteRange range{begin, std::min(begin + 1 + random() % (4 * kMiB), kPageBytes)};
      clients.emplace_back(read(spec(std::to_string(random() % 8)), range), range);
    }
    for (auto& [client, range] : clients) expect_whole(client.get(), range);
  }
}

}  // namespace
}  // namespace cachey::cache
