#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/access.h"
#include "api/access_log.h"
#include "api/bucket_rules.h"
#include "api/client_limiter.h"
#include "api/client_shares.h"
#include "api/fetch/metrics.h"
#include "api/router.h"
#include "api/s3/access_keys.h"
#include "app/counted_lines.h"
#include "app/disk.h"
#include "app/given_files.h"
#include "app/options/options.h"
#include "app/origins.h"
#include "app/routes.h"
#include "app/service_notices.h"
#include "app/signals.h"
#include "app/stats.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "net/server.h"
#include "net/tls/context.h"
#include "origin/read/object_read.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"
#include "store/memory_tier.h"
#include "store/pin_rules.h"

namespace cachey::app {

/// The cache server: owns, connects, starts and stops all parts. Owned by main. Only one may exist
/// at a time, because of the signals.
///
/// Life: make(), start(), serve(), stop(). All are called on one thread. After a stop() that
/// returned false the process must leave without destroying this.
class Process {
 public:
  /// Makes the parts that `options` asks for. The error is for the person that started the
  /// process, with a line for each fault: kBadRequest if an option, or a file that an option names,
  /// is wrong. Blocks.
  [[nodiscard]] static Result<std::unique_ptr<Process>> make(const Options& options,
                                                             ServiceManager manager = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Starts the workers, opens the disk and listens. Once. Waits for the disk shortly, with
  /// --disk-required up to 30 s. After an error the process can only be destroyed, which waits
  /// for the disk.
  [[nodiscard]] Result<void> start();

  /// The addresses of the data port, each like `127.0.0.1:8080`. REQUIRES: started.
  [[nodiscard]] const std::vector<std::string>& addresses() const {
    return data_server_.addresses();
  }

  /// Serves until the first SIGINT or SIGTERM. REQUIRES: started.
  void serve();

  /// Serves for --drain-delay, waits for open requests (for --drain-timeout) and fills, and writes
  /// the pages that are only in memory to the disk. False: something still runs and uses the parts.
  /// Once, after serve().
  [[nodiscard]] bool stop();

 private:
  /// The parts that are made first: making them cannot fail.
  struct Foundation {
    Foundation(const Options& options, GivenTokens tokens);

    const Options options;
    const SystemClock clock;
    SystemRandom random;
    Metrics metrics;
    Throughput egress;
    cache::CacheMetrics cache_metrics;
    api::FetchMetrics fetch_metrics;
    api::BucketRules bucket_rules;
    api::Access access;
    api::ClientShares client_shares;
    api::ClientLimiter client_limiter;
    AttributesPool attributes;
    store::PinRules pins;
    store::MemoryTier memory;  // connections of a worker charge bytes until the worker ends
    rt::Workers workers;
    // Both pools end before the workers, because their work refers to the workers' tasks.
    rt::BlockingPool blocking;
    rt::BlockingPool reports;  // texts of /metrics; one thread, so that scrapes queue
  };
  struct Opened {
    Origins origins;
    std::unique_ptr<Disk> disk;               // null: none
    std::shared_ptr<net::tls::Contexts> tls;  // null: plain HTTP
    std::optional<api::s3::AccessKeys> keys;  // nothing: clients of the S3 endpoint need none
  };
  struct Drained {
    bool clients;
    bool admin;
  };

  Process(std::unique_ptr<Foundation> foundation, Opened opened, ServiceManager manager);

  [[nodiscard]] net::Server* admin() { return admin_server_ ? &*admin_server_ : nullptr; }

  [[nodiscard]] Result<void> open_disk();
  [[nodiscard]] Result<void> wait_for_required_disk();
  [[nodiscard]] Result<void> start_servers();
  void announce();
  void tell_state();
  void add_reloads();
  void forget_memory();
  void take_pins(const Options& now);
  void sample();
  void wait_for_load_balancers();
  [[nodiscard]] Drained drain_servers();
  [[nodiscard]] bool write_last_pages(MonoTime deadline);

  // In the order of lifetimes: a part refers only to parts above it.
  const std::unique_ptr<Foundation> foundation_;
  const Options& options_;
  const Clock& clock_;
  rt::Workers& workers_;
  const Origins origins_;
  origin::Buckets buckets_;
  origin::Gate gate_;
  origin::ReadMetrics read_metrics_;
  const std::unique_ptr<Disk> disk_;
  cache::Cache cache_;
  CountedLines counted_lines_;
  Stats stats_;
  Routes routes_;
  api::Router data_router_;
  api::Router admin_router_;
  api::Router s3api_router_;
  api::AccessLog access_log_;
  api::AccessLog s3api_access_log_;  // into the same file
  const std::shared_ptr<net::tls::Contexts> tls_;
  const net::ServerConfig server_config_;
  net::Server data_server_;
  std::optional<net::Server> s3api_server_;
  std::optional<net::Server> admin_server_;
  ServiceNotices notices_;
  const bool watchdog_;
  std::string serving_on_;      // the addresses; empty: not yet started
  std::string failed_reloads_;  // of the last SIGHUP
  Signals signals_;
};

}  // namespace cachey::app
