#pragma once

#include <string>

#include "api/access_log.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "net/connection/server_stats.h"
#include "origin/s3/counters.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"

namespace cachey::app {

/// What /stats and the gauges of /metrics are read from. All of it outlives this. Any thread.
class Stats {
 public:
  /// `s3`: null where the origin is a directory. Registers what is read elsewhere with `metrics`.
  Stats(Metrics& metrics, cache::Cache& cache, const Throughput& egress, const Throughput& ingress,
        const origin::S3Counters* s3, const Clock& clock);

  /// Where connections and responses are counted, and what the access log drops; each once, before
  /// the server starts.
  void watch(const net::ServerStats& server);
  void watch(const api::AccessLog& access_log);
  /// The disk tier, where there is one. Once.
  void watch(const store::DiskTier& disk);

  /// Sees how long each worker takes to get to a task. Once a second.
  void sample_lag(rt::Workers& workers);

  /// The JSON text of /stats.
  [[nodiscard]] std::string json() const;

 private:
  void register_cache();
  void register_log();

  Metrics& metrics_;
  cache::Cache& cache_;
  const Throughput& egress_;
  const Throughput& ingress_;
  const Clock& clock_;
  const MonoTime started_;
  const Histogram loop_lag_;  // nanoseconds
  const net::ServerStats* server_ = nullptr;
  const store::DiskTier* disk_ = nullptr;
};

}  // namespace cachey::app
