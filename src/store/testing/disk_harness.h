#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "rt/testing/virtual_worker.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/testing/faulty_device.h"

namespace cachey::store {

/// For tests of real devices: a worker that runs on the test's thread, while the test waits for a
/// result.
class DiskTestWorker {
 public:
  [[nodiscard]] rt::Worker& worker() { return worker_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

  template <typename T>
  T run(rt::Task<T> task) {
    std::optional<T> result;
    auto completed = [&result](std::exception_ptr failure, T value) {
      if (failure) std::rethrow_exception(failure);
      result.emplace(std::move(value));
    };
    rt::asio::co_spawn(worker_.io(), std::move(task), completed);
    while (!result) worker_.io().run_one();
    return std::move(*result);
  }

  /// Runs the worker until `condition` is true.
  template <typename Condition>
  void run_until(Condition condition) {
    while (!condition()) worker_.io().run_one_for(std::chrono::milliseconds(10));
  }

  /// Runs the worker until no task is left.
  void settle() {
    run_until([this] { return worker_.tasks().size() == 0; });
  }

 private:
  SystemClock clock_;
  rt::Worker worker_{0, clock_};
};

/// Random numbers from a seed. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  [[nodiscard]] double unit() override { return std::uniform_real_distribution<>()(engine_); }
  [[nodiscard]] uint64_t bits() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// The content of a page, from its kind, object, version and number.
[[nodiscard]] std::shared_ptr<AlignedBuffer> page_content(const DiskPage& page);

[[nodiscard]] DiskPage make_page(std::string object, uint32_t page, uint64_t bytes,
                                 int version = 1);

/// A part of a page of 2^exponent bytes.
[[nodiscard]] DiskPage make_part(std::string object, uint64_t begin, uint64_t bytes,
                                 int version = 1, unsigned exponent = PageAt::kExponentMax);

/// The page for DiskTier::offer, whose memory is `content` as long as the test keeps it.
[[nodiscard]] WriteQueue::Source page_source(DiskPage page,
                                             const std::shared_ptr<AlignedBuffer>& content);
/// Writes the page beside the queue. `content`: null for page_content().
[[nodiscard]] rt::Task<DiskWrite> write_page(DiskTier& tier, rt::Worker& worker, DiskPage page,
                                             std::shared_ptr<AlignedBuffer> content = nullptr);

/// A tier over a device in memory, used as main and cache use it, on a virtual clock.
class DiskHarness {
 public:
  explicit DiskHarness(uint64_t bytes, DiskTierConfig config = quick(),
                       uint64_t sector_bytes = kUnitBytes, uint64_t seed = 1)
      : config_(std::move(config)), random_(seed), device_(bytes, sector_bytes) {
    open();
  }
  ~DiskHarness() { close(); }

  [[nodiscard]] FaultyDevice& device() { return device_; }
  [[nodiscard]] DiskTier& tier() { return *tier_; }
  [[nodiscard]] rt::Worker& worker() { return virtual_.worker(); }
  [[nodiscard]] const Clock& clock() { return virtual_.clock(); }

  template <typename T>
  T run(rt::Task<T> task) {
    return virtual_.run(std::move(task));
  }
  void pass(std::chrono::nanoseconds time) { virtual_.pass(time); }
  /// Lets time pass until `condition` is true.
  template <typename Condition>
  void run_until(Condition condition) {
    worker().io().poll();
    while (!condition()) virtual_.pass(rt::TimerWheel::kTick);
  }
  /// Lets time pass until no task is left.
  void settle() {
    run_until([this] { return worker().tasks().size() == 0; });
  }

  void open(DiskTier::Start start = DiskTier::Start::kKeep);
  void close() {
    settle();
    tier_.reset();
  }
  void reopen() {
    close();
    open();
  }

  DiskWrite write(const DiskPage& page);
  [[nodiscard]] bool has(const DiskPage& page);
  /// Reads the page, or the bytes of `range`. Null: the tier has no such page of this version.
  [[nodiscard]] std::optional<DiskRead> read(const DiskPage& page,
                                             std::optional<ByteRange> range = std::nullopt);
  [[nodiscard]] bool flush();

  /// Successful reads with wrong bytes.
  [[nodiscard]] size_t wrong_reads() const { return wrong_reads_; }

  static DiskTierConfig quick() {
    DiskTierConfig config;
    config.journal_delay = std::chrono::milliseconds(1);
    config.journal_retry = std::chrono::milliseconds(20);
    return config;
  }

 private:
  rt::VirtualWorker virtual_;
  const DiskTierConfig config_;
  SeededRandom random_;
  FaultyDevice device_;
  std::unique_ptr<DiskTier> tier_;
  size_t wrong_reads_ = 0;
};

}  // namespace cachey::store
