#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "api/access_log.h"
#include "app/disk.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "net/connection/server_stats.h"
#include "origin/s3/counters.h"
#include "rt/worker.h"

namespace cachey::app {

/// Composes the text of /stats, and registers the metrics that are read from several rooms. All
/// arguments outlive the stats. Any thread.
class Stats {
 public:
  /// Registers with `metrics`. `s3`: null if the origin is a directory.
  Stats(Metrics& metrics, cache::Cache& cache, const Throughput& egress, const Throughput& ingress,
        const origin::S3Counters* s3, const Clock& clock);

  /// Each once, before the server starts.
  /// `s3api`: null if there is no S3 endpoint.
  void watch(const net::ServerStats& data, const net::ServerStats* s3api);
  void watch(const api::AccessLog& access_log);
  /// Once, if there is a disk tier.
  void watch(const Disk& disk);

  /// Measures how long each worker takes to start a task. Once a second. True: each worker has
  /// started the tasks of the last call.
  bool sample_lag(rt::Workers& workers);

  /// The text of /stats, JSON.
  [[nodiscard]] std::string json() const;

 private:
  void register_cache();
  void register_heads();
  void register_log();

  Metrics& metrics_;
  cache::Cache& cache_;
  const Throughput& egress_;
  const Throughput& ingress_;
  const Clock& clock_;
  const MonoTime started_;
  const Histogram loop_lag_;  // nanoseconds
  std::atomic<size_t> samples_open_{0};
  std::vector<const net::ServerStats*> servers_;
  const Disk* disk_ = nullptr;
};

}  // namespace cachey::app
