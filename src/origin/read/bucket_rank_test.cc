// What the rank of the buckets is worth, with and without the size of the read: pages in virtual
// time. Prints the table of docs/origins.md.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "origin/read/object_read.h"
#include "origin/testing/fake_origin.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kSizes[] = {kKiB, 64 * kKiB, kMiB, kPageBytes};
constexpr uint64_t kCold = kMiB;  // objects from this size are cold
constexpr double kFast = 90e6;    // bytes a second of one body
constexpr double kSlow = 2e6;

/// By the heads alone, or as the server does: by the heads and the pace of the bodies.
enum class Rank : uint8_t { kHeads, kServers };

/// Takes bytes and drops them.
class Drain final : public ByteSink {
 public:
  std::span<std::byte> room(uint64_t) override { return buffer_; }
  void arrived(ByteRange) override {}
  [[nodiscard]] bool is_wanted() const override { return true; }

 private:
  std::vector<std::byte> buffer_{kMiB};
};

/// A body at this pace after this time to its head.
FakeOrigin::Behaviour paced(std::chrono::milliseconds to_head, double bytes_per_second) {
  const double tick = std::chrono::duration<double>(rt::TimerWheel::kTick).count();
  return {.head_delay = to_head,
          .read_delay = rt::TimerWheel::kTick,
          .read_bytes = static_cast<size_t>(bytes_per_second * tick),
          .blank = true};
}

struct Scenario {
  const char* name;
  std::vector<std::string> buckets;
  std::vector<uint64_t> sizes;  // in turn
  size_t at_once;               // reads that begin together
  std::chrono::milliseconds every;
  std::function<FakeOrigin::Behaviour(const std::string& bucket, uint64_t size,
                                      std::mt19937_64& random)>
      store;
  double mean_max = 1.01;      // by heads and bodies, in means by heads alone
  double at_first_min = 0.99;  // the same, of the reads at the first bucket
  int reads = 400;
};

struct Figures {
  double mean = 0;
  double p99 = 0;
  double extra_gets = 0;  // a hundred reads
  double at_first = 0;    // share of the reads that the first bucket answered
  int failed = 0;
};

class Simulation {
 public:
  Simulation(const Scenario& scenario, Rank rank) : scenario_(scenario), rank_(rank) {
    origin_.behave_by([this](const GetRequest& request, size_t) {
      return scenario_.store(request.bucket, sizes_.at(request.key), random_);
    });
  }

  Figures run() {
    std::vector<std::shared_ptr<std::optional<bool>>> ends;
    for (int i = 0; i < scenario_.reads; ++i) {
      const uint64_t size = scenario_.sizes[static_cast<size_t>(i) % scenario_.sizes.size()];
      const std::string key = fmt::format("{}-{}", size, i);
      sizes_[key] = size;
      for (const std::string& bucket : scenario_.buckets) origin_.put(bucket, key, {.size = size});
      ends.push_back(world_.start(read(key)));
      if (ends.size() % scenario_.at_once == 0) world_.pass(scenario_.every);
    }
    while (!std::ranges::all_of(ends, [](const auto& end) { return end->has_value(); }))
      world_.pass(1s);
    return figures(std::ranges::count_if(ends, [](const auto& end) { return !**end; }));
  }

 private:
  rt::Task<bool> read(std::string key) {
    const double began = now();
    // A client does not say how large its object is: all ask for a page.
    const uint64_t bytes = rank_ == Rank::kHeads ? 0 : kPageBytes;
    const BucketOrder order = buckets_.rank(scenario_.buckets, bytes);
    ObjectRead read(context_, world_.worker(),
                    ReadTerms(scenario_.buckets, order, key, ByteRange{0, kPageBytes}, {}));
    Result<void> done = co_await read.open();
    if (!done) co_return false;
    Drain drain;
    done = co_await read.run(drain);
    if (!done) co_return false;
    times_.push_back(now() - began);
    at_first_ += read.bucket() == 0 ? 1 : 0;
    co_return true;
  }

  [[nodiscard]] double now() {
    return std::chrono::duration<double>(world_.clock().mono() - start_).count();
  }

  Figures figures(int64_t failed) {
    std::ranges::sort(times_);
    const auto count = static_cast<double>(times_.size());
    return {
        .mean = std::accumulate(times_.begin(), times_.end(), 0.0) / count,
        .p99 = times_[times_.size() * 99 / 100],
        .extra_gets = 100.0 * static_cast<double>(origin_.asked().size()) / scenario_.reads - 100,
        .at_first = at_first_ / count,
        .failed = static_cast<int>(failed)};
  }

  const Scenario& scenario_;
  const Rank rank_;
  rt::VirtualWorker world_;
  const MonoTime start_ = world_.clock().mono();
  Metrics metrics_;
  FakeOrigin origin_;
  Buckets buckets_{0.99, world_.clock(), metrics_};
  Gate gate_{GateLimits(), world_.clock(), metrics_};
  ReadMetrics read_metrics_{metrics_};
  const ReadContext context_{origin_, buckets_, gate_, read_metrics_};
  std::mt19937_64 random_{1};
  std::map<std::string, uint64_t> sizes_;
  std::vector<double> times_;
  double at_first_ = 0;
};

using Random = std::mt19937_64;

/// A store whose large objects are cold: 110 ms to the head instead of 30 ms. 2 % of the heads
/// stall for a second.
FakeOrigin::Behaviour by_size(uint64_t size, Random& random) {
  if (random() % 50 == 0) return paced(1s, kFast);
  return paced(size < kCold ? 30ms : 110ms, kFast);
}

const std::vector<uint64_t> kMixed(std::begin(kSizes), std::end(kSizes));

const Scenario kScenarios[] = {
    {"cold and warm, both buckets",
     {"a", "b"},
     kMixed,
     1,
     200ms,
     [](const std::string&, uint64_t size, Random& random) { return by_size(size, random); }},
    {"cold at the first, warm at the second",
     {"a", "b"},
     kMixed,
     1,
     200ms,
     [](const std::string& bucket, uint64_t size, Random& random) {
       return bucket == "a" ? by_size(size, random) : by_size(0, random);
     }},
    {"sparse, a read a second, three buckets",
     {"a", "b", "c"},
     kMixed,
     1,
     1s,
     [](const std::string&, uint64_t size, Random& random) { return by_size(size, random); }},
    {"the first is silent",
     {"a", "b"},
     kMixed,
     1,
     1s,
     [](const std::string& bucket, uint64_t size, Random& random) {
       return bucket == "a" ? paced(1h, kFast) : by_size(size, random);
     }},
    {"the first is slow but moves, all sizes",
     {"a", "b"},
     kMixed,
     1,
     1s,
     [](const std::string& bucket, uint64_t size, Random& random) {
       return bucket == "a" ? paced(30ms, kSlow) : by_size(size, random);
     },
     0.15,
     0},
    {"the first is slow but moves, 16 MiB",
     {"a", "b"},
     {kPageBytes},
     1,
     1s,
     [](const std::string& bucket, uint64_t size, Random& random) {
       return bucket == "a" ? paced(30ms, kSlow) : by_size(size, random);
     },
     0.15,
     0},
    {"the server's own link is full",
     {"a", "b"},
     {kPageBytes},
     20,
     20s,
     [](const std::string&, uint64_t, Random&) { return paced(30ms, kSlow); },
     1.01,
     0.85},
};

TEST(BucketRankSimulation, SlowBodiesAreLeftAndNothingElseChanges) {
  fmt::print(
      "| scenario | score | mean | p99 | extra GETs of 100 | at the first bucket |\n"
      "|---|---|---|---|---|---|\n");
  for (const Scenario& scenario : kScenarios) {
    SCOPED_TRACE(scenario.name);
    const Figures heads = Simulation(scenario, Rank::kHeads).run();
    const Figures bodies = Simulation(scenario, Rank::kServers).run();
    for (const auto& [name, got] :
         {std::pair("heads", heads), std::pair("heads, bodies", bodies)}) {
      EXPECT_EQ(got.failed, 0);
      fmt::print("| {} | {} | {:.2f} s | {:.2f} s | {:.1f} | {:.0f} % |\n", scenario.name, name,
                 got.mean, got.p99, got.extra_gets, 100 * got.at_first);
    }
    EXPECT_LE(bodies.mean, heads.mean * scenario.mean_max);
    EXPECT_LE(bodies.extra_gets, heads.extra_gets + 2);
    EXPECT_LE(bodies.extra_gets, 6);
    EXPECT_GE(bodies.at_first, heads.at_first * scenario.at_first_min);
  }
}

}  // namespace
}  // namespace cachey::origin
