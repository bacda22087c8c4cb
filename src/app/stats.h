#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/access_log.h"
#include "api/status_data.h"
#include "app/disk.h"
#include "app/status/status.h"
#include "app/status_reader.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "net/connection/server_stats.h"
#include "net/tls/context.h"
#include "rt/worker.h"

namespace cachey::app {

/// Composes the texts of /stats and /ui/data, and registers the metrics that are read from several
/// rooms. All arguments outlive the stats. Any thread.
class Stats {
 public:
  /// Registers with `metrics`.
  Stats(Metrics& metrics, const StatusSources& sources, const Clock& clock, Random& random);

  /// Each once, before the server starts.
  /// `s3api`: null if there is no S3 endpoint. `connections_max`: of `data`.
  void watch(const net::ServerStats& data, const net::ServerStats* s3api, size_t connections_max);
  void watch(const api::AccessLog& access_log);
  /// Once, if there is TLS.
  void watch(const net::tls::Contexts& tls);
  /// Once, if there is a disk tier.
  void watch(const Disk& disk);

  /// A shutdown has begun. From the thread of sample().
  void leave() { reader_.leave(); }
  /// A reload has ended; `failed`: what was not read, if anything. From the thread of sample().
  void reloaded(std::string failed) { reader_.reloaded(std::move(failed)); }

  /// Adds a second to the history and judges the findings. Once a second, from one thread: takes
  /// some 0.1 ms.
  void sample();

  /// Measures how long each worker takes to start a task. Once a second. True: each worker has
  /// started the tasks of the last call.
  bool sample_lag(rt::Workers& workers);

  /// The text of /stats, JSON.
  [[nodiscard]] std::string json() const;

  /// The texts of /ui/data.
  [[nodiscard]] api::StatusTexts status_texts();

 private:
  void register_cache();
  void register_heads();
  void register_log();

  Metrics& metrics_;
  const StatusSources sources_;
  cache::Cache& cache_;
  const Clock& clock_;
  const MonoTime started_;
  const Histogram loop_lag_;  // nanoseconds
  std::atomic<size_t> samples_open_{0};
  LoopLag longest_lag_;
  std::vector<const net::ServerStats*> servers_;
  const Disk* disk_ = nullptr;
  StatusReader reader_;
  Status status_;
};

}  // namespace cachey::app
