#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstring>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "store/disk/superblock.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

/// Several workers write, read, change and hold the same objects at a time, on a device that is
/// mostly full.
class Crowd {
 public:
  static constexpr unsigned kWorkers = 3;
  static constexpr int kSteps = 300;

  explicit Crowd(DiskTier& tier) : tier_(tier) {}

  rt::Task<void> run(rt::Worker& worker) {
    std::mt19937 random(worker.index() + 1);
    for (int step = 0; step < kSteps; ++step) {
      const std::string object = std::to_string(random() % 60);
      const uint32_t dice = random() % 10;
      const int version = 1 + step / 100;
      if (dice < 5) {
        DiskPage page = make_page(object, 0, 1 + random() % 1'500'000, version);
        if (dice < 2) page = make_part(object, random() % kMiB, 1 + random() % kMiB, version);
        // The content depends on object and version only, so that any worker can check it.
        const std::shared_ptr<AlignedBuffer> content = content_of(page);
        (void)co_await write_page(tier_, worker, page, content);
      } else if (dice < 7) {
        const ByteRange range{random() % kMiB, 2 * kMiB};
        const std::vector<DiskPageRef> parts =
            tier_.find_parts(worker, "kind", object, PageAt::kExponentMax, range);
        if (!parts.empty()) co_await check(worker, parts[random() % parts.size()], object);
      } else if (dice < 9) {
        std::optional<DiskPageRef> found = tier_.find(worker, "kind", object, PageAt());
        if (found) co_await check(worker, *found, object);
      } else {
        tier_.observe(worker, "kind", object, {make_page(object, 0, 1, version).info, "bucket"});
      }
    }
    ++done_;
  }

  [[nodiscard]] unsigned done() const { return done_; }
  [[nodiscard]] uint64_t wrong() const { return wrong_; }
  [[nodiscard]] uint64_t hits() const { return hits_; }

 private:
  [[nodiscard]] static std::shared_ptr<AlignedBuffer> content_of(const DiskPage& page) {
    auto content = std::make_shared<AlignedBuffer>(page.bytes);
    const std::string mark = page.object + page.info.etag;
    for (size_t at = 0; at < content->bytes().size(); at += 4096) {
      std::memcpy(content->bytes().data() + at, mark.data(), mark.size());
    }
    return content;
  }

  rt::Task<void> check(rt::Worker& worker, const DiskPageRef& found, const std::string& object) {
    auto into = std::make_shared<AlignedBuffer>(found.bytes());
    const ByteRange all{0, found.bytes()};
    const DiskRead read = co_await tier_.read(worker, found, all, {into->part()}, into);
    const std::string mark = object + found.info().etag;
    if (read != DiskRead::kOk || std::memcmp(into->bytes().data(), mark.data(), mark.size()) != 0) {
      ++wrong_;
    }
    ++hits_;
  }

  DiskTier& tier_;
  std::atomic<unsigned> done_{0};
  std::atomic<uint64_t> wrong_{0};
  std::atomic<uint64_t> hits_{0};
};

/// Runs a crowd on a tier of the device and calls `meanwhile` until the crowd is done.
void run_crowd(FaultyDevice& device, const std::function<void(DiskTier&)>& meanwhile) {
  const SystemClock clock;
  FixedRandom random(0.5);
  auto tier = DiskTier::open(device, DiskHarness::quick(), DiskTier::Start::kKeep, clock, random);
  ASSERT_TRUE(tier);
  (*tier)->recover();
  Crowd crowd(**tier);
  rt::Workers workers(Crowd::kWorkers, clock);
  workers.start();
  workers.run_on_each([&](rt::Worker& worker) { worker.tasks().spawn(crowd.run(worker)); });
  std::atomic<size_t> tasks{1};
  while (tasks > 0) {
    tasks = 0;
    workers.run_on_each([&tasks](rt::Worker& worker) { tasks += worker.tasks().size(); });
    meanwhile(**tier);
    std::this_thread::yield();
  }
  workers.stop_and_join();
  EXPECT_EQ(crowd.done(), Crowd::kWorkers);
  EXPECT_EQ(crowd.wrong(), 0u);
  EXPECT_GT(crowd.hits(), 20u);
  EXPECT_GT((*tier)->usage().evictions, 0u);
}

TEST(DiskTierThreads, WorkersShareATier) {
  FaultyDevice device(32 * kMiB);
  run_crowd(device, [](const DiskTier& tier) { (void)tier.usage(); });
}

TEST(DiskTierThreads, WorkersShareATierWhoseJournalMoves) {
  FaultyDevice device(32 * kMiB);
  uint64_t moves = 0;
  run_crowd(device, [&](const DiskTier& tier) {
    moves = tier.stats().journal_moves;
    const Result<ParsedSuperblock> read = read_superblock(device);
    if (!read || read->superblock.segments.empty() || moves == 2) return device.fail_parts({});
    const Superblock& superblock = read->superblock;
    const uint64_t begin = superblock.segments.back().first_unit * kUnitBytes;
    const ByteRange place{begin, begin + superblock.segment_units * kUnitBytes};
    device.fail_parts({{.range = place, .reads = false}});
  });
  EXPECT_EQ(moves, 2u) << "more failures would take the disk offline";
}

}  // namespace
}  // namespace cachey::store
