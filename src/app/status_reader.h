#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/access_log.h"
#include "api/body_metrics.h"
#include "api/bucket_rules.h"
#include "api/client_limiter.h"
#include "api/client_shares.h"
#include "api/fetch/metrics.h"
#include "app/disk.h"
#include "app/options/options.h"
#include "app/origins.h"
#include "app/status/facts.h"
#include "base/clock.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "net/connection/server_stats.h"
#include "net/tls/context.h"
#include "origin/read/buckets.h"
#include "origin/read/gate.h"
#include "origin/read/read_metrics.h"

namespace cachey::app {

/// The rooms that a StatusReader reads. All outlive it.
struct StatusSources {
  const Options& options;
  cache::Cache& cache;
  const api::FetchMetrics& fetches;
  const Throughput& egress;
  const Throughput& ingress;
  const origin::Buckets& buckets;
  const origin::Gate& gate;
  const origin::ReadMetrics& reads;
  const Origins& origins;
  const api::ClientShares& clients;
  const api::ClientLimiter& limiter;
  const api::BucketRules& bucket_rules;
};

/// The longest time in a second that a worker took to start a task. note(): any thread.
/// begin_round() and take(): one thread.
class LoopLag {
 public:
  void note(std::chrono::nanoseconds lag);
  /// A round of tasks is posted at `now`. Each worker has started those of earlier rounds:
  /// `all_started`.
  void begin_round(MonoTime now, bool all_started);
  /// The longest lag since the last call, in microseconds. A task that has not yet started counts
  /// with its age.
  [[nodiscard]] int64_t take_us(MonoTime now, bool all_started);

 private:
  std::atomic<int64_t> longest_ns_{0};
  MonoTime oldest_open_;
};

/// Reads what the status of the process is made of. One thread; some 0.1 ms with 100 kinds.
class StatusReader {
 public:
  StatusReader(const StatusSources& sources, Metrics& metrics, const Clock& clock)
      : sources_(sources), clock_(clock), bodies_(metrics) {}

  /// Before the first read(), as for Stats.
  void watch(std::vector<const net::ServerStats*> servers) { servers_ = std::move(servers); }
  void watch(const api::AccessLog& access_log) { access_log_ = &access_log; }
  void watch(const Disk& disk) { disk_ = &disk; }
  void watch(const net::tls::Contexts& tls) { tls_ = &tls; }

  /// What the last reload could not read; empty: all was read.
  void reloaded(std::string failed) { failed_reloads_ = std::move(failed); }
  /// A shutdown has begun: /readyz answers 503, which is no failure.
  void leave() { leaving_ = true; }

  [[nodiscard]] Facts read(int64_t loop_lag_us) const;

 private:
  void read_pages(Row& row) const;
  void read_memory(Row& row) const;
  void read_disk(Facts& facts) const;
  void read_servers(Row& row) const;
  void read_fetches(Row& row) const;
  void read_gate(Row& row) const;
  void read_buckets(Facts& facts) const;
  void read_attempts(Facts& facts) const;
  void read_clients(Facts& facts) const;
  void read_process(Row& row) const;

  const StatusSources sources_;
  const Clock& clock_;
  const api::BodyMetrics bodies_;  // the same series as those of the endpoints
  std::vector<const net::ServerStats*> servers_;
  const api::AccessLog* access_log_ = nullptr;
  const Disk* disk_ = nullptr;
  const net::tls::Contexts* tls_ = nullptr;
  std::string failed_reloads_;
  bool leaving_ = false;
};

}  // namespace cachey::app
