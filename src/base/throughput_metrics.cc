#include "base/throughput_metrics.h"

#include <cstddef>

namespace cachey {
namespace {

struct Window {
  const char* name;
  size_t seconds;
};
constexpr Window kWindows[] = {{"10s", 10}, {"30s", 30}, {"1m", 60}};

}  // namespace

void add_throughput_metrics(Metrics& metrics, const std::string& direction,
                            const Throughput& throughput) {
  for (const Window& window : kWindows) {
    metrics.read_gauge("cachey_throughput_bytes_per_second",
                       "Bytes per second over the last whole seconds",
                       [&throughput, seconds = window.seconds] { return throughput.rate(seconds); },
                       {{"direction", direction}, {"window", window.name}});
  }
}

}  // namespace cachey
