#include <benchmark/benchmark.h>

#include "rt/timer_wheel.h"

// The cost of a timeout that does not fire, as with most requests.

namespace cachey::rt {
namespace {

using namespace std::chrono_literals;

/// A connection's idle timeout, postponed by each request. Includes reading the clock.
void push_on(benchmark::State& state) {
  asio::io_context io;
  const SystemClock clock;
  TimerWheel wheel(io.get_executor(), clock);
  TimerWheel::Entry entry([] {});
  for (auto _ : state) wheel.arm_after(entry, 75s);
}
BENCHMARK(push_on);

/// A wait that ends before its deadline.
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

/// The part of the above that reads the clock.
void read_the_clock(benchmark::State& state) {
  const SystemClock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.mono());
}
BENCHMARK(read_the_clock);

}  // namespace
}  // namespace cachey::rt
