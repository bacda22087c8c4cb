#pragma once

#include <string>

#include "base/metrics.h"
#include "base/throughput.h"

namespace cachey {

/// Registers `cachey_throughput_bytes_per_second` of one direction over 10 s, 30 s and a minute.
/// `throughput` outlives the last text of `metrics`.
void add_throughput_metrics(Metrics& metrics, const std::string& direction,
                            const Throughput& throughput);

}  // namespace cachey
