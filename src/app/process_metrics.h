#pragma once

#include "base/metrics.h"
#include "net/tls/context.h"

namespace cachey::app {

/// Registers the standard `process_*` metrics (CPU time, memory, open files, threads, start time),
/// read from /proc at each scrape.
void add_process_metrics(Metrics& metrics);

/// Registers `cachey_tls_certificate_not_after_seconds`. `tls` outlives the metrics.
void add_certificate_metric(Metrics& metrics, const net::tls::Contexts& tls);

}  // namespace cachey::app
