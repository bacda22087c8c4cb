#include <benchmark/benchmark.h>

#include "rt/timer_wheel.h"

// What does a time limit cost that does not come to pass, as those of a request do not?

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

/// A connection's idle time-out, with every request. With the clock's reading.
void push_on(benchmark::State& state) {
  asio::io_context io;
  const SystemClock clock;
  TimerWheel wheel(io.get_executor(), clock);
  TimerWheel::Entry entry([] {});
  for (auto _ : state) wheel.arm_after(entry, 75s);
}
BENCHMARK(push_on);

/// A wait with a limit that ends in time.
void arm_and_disarm(benchmark::State& state) {
  asio::io_context io;
  const SystemClock clock;
  TimerWheel wheel(io.get_executor(), clock);
  TimerWheel::Entry entry([] {});
  for (auto _ : state) {
    wheel.arm_after(entry, 3s);
    entry.disarm();
  }
}
BENCHMARK(arm_and_disarm);

/// Of what the others take: this.
void read_the_clock(benchmark::State& state) {
  const SystemClock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.mono());
}
BENCHMARK(read_the_clock);

}  // namespace
}  // namespace cachey::rt
