#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "cache/range_reader.h"
#include "cache/testing/forget_memory.h"
#include "origin/testing/fake_origin.h"
#include "store/testing/faulty_device.h"

namespace cachey::cache {

/// The result of one client's read.
struct Got {
  std::optional<Error> error;
  bool opened = false;  ///< open() succeeded; an error came later
  ByteRange range;
  uint64_t size = 0;
  int64_t first_cached_at = 0;
  Tier tier = Tier::kMiss;
  std::string first_bucket;
  size_t later_pages = 0;
  uint64_t bytes = 0;
  bool right = true;  ///< every checked byte was the version's
};

/// For tests: a cache over a fake origin, on two workers, and its clients; if `disk` is set, with a
/// disk tier over a FaultyDevice.
class ReaderHarness : public ::testing::Test {
 protected:
  enum class Index : uint8_t { kRead, kNotYet };  // whether the disk's index has been read

  explicit ReaderHarness(uint64_t memory = 256 * kMiB, FillConfig fills = {},
                         std::optional<store::DiskTierConfig> disk = std::nullopt,
                         Index index = Index::kRead, MayHave may_have = any_bucket);
  ~ReaderHarness() override;

  static constexpr uint64_t kDiskBytes = 256 * kMiB;

  /// The disk tier's index is written within milliseconds.
  [[nodiscard]] static store::DiskTierConfig quick_disk() {
    store::DiskTierConfig config;
    config.journal_delay = std::chrono::milliseconds(1);
    config.journal_retry = std::chrono::milliseconds(20);
    return config;
  }

  [[nodiscard]] std::shared_ptr<FetchSpec> spec(std::string object,
                                                std::vector<std::string> buckets = {"b"});

  /// Starts a client on one of the workers. `seed`: of the expected version (object_byte).
  [[nodiscard]] std::future<Got> read(FetchSpecPtr of, ByteRange range, uint64_t seed = 1,
                                      RangeReader::Use use = RangeReader::Use::kBody);

  using Seen = Result<ObjectSourcePtr>;
  /// Starts a question about an object, such as look_at(), on the first worker.
  [[nodiscard]] std::future<Seen> ask(rt::Task<Seen> question);

  /// Starts DiskWrites::flush on the first worker.
  [[nodiscard]] std::future<bool> flush(std::chrono::milliseconds limit);

  /// Waits until no task runs on the workers.
  void settle();

  /// The ranges that the origin was asked for since the last call, in order.
  [[nodiscard]] std::vector<ByteRange> newly_asked();
  /// The same, as numbers of pages of kPageBytes.
  [[nodiscard]] std::vector<uint64_t> newly_fetched();

  /// As after a restart: the disk has what was written.
  void forget_memory() { cache::forget_memory(cache_); }

  static void expect_whole(const Got& got, ByteRange range);

  const SystemClock clock_;
  Metrics metrics_;
  CacheMetrics cache_metrics_{metrics_, 10};
  origin::FakeOrigin origin_;
  origin::Buckets buckets_{0.99, clock_, metrics_};
  origin::Gate gate_{origin::GateLimits{}, clock_, metrics_};
  origin::ReadMetrics read_metrics_{metrics_};
  store::PinRules pins_;  // of no object, until a test replaces them
  store::MemoryTier memory_;
  FixedRandom random_{0.37};
  store::FaultyDevice device_;
  std::unique_ptr<store::DiskTier> disk_;  // null: none
  Cache cache_;
  rt::Workers workers_{2, clock_};

 private:
  [[nodiscard]] static store::MemoryTierConfig memory_config(uint64_t limit);
  [[nodiscard]] std::unique_ptr<store::DiskTier> open_disk(
      const std::optional<store::DiskTierConfig>& config, Index index);
  [[nodiscard]] rt::Task<void> client(rt::Worker& worker, FetchSpecPtr of, ByteRange range,
                                      uint64_t seed, RangeReader::Use use,
                                      std::promise<Got> promise);
  [[nodiscard]] static rt::Task<void> keep(rt::Task<Seen> question, std::promise<Seen> seen);
  [[nodiscard]] rt::Task<void> run_flush(MonoTime deadline, std::promise<bool> done);
  [[nodiscard]] rt::Task<void> take_body(RangeReader& reader, uint64_t seed, Got& got);

  size_t next_ = 0;
  size_t seen_ = 0;  // requests to the origin
};

}  // namespace cachey::cache
