#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/testing/faulty_device.h"

namespace cachey::store {

/// For tests: a worker that runs on the test's thread, while the test waits for a result.
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

/// The content of a page, from its kind, object, version and number.
[[nodiscard]] std::shared_ptr<AlignedBuffer> page_content(const DiskPage& page);

[[nodiscard]] DiskPage make_page(std::string object, uint32_t page, uint64_t bytes,
                                 int version = 1);

/// A tier over a device in memory, used as main and cache use it.
class DiskHarness : public DiskTestWorker {
 public:
  explicit DiskHarness(uint64_t bytes, DiskTierConfig config = quick())
      : config_(std::move(config)), device_(bytes) {
    open();
  }
  ~DiskHarness() { close(); }

  [[nodiscard]] FaultyDevice& device() { return device_; }
  [[nodiscard]] DiskTier& tier() { return *tier_; }

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
  const DiskTierConfig config_;
  FixedRandom random_{0.37};
  FaultyDevice device_;
  std::unique_ptr<DiskTier> tier_;
  size_t wrong_reads_ = 0;
};

}  // namespace cachey::store
