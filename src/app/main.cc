// The cache server: makes the parts, connects them, runs until told to stop.

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "api/access.h"
#include "api/access_log.h"
#include "api/fetch/fetch.h"
#include "api/router.h"
#include "app/check_origin.h"
#include "app/disk.h"
#include "app/disk_command.h"
#include "app/open_files.h"
#include "app/options.h"
#include "app/process_metrics.h"
#include "app/s3_parts.h"
#include "app/signals.h"
#include "app/stats.h"
#include "app/token_file.h"
#include "base/log.h"
#include "base/random.h"
#include "cache/cache.h"
#include "net/server.h"
#include "net/tls/context.h"
#include "origin/dir/dir_origin.h"
#include "rt/blocking_pool.h"
#include "store/s3_fifo.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

/// Label values of kinds that get metrics of their own.
constexpr size_t kKindsWithMetrics = 100;
constexpr unsigned kBlockingThreads = 8;
/// Of each admin address: who watches the server must get in when it is full.
constexpr size_t kAdminConnectionsMax = 100;
constexpr auto kAdminDrainTimeout = 1s;
/// How long the index of the disk may be read before requests are taken without it.
constexpr auto kIndexPatience = 2s;
constexpr auto kFlushGrace = 500ms;  // past its deadline
/// For what came in during the shutdown, where all of --drain-timeout went by.
constexpr auto kLastWrites = 2s;

struct Origins {
  std::unique_ptr<origin::Origin> origin;
  origin::S3Origin* s3 = nullptr;  // the same, where it is one
};

Result<Origins> make_origin(const Options& options, rt::Workers& workers, rt::BlockingPool& pool,
                            const Clock& clock, Random& random) {
  Origins made;
  if (!options.origin_directory.empty()) {
    Result<std::unique_ptr<origin::Origin>> directory =
        origin::make_dir_origin(options.origin_directory, pool);
    if (!directory) return fail(ErrorKind::kBadRequest, "--origin: " + directory.error().message());
    made.origin = std::move(*directory);
    return made;
  }
  Result<origin::S3Config> config = s3_config(options);
  if (!config) return std::unexpected(std::move(config.error()));
  Result<S3Parts> s3 = make_s3(std::move(*config), workers, pool, clock, random);
  if (!s3) return std::unexpected(std::move(s3.error()));
  made.s3 = s3->origin.get();
  made.origin = std::move(s3->origin);
  return made;
}

/// The tokens that requests need, or none where they need none.
Result<std::optional<api::Tokens>> first_tokens(const Options& options) {
  if (options.auth_tokens_file.empty()) return std::nullopt;
  return read_token_file(options.auth_tokens_file);
}

Result<std::string> reload_tokens(const std::string& path, api::Access& access) {
  Result<api::Tokens> tokens = read_token_file(path);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  std::string done = "tokens=" + std::to_string(tokens->size());
  access.replace_tokens(std::move(*tokens));
  return done;
}

Result<std::string> reopen(api::AccessLog& access_log, const std::string& path) {
  Result<void> reopened = access_log.reopen();
  if (!reopened) return std::unexpected(std::move(reopened.error()));
  return path;
}

Result<std::string> reload_tls(net::tls::Contexts& tls) {
  Result<void> reloaded = tls.reload();
  if (!reloaded) return std::unexpected(std::move(reloaded.error()));
  return std::string("certificates=new");
}

/// Fills go on after their clients; true where all have ended within `limit`.
bool wait_for_tasks(rt::Workers& workers, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    std::atomic<size_t> tasks{0};
    workers.run_on_each([&tasks](rt::Worker& worker) { tasks += worker.tasks().size(); });
    if (tasks == 0) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
}

rt::Task<void> flush_to_disk(rt::Worker& worker, cache::Cache& cache, MonoTime deadline,
                             std::promise<bool> done) {
  const bool durable = co_await cache.disk_writes().flush(worker, deadline);
  done.set_value(durable);
}

/// Whether all pages in memory are on the disk, in the end.
std::future<bool> flush_disk(rt::Worker& worker, cache::Cache& cache, MonoTime deadline) {
  std::promise<bool> done;
  std::future<bool> durable = done.get_future();
  rt::asio::post(worker.io(), [&worker, &cache, deadline, done = std::move(done)]() mutable {
    worker.tasks().spawn(flush_to_disk(worker, cache, deadline, std::move(done)));
  });
  return durable;
}

/// A disk that hangs does not hold up the end.
bool comes_true(std::future<bool>& future, std::chrono::nanoseconds limit) {
  return future.wait_for(limit + kFlushGrace) == std::future_status::ready && future.get();
}

int fail_to_start(const Error& error) {
  std::fprintf(stderr, "cachey: %s\n", error.message().c_str());
  return error.kind() == ErrorKind::kBadRequest ? 2 : 1;
}

std::vector<net::ListenAddress> addresses(const std::vector<ListenAddress>& listen,
                                          uint16_t default_port) {
  std::vector<net::ListenAddress> all;
  for (const ListenAddress& one : listen) {
    all.push_back({one.ip, one.port.value_or(default_port)});
  }
  return all;
}

/// Null where the server speaks plain HTTP.
Result<std::shared_ptr<net::tls::Contexts>> load_tls(const Options& options) {
  if (!options.tls.enabled()) return nullptr;
  return net::tls::Contexts::load(options.tls);
}

net::ServerConfig data_server_config(const Options& options, store::MemoryTier& memory,
                                     std::shared_ptr<net::tls::Contexts> tls) {
  net::ServerConfig config = options.server;
  config.listen_addresses = addresses(options.listen, options.port);
  config.tls = std::move(tls);
  config.charge = [&memory](int64_t bytes) { memory.charge(bytes); };
  const uint64_t files = raise_open_files_limit();
  config.connections_max =
      connections_within(files, options.server.connections_max,
                         OtherFiles{options.threads, origin::PoolLimits().connections_max,
                                    options.admin_listen.size(), kAdminConnectionsMax});
  if (config.connections_max < options.server.connections_max) {
    log::warn("fewer connections than asked for: the process may not open enough files",
              {{"max_connections", config.connections_max}, {"open_files_max", files}});
  }
  return config;
}

net::ServerConfig admin_server_config(const Options& options, net::ServerConfig config) {
  config.listen_addresses = addresses(options.admin_listen, 0);
  config.connections_max = kAdminConnectionsMax;
  return config;
}

void announce(const Options& options, const net::Server& data, const net::Server* admin) {
  if (admin != nullptr) {
    for (const std::string& address : admin->addresses()) {
      log::info("listening", {{"admin_address", address}});
    }
  }
  for (const std::string& address : data.addresses()) {
    log::info("listening", {{"address", address},
                            {"version", CACHEY_VERSION},
                            {"threads", options.threads},
                            {"memory", options.memory.limit_bytes},
                            {"tls", options.tls.enabled()}});
  }
}

/// Starts the servers, the admin one first where there is one.
Result<void> start(net::Server& data, net::Server* admin) {
  Result<void> started;
  if (admin != nullptr) started = admin->start();
  if (started) started = data.start();
  return started;
}

int run(const Options& options) {
  for (const std::string& warning : options.warnings) log::warn("options", {{"text", warning}});
  const SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  Throughput egress(metrics.counter("cachey_egress_bytes_total", "Body bytes sent to clients"));
  cache::CacheMetrics cache_metrics(metrics, kKindsWithMetrics);
  api::FetchMetrics fetch_metrics(metrics, kKindsWithMetrics);
  Result<std::optional<api::Tokens>> tokens = first_tokens(options);
  if (!tokens) return fail_to_start(tokens.error());
  api::Access access(metrics, std::move(*tokens), options.allow_bucket);

  rt::Workers workers(options.threads, clock);
  rt::BlockingPool blocking(
      kBlockingThreads);        // ends before the workers: its work refers to their tasks
  rt::BlockingPool reports(1);  // as above; scrapes wait for each other, and nobody for them
  Result<Origins> origins = make_origin(options, workers, blocking, clock, random);
  if (!origins) return fail_to_start(origins.error());

  store::MemoryTier memory(options.memory, std::make_unique<store::S3Fifo>(), clock);
  origin::Buckets buckets(options.hedge_quantile, clock, metrics);
  origin::Gate gate(options.gate, clock, metrics);
  origin::ReadMetrics read_metrics(metrics);
  const origin::ReadContext reads{*origins->origin, buckets, gate, read_metrics};
  std::unique_ptr<Disk> disk;
  if (!options.disk_path.empty()) {
    Result<std::unique_ptr<Disk>> opened = Disk::open(options, memory, clock, random);
    if (!opened) return fail_to_start(opened.error());
    disk = std::move(*opened);
  }
  cache::Cache cache(options.fill, reads, memory, cache_metrics, clock,
                     disk == nullptr ? nullptr : &disk->tier());
  const origin::S3Counters* s3 = origins->s3 == nullptr ? nullptr : &origins->s3->counters();
  Stats stats(metrics, cache, egress, cache_metrics.ingress, s3, clock);
  add_process_metrics(metrics);
  api::Fetch fetch(cache, fetch_metrics, egress, access);
  const api::Face data_face = options.admin_listen.empty() ? api::Face::kAll : api::Face::kData;
  const auto stats_text = [&stats] { return stats.json(); };
  api::Router data_router(data_face, fetch, metrics, reports, access, stats_text);
  api::Router admin_router(api::Face::kAdmin, fetch, metrics, reports, access, stats_text);
  api::AccessLog access_log(data_router, options.log_format, clock, random);
  if (!options.access_log.empty()) {
    const Result<void> opened = access_log.start(options.access_log);
    if (!opened) return fail_to_start(opened.error());
  }
  const Result<std::shared_ptr<net::tls::Contexts>> tls = load_tls(options);
  if (!tls) return fail_to_start(tls.error());
  const net::ServerConfig config = data_server_config(options, memory, *tls);
  net::Server data_server(workers, access_log, config);
  std::optional<net::Server> admin_server;
  if (!options.admin_listen.empty()) {
    admin_server.emplace(workers, admin_router, admin_server_config(options, config));
  }
  net::Server* const admin = admin_server ? &*admin_server : nullptr;
  stats.watch(data_server.stats());
  stats.watch(access_log);
  if (disk != nullptr) stats.watch(disk->tier());
  Signals signals([&] {
    egress.sample();
    cache_metrics.ingress.sample();
    stats.sample_lag(workers);
  });

  workers.start();
  if (disk != nullptr) disk->read_index(kIndexPatience);
  if (const Result<void> started = start(data_server, admin); !started) {
    workers.stop_and_join();
    return fail_to_start(started.error());
  }
  announce(options, data_server, admin);
  if (origins->s3 != nullptr) origins->s3->warm_up(workers[0]);
  if (!options.auth_tokens_file.empty()) {
    signals.on_reload("tokens", [&] { return reload_tokens(options.auth_tokens_file, access); });
  }
  if (*tls) signals.on_reload("TLS", [&] { return reload_tls(**tls); });

  if (!options.access_log.empty()) {
    signals.on_reload("access log", [&] { return reopen(access_log, options.access_log); });
  }
  signals.wait_for_first();
  signals.watch_for_second();
  log::info("shutting down", {{"open_connections", data_server.stats().connections.load()}});
  data_router.stop_being_ready();
  admin_router.stop_being_ready();
  const MonoTime deadline = clock.mono() + options.drain_timeout;
  std::future<bool> kept = flush_disk(workers[0], cache, deadline);
  // Who watches the shutdown may go on watching it.
  const bool drained = data_server.drain(options.drain_timeout);
  const bool admin_drained = admin == nullptr || admin->drain(kAdminDrainTimeout);
  (void)comes_true(kept, deadline - clock.mono());
  const bool idle = wait_for_tasks(workers, 1s);
  const auto left = std::max<std::chrono::nanoseconds>(deadline - clock.mono(), kLastWrites);
  const bool indexed = disk == nullptr || disk->wait_for_index(left);
  kept = flush_disk(workers[0], cache, clock.mono() + left);
  const bool all_kept = comes_true(kept, left);
  if (disk != nullptr) log::info("disk written", {{"all_pages", all_kept}});
  log::info("stopped", {{"requests_finished", drained}, {"fills_finished", idle}});
  access_log.flush();
  // Who still waits for something, or reads the index, holds on to the parts: then leave without
  // tearing down.
  if (!drained || !admin_drained || !idle || !indexed || !wait_for_tasks(workers, 0s)) {
    log::flush();
    std::_Exit(0);
  }
  workers.stop_and_join();
  return 0;
}

}  // namespace
}  // namespace cachey::app

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "disk") {
    return cachey::app::run_disk_command(argc - 1, argv + 1);
  }
  const auto options = cachey::app::parse_options(argc, argv, ::environ);
  if (!options) {
    std::fputs(options.error().text.c_str(), options.error().code == 0 ? stdout : stderr);
    return options.error().code;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const bool checks = !options->check_origin.empty();
  if (!cachey::log::start(checks ? "error" : options->log_level, options->log_format)) return 2;
  const int code = checks ? cachey::app::check_origin(*options) : cachey::app::run(*options);
  cachey::log::flush();
  return code;
}
