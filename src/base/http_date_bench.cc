#include <benchmark/benchmark.h>

#include "base/http_date.h"

// The cost of Last-Modified: written for each answer, read for each miss.

namespace cachey {
namespace {

constexpr int64_t kSunday = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT

void write_date(benchmark::State& state) {
  int64_t seconds = kSunday;
  for (auto _ : state) {
    const HttpDate date(seconds);
    benchmark::DoNotOptimize(date.view().data());
    seconds += 86'399;
  }
}
BENCHMARK(write_date);

void read_date(benchmark::State& state) {
  const std::string text = format_http_date(kSunday);
  for (auto _ : state) benchmark::DoNotOptimize(parse_http_date(text));
}
BENCHMARK(read_date);

}  // namespace
}  // namespace cachey
