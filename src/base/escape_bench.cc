#include <benchmark/benchmark.h>

#include "base/escape.h"

// The cost of each byte of an object's key: decoded and checked from a client, encoded for an
// origin.

namespace cachey {
namespace {

constexpr std::string_view kPlain = "warehouse/events/dt=2024-05-17/part-00042-c000.snappy.parquet";
constexpr std::string_view kEscaped =
    "%C3%9Cbersicht/2024%2F05/Stra%C3%9Fe%20%26%20Platz%20(3).jpg";

void decode(benchmark::State& state, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(percent_decode(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(decode, plain, kPlain);
BENCHMARK_CAPTURE(decode, escaped, kEscaped);

void check_utf8(benchmark::State& state, std::string_view escaped) {
  const std::string text = percent_decode(escaped).value();
  for (auto _ : state) benchmark::DoNotOptimize(is_utf8(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(check_utf8, plain, kPlain);
BENCHMARK_CAPTURE(check_utf8, escaped, kEscaped);

void encode(benchmark::State& state, std::string_view escaped) {
  const std::string text = percent_decode(escaped).value();
  std::string out;
  for (auto _ : state) {
    out.clear();
    percent_encode(text, Slashes::kKeep, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(encode, plain, kPlain);
BENCHMARK_CAPTURE(encode, escaped, kEscaped);

}  // namespace
}  // namespace cachey
