// Random reads, purges and new versions at once: no byte that was asked of the store before a purge
// began is served to a request that began after the purge had ended. The same for soft purges, and
// over a kill: the device as it was in that moment is opened again.
// CACHEY_PURGE_MODEL_SEEDS=1000 runs more.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cache/soft_purge.h"
#include "cache/testing/reader_harness.h"
#include "store/s3_fifo.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

constexpr size_t kObjects = 6;
constexpr uint64_t kBytes = 3 * kMiB / 4;
constexpr uint32_t kSteps = 300;
constexpr size_t kAtOnce = 12;

class PurgeModel : public ReaderHarness, public ::testing::WithParamInterface<unsigned> {
 protected:
  PurgeModel() : ReaderHarness(6 * kMiB, FillConfig{.heads_bytes_max = kMiB}, quick_disk()) {}

  static void TearDownTestSuite() { EXPECT_GT(kept_, 0u) << "or soft purges were not tested"; }
  static std::string name_of(size_t object) { return std::to_string(object); }

  /// In both buckets. Versions differ in size with every second seed.
  void put_next(size_t object) {
    const uint64_t version = versions_[object].load() + 1;
    const uint64_t size = kBytes + (GetParam() % 2 == 0 ? 0 : version);
    for (const char* const bucket : {"b", "second"}) {
      origin_.put(bucket, name_of(object),
                  {.size = size, .seed = version, .etag = '"' + std::to_string(version) + '"'});
    }
    versions_[object] = version;
  }

  /// Of one bucket alone: the other one may have another version at that moment.
  FetchSpecPtr any_spec(size_t object, std::mt19937& random) {
    auto of = spec(name_of(object), {random() % 4 == 0 ? "second" : "b"});
    of->wishes.own_buckets = true;
    of->wishes.exact = random() % 2 == 0;
    return of;
  }

  rt::Task<void> read_once(rt::Worker& worker, Cache& cache, size_t object, FetchSpecPtr of,
                           ByteRange range, std::promise<void> done) {
    const uint64_t oldest = oldest_[object].load();
    RangeReader reader(cache, worker, std::move(of), range, RangeReader::Use::kBody);
    Result<void> more = co_await reader.open();
    const bool opened = more.has_value();
    const uint64_t version = opened ? std::stoull(reader.source().info.etag.substr(1)) : 0;
    if (opened && version < oldest) ++old_answers_;
    uint64_t at = range.begin;
    while (more && !reader.at_end()) {
      std::array<iovec, 8> parts{};
      const size_t count = reader.pin(parts);
      if (count == 0) {
        more = co_await reader.wait();
        continue;
      }
      uint64_t taken = 0;
      for (const iovec& part : std::span(parts).first(count)) {
        const auto* bytes = static_cast<const std::byte*>(part.iov_base);
        if (bytes[0] != origin::object_byte(version, at + taken)) ++wrong_bytes_;
        taken += part.iov_len;
      }
      at += taken;
      reader.release(taken);
    }
    if (more) ++reads_;
    done.set_value();
  }

  /// Whether the purge ended well.
  rt::Task<bool> run_purge(rt::Worker& worker, KeyScope scope, bool soft, Purges::Turn turn) {
    if (!soft) {
      co_return (co_await cache_.purges().purge(worker, std::move(scope), std::move(turn)))
          .has_value();
    }
    ObjectKey key{scope.kind(), scope.text()};
    const Result<SoftPurged> purged =
        co_await purge_if_changed(cache_, worker, std::move(key), std::move(turn), {});
    if (purged && purged->kept) ++kept_;
    co_return purged.has_value();
  }

  rt::Task<void> purge_once(rt::Worker& worker, KeyScope scope, bool soft,
                            std::promise<void> done) {
    std::array<uint64_t, kObjects> before{};
    for (size_t i = 0; i < kObjects; ++i) before[i] = versions_[i].load();
    std::optional<Purges::Turn> turn =
        soft ? cache_.purges().begin_soft() : cache_.purges().begin(scope);
    if (turn) {
      const bool purged = co_await run_purge(worker, scope, soft, std::move(*turn));
      // Of what a dead process answers nobody hears.
      if (purged && device_.is_dead()) co_return done.set_value();
      if (purged) ++purges_;
      for (size_t i = 0; purged && i < kObjects; ++i) {
        if (!scope.has("k", name_of(i))) continue;
        uint64_t known = oldest_[i].load();
        while (known < before[i] && !oldest_[i].compare_exchange_weak(known, before[i])) continue;
      }
    }
    done.set_value();
  }

  void run(uint32_t dies_at);
  void expect_right() const;

  /// The next process: what the device has, and nothing else.
  struct Life {
    explicit Life(PurgeModel& model)
        : counts(metrics, 10),
          memory({.limit_bytes = 64 * kMiB}, std::make_unique<store::S3Fifo>(), model.clock_),
          disk(*store::DiskTier::open(model.device_, quick_disk(), store::DiskTier::Start::kKeep,
                                      model.clock_, model.random_)),
          cache(
              FillConfig{.disk_bypass = false},
              origin::ReadContext{model.origin_, model.buckets_, model.gate_, model.read_metrics_},
              memory, counts, model.clock_, disk.get()) {
      disk->recover();
    }

    Metrics metrics;
    CacheMetrics counts;
    store::MemoryTier memory;
    std::unique_ptr<store::DiskTier> disk;
    Cache cache;
  };

  template <typename Make>
  void start(std::mt19937& random, Make make) {
    std::promise<void> done;
    running_.push_back(done.get_future());
    rt::Worker& worker = workers_[random() % workers_.size()];
    rt::asio::co_spawn(worker.io(), make(worker, std::move(done)), rt::asio::detached);
    if (running_.size() < kAtOnce) return;
    running_.front().get();
    running_.pop_front();
  }

  std::array<std::atomic<uint64_t>, kObjects> versions_{};
  std::array<std::atomic<uint64_t>, kObjects> oldest_{};  // that a request may get
  std::deque<std::future<void>> running_;
  std::atomic<uint64_t> reads_{0};
  std::atomic<uint64_t> purges_{0};
  static inline std::atomic<uint64_t> kept_{0};  // objects, by soft purges of all seeds
  std::atomic<uint64_t> old_answers_{0};
  std::atomic<uint64_t> wrong_bytes_{0};
};

KeyScope any_scope(std::mt19937& random) {
  const std::string name = std::to_string(random() % kObjects);
  switch (random() % 6) {
    case 0:
      return KeyScope::all();
    case 1:
      return KeyScope::of_kind("k");
    case 2:
      return KeyScope::prefix("k", name);
    default:
      return KeyScope::object("k", name);
  }
}

/// Random steps; then all that they started has ended.
void PurgeModel::run(uint32_t dies_at) {
  std::mt19937 random(GetParam());
  for (size_t object = 0; object < kObjects; ++object) put_next(object);
  origin_.behave_by([](const origin::GetRequest&, size_t number) {
    return origin::FakeOrigin::Behaviour{.head_delay = 1ms * (number % 3),
                                         .read_delay = 1ms * (number % 2),
                                         .as_sent = number % 2 == 0};
  });
  for (uint32_t step = 0; step < kSteps; ++step) {
    if (step == dies_at) device_.die_after(random() % 16, GetParam());
    const unsigned dice = random() % 100;
    const size_t object = random() % kObjects;
    if (dice < 15) {
      put_next(object);
    } else if (dice < 30) {
      start(random, [&](rt::Worker& worker, std::promise<void> done) {
        KeyScope scope = any_scope(random);
        const bool soft = scope.is_object() && random() % 2 == 0;
        return purge_once(worker, std::move(scope), soft, std::move(done));
      });
    } else {
      const FetchSpecPtr of = any_spec(object, random);
      const uint64_t begin = random() % kBytes;
      const uint64_t bytes = 1 + random() % (random() % 2 == 0 ? 1'000 : kBytes);
      start(random, [&](rt::Worker& worker, std::promise<void> done) {
        return read_once(worker, cache_, object, of, {begin, std::min(kBytes, begin + bytes)},
                         std::move(done));
      });
    }
  }
  for (std::future<void>& one : running_) one.get();
  running_.clear();
  settle();
}

void PurgeModel::expect_right() const {
  EXPECT_EQ(old_answers_, 0u);
  EXPECT_EQ(wrong_bytes_, 0u);
  EXPECT_GT(reads_, kSteps / 4u);
}

TEST_P(PurgeModel, NothingOldIsServedAfterAPurge) {
  run(kSteps);
  expect_right();
  EXPECT_GT(purges_, kSteps / 20u);
}

TEST_P(PurgeModel, NothingOldIsServedAfterAPurgeAndAKill) {
  run(kSteps / 2 + GetParam() % (kSteps / 2));
  device_.revive();
  Life next(*this);
  std::mt19937 random(GetParam());
  for (size_t object = 0; object < kObjects; ++object) {
    start(random, [&](rt::Worker& worker, std::promise<void> done) {
      return read_once(worker, next.cache, object, spec(name_of(object)), {0, kBytes},
                       std::move(done));
    });
  }
  for (std::future<void>& one : running_) one.get();
  settle();
  expect_right();
  EXPECT_GT(purges_, kSteps / 40u);
}

unsigned end_of_seeds() {
  const char* const asked = std::getenv("CACHEY_PURGE_MODEL_SEEDS");
  return 1 + (asked == nullptr ? 2 : static_cast<unsigned>(std::strtoul(asked, nullptr, 10)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, PurgeModel, ::testing::Range(1u, end_of_seeds()));

}  // namespace
}  // namespace cachey::cache
