#include <benchmark/benchmark.h>

#include "base/metrics.h"

// The cost of a count, with and without another thread that counts the same.

namespace cachey {
namespace {

const std::vector<uint64_t> kLatencyBounds = {1'000'000,   5'000'000,   10'000'000,
                                              25'000'000,  50'000'000,  100'000'000,
                                              250'000'000, 500'000'000, 1'000'000'000};

Metrics& metrics() {
  static Metrics all;
  return all;
}

void counter_add(benchmark::State& state) {
  const Counter counter = metrics().counter("requests_total", "Requests");
  for (auto _ : state) counter.add();
}
BENCHMARK(counter_add)->Threads(1)->Threads(2);

/// For comparison: one atomic that all threads share.
void one_atomic_for_all(benchmark::State& state) {
  static std::atomic<uint64_t> count{0};
  for (auto _ : state) count.fetch_add(1, std::memory_order_relaxed);
}
BENCHMARK(one_atomic_for_all)->Threads(1)->Threads(2);

void histogram_observe(benchmark::State& state) {
  const Histogram histogram =
      metrics().histogram("latency_seconds", "Latency", kLatencyBounds, kNanosecondsPerSecond);
  uint64_t nanoseconds = 0;
  for (auto _ : state) {
    histogram.observe(nanoseconds);
    nanoseconds = (nanoseconds + 7'777'777) & 0x3ff'ffff;  // most below 67 ms
  }
}
BENCHMARK(histogram_observe)->Threads(1)->Threads(2);

void fine_histogram_observe(benchmark::State& state) {
  const FineHistogram histogram =
      metrics().fine_histogram("fine_seconds", "Latency", latency_bounds());
  uint64_t nanoseconds = 0;
  for (auto _ : state) {
    histogram.observe(nanoseconds);
    nanoseconds = (nanoseconds + 7'777'777) & 0x3ff'ffff;
  }
}
BENCHMARK(fine_histogram_observe)->Threads(1)->Threads(2);

}  // namespace
}  // namespace cachey
