// A disk that is slower than the store, in virtual time: clients that read pages on disk, one after
// the other.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class BypassedDisk : public WarmHarness {
 protected:
  static constexpr uint64_t kObject = 32 * kMiB;
  static constexpr uint64_t kPage = 64 * kKiB;
  static constexpr uint32_t kPages = kObject / kPage;
  static constexpr uint32_t kClients = 16;

  explicit BypassedDisk(origin::GateLimits gate = {}) : WarmHarness(128 * kMiB, Disk::kYes, gate) {
    page_size_ = kSmall;
    put("o", kObject);
    origin_.behave(blank(0ms));
    for (uint32_t page = 0; page < kPages; ++page) EXPECT_TRUE(read("o", range_of(page)));
    settle();
    forget_memory();
    EXPECT_EQ(disk_->usage().pages, kPages);
    origin_.behave(blank(kStore));
    asked_ = gets();
  }
  ~BypassedDisk() override {
    ending_ = true;
    device_.delay_reads(0ms);
    settle();
  }

  static constexpr milliseconds kStore{30};

  /// Bytes are not looked at.
  static origin::FakeOrigin::Behaviour blank(milliseconds head_delay,
                                             std::optional<Error> error = std::nullopt) {
    origin::FakeOrigin::Behaviour made;
    made.head_delay = head_delay;
    made.error = std::move(error);
    made.blank = true;
    return made;
  }
  static ByteRange range_of(uint32_t page) { return {page * kPage, (page + 1) * kPage}; }

  void forget_memory() {
    for (uint32_t index = 0; index < kPages; ++index) forget(index);
  }
  void forget(uint32_t index) {
    if (const PagePtr here = page("o", index)) {
      cache_.table().remove(*here);
      here->discard();
    }
  }

  void start_clients() {
    for (uint32_t i = 0; i < kClients; ++i) world_.worker().tasks().spawn(client(i));
  }

  struct Second {
    size_t reads = 0;
    milliseconds p50{0};
    size_t gets = 0;  // of the store
  };
  void end_clients() { ending_ = true; }

  /// What the clients see in the next `time`.
  Second pass(milliseconds time = 1s) {
    times_.clear();
    world_.pass(time);
    Second seen{times_.size(), 0ms, gets() - asked_};
    asked_ = gets();
    if (times_.empty()) return seen;
    std::ranges::sort(times_);
    seen.p50 = times_[times_.size() / 2];
    return seen;
  }

 private:
  static constexpr milliseconds kThink{5};  // between two reads of a client

  rt::Task<void> client(uint32_t number) {
    const size_t own = kPages / kClients;  // pages that no other client reads
    for (size_t turn = 0;; ++turn) {
      if (ending_) co_return;
      const auto index = static_cast<uint32_t>(turn * 37 % own * kClients) + number;
      const MonoTime began = world_.clock().mono();
      const std::shared_ptr<FetchSpec> made = spec("o");
      made->wishes.warm = false;
      const cachey::Result<uint64_t> bytes = co_await read_all(made, range_of(index));
      EXPECT_TRUE(bytes) << bytes.error().message();
      times_.push_back(std::chrono::duration_cast<milliseconds>(world_.clock().mono() - began));
      forget(index);
      co_await world_.worker().timers().sleep(kThink);
    }
  }

  bool ending_ = false;
  size_t asked_ = 0;
  std::vector<milliseconds> times_;
};

TEST_F(BypassedDisk, AFastDiskIsReadAlone) {
  start_clients();
  const Second seen = pass(3s);
  EXPECT_LT(seen.p50, 10ms);
  EXPECT_EQ(seen.gets, 0u);
  EXPECT_FALSE(cache_.disk_bypass().view().slow);
}

TEST_F(BypassedDisk, TheStoreAnswersWithinSecondsAndTheDiskComesBack) {
  start_clients();
  pass();
  device_.delay_reads(400ms);
  pass(4s);
  for (int second = 0; second < 10; ++second) {
    const Second seen = pass();
    EXPECT_LE(seen.p50, 2 * kStore) << "second " << second;
  }
  const DiskBypass::View view = cache_.disk_bypass().view();
  EXPECT_TRUE(view.slow);
  EXPECT_EQ(view.share, 16u);
  EXPECT_NEAR(view.disk_p50_seconds, 0.4, 0.05);
  EXPECT_NEAR(view.store_p50_seconds, 0.03, 0.02);
  EXPECT_GT(view.bypassed, 1000u);
  device_.delay_reads(0ms);
  pass(6s);
  const Second after = pass();
  EXPECT_LT(after.p50, 10ms);
  EXPECT_EQ(after.gets, 0u);
  EXPECT_TRUE(cache_.disk_bypass().view().slow) << "for a while";
  pass(DiskBypass::kOverAfter);
  EXPECT_FALSE(cache_.disk_bypass().view().slow);
}

TEST_F(BypassedDisk, AStoreThatIsSlowerYetIsLeftAlone) {
  origin_.behave(blank(900ms));
  start_clients();
  device_.delay_reads(400ms);
  pass(5s);
  const Second seen = pass(10s);
  EXPECT_EQ(seen.p50 / 100ms, 4);
  EXPECT_LE(seen.gets, 12u) << "a few reads tell how slow the store is";
  EXPECT_FALSE(cache_.disk_bypass().view().slow);
}

TEST_F(BypassedDisk, AStoreThatFailsIsLeftAlone) {
  start_clients();
  device_.delay_reads(400ms);
  EXPECT_LE((pass(5s), pass()).p50, 2 * kStore);
  origin_.behave(blank(10ms, Error(ErrorKind::kThrottled, "SlowDown")));
  pass(3s);
  const Second seen = pass(10s);
  EXPECT_EQ(seen.p50 / 100ms, 4) << "the disk answers";
  EXPECT_LE(seen.gets, 40u);
}

TEST_F(BypassedDisk, ASlowStoreEndsTheBypass) {
  start_clients();
  device_.delay_reads(100ms);
  EXPECT_LE((pass(5s), pass()).p50, 2 * kStore);
  origin_.behave(blank(300ms));
  pass(8s);
  const Second seen = pass(3s);
  EXPECT_LE(seen.p50, 130ms);
  EXPECT_EQ(cache_.disk_bypass().view().share, 0u);
}

TEST_F(BypassedDisk, ADiskThatFlapsCostsFewSlowReads) {
  start_clients();
  size_t slow = 0;
  size_t reads = 0;
  for (int turn = 0; turn < 3; ++turn) {
    device_.delay_reads(400ms);
    for (int second = 0; second < 5; ++second) {
      const Second seen = pass();
      reads += seen.reads;
      if (second >= 3) slow += seen.p50 > 100ms ? 1 : 0;
    }
    device_.delay_reads(0ms);
    reads += pass(5s).reads;
  }
  EXPECT_EQ(slow, 0u) << "of the last two seconds of each slow phase";
  EXPECT_GT(reads, 3u * 5 * kClients * 10);
}

TEST_F(BypassedDisk, AStoreWhoseTimeIsNotKnownGetsAsLongAsTheDiskTakes) {
  origin_.behave(blank(30ms, Error(ErrorKind::kTimeout, "late")));
  const size_t before = gets();
  start_clients();
  device_.delay_reads(200ms);
  pass(5s);
  const auto asked = origin_.asked();
  ASSERT_GT(asked.size(), before);
  for (size_t i = before; i < asked.size(); ++i) {
    EXPECT_LE(asked[i].config.operation_timeout.value_or(1h), 250ms);
  }
}

TEST_F(BypassedDisk, BytesOfAnotherVersionAreNotTaken) {
  start_clients();
  device_.delay_reads(400ms);
  EXPECT_LE((pass(5s), pass()).p50, 2 * kStore);
  origin_.put("b", "o", {.size = kObject, .seed = 2, .etag = "\"another\""});
  pass(1s);  // reads under way
  const uint64_t before = cache_.disk_bypass().view().bypassed;
  pass(5s);
  EXPECT_EQ(cache_.disk_bypass().view().bypassed, before);
}

TEST_F(BypassedDisk, AFewReadsAMinuteBringTheDiskBack) {
  start_clients();
  device_.delay_reads(400ms);
  pass(6s);
  EXPECT_TRUE(cache_.disk_bypass().view().slow);
  end_clients();
  device_.delay_reads(0ms);
  for (uint32_t i = 0; i < 30; ++i) {
    pass(5s);
    EXPECT_TRUE(read("o", range_of(i)));
    forget(i);
  }
  EXPECT_EQ(cache_.disk_bypass().view().share, 0u);
  EXPECT_FALSE(cache_.disk_bypass().view().slow);
}

/// One region of the device: the chunks of 16 MiB are regions.
TEST_F(BypassedDisk, ARegionAloneIsLeftAlone) {
  device_.delay_reads(400ms, {{.range = {16 * kMiB, 31 * kMiB}, .reads = true, .writes = false}});
  start_clients();
  pass(8s);
  EXPECT_GE(cache_.disk_bypass().view().regions, 1u);
  EXPECT_LE(cache_.disk_bypass().view().regions, 2u) << "parts do not begin where regions do";
  pass(2s);
  const Second mixed = pass(3s);
  EXPECT_LT(mixed.p50, 10ms) << "the other regions are read";
  EXPECT_LT(mixed.gets, mixed.reads / 2);
  device_.delay_reads(0ms);
  pass(8s);
  EXPECT_EQ(cache_.disk_bypass().view().regions, 0u);
}

/// A store with few turns gets no more reads than it has turns for.
class BypassedDiskFewTurns : public BypassedDisk {
 protected:
  BypassedDiskFewTurns() : BypassedDisk(origin::GateLimits{.requests = 4}) {}
};

TEST_F(BypassedDiskFewTurns, TheStoreIsNotFlooded) {
  start_clients();
  device_.delay_reads(400ms);
  pass(5s);
  const Second seen = pass(10s);
  // Three turns are for reads without demand, of at least 30 ms each.
  EXPECT_LE(seen.gets, 10u * 3 * 1000 / 30 + 3);
  EXPECT_LE(seen.p50, 420ms);
}

TEST_F(BypassedDisk, ARequestForCachedBytesAloneNeverAsksTheStore) {
  start_clients();
  device_.delay_reads(400ms);
  EXPECT_LE((pass(5s), pass()).p50, 2 * kStore);
  const std::shared_ptr<FetchSpec> cached = spec("o");
  cached->wishes.warm = false;
  cached->wishes.only_if_cached = true;
  const MonoTime began = world_.clock().mono();
  const auto bytes = world_.run(read_all(cached, {5 * kPage, 6 * kPage}));
  EXPECT_EQ(bytes.value_or(0), kPage);
  EXPECT_GE(world_.clock().mono() - began, 400ms);
}

}  // namespace
}  // namespace cachey::cache
