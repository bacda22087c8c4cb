#pragma once

#include "base/metrics.h"

namespace cachey::app {

/// Registers the standard `process_*` metrics (CPU time, memory, open files, threads, start time),
/// read from /proc at each scrape.
void add_process_metrics(Metrics& metrics);

}  // namespace cachey::app
