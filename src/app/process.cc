#include "app/process.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "app/given_files.h"
#include "app/pins.h"
#include "app/process_metrics.h"
#include "app/refusal_lines.h"
#include "app/server_configs.h"
#include "app/shutdown.h"
#include "base/log.h"
#include "origin/credentials/process.h"
#include "store/memory_metrics.h"
#include "store/s3_fifo.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

/// This many kinds have metrics of their own; the rest is counted as `other`.
constexpr size_t kKindsWithMetrics = 100;
constexpr unsigned kBlockingThreads = 8;
constexpr unsigned kReportThreads = 1;
constexpr auto kAdminDrainTimeout = 1s;
/// If the disk takes longer to answer and its index to read, requests are served without the disk
/// meanwhile. Short of a second, so that the server listens within a second.
constexpr auto kDiskPatience = 800ms;
/// With --disk-required the start waits this long for the disk's answer.
constexpr auto kRequiredDiskPatience = 30s;
/// Fills may go on for this long after their clients.
constexpr auto kFillGrace = 1s;
/// At least this long is left for the last writes, even if --drain-timeout is over. As long for a
/// disk that is still being opened.
constexpr auto kLastWrites = 2s;
constexpr auto kSignalPoll = 20ms;
/// For what a shutdown does after --drain-timeout: each step above has a limit of its own.
constexpr auto kStopGrace = 15s;

/// The longest time that a shutdown takes, from several points on.
std::chrono::milliseconds most_of_drain(const Options& options) {
  return options.drain_timeout + kStopGrace;
}
std::chrono::milliseconds most_of_rest(std::chrono::nanoseconds left) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(left, 0ns)) + kStopGrace;
}
std::chrono::milliseconds most_of_stop(const Options& options) {
  return options.drain_delay + most_of_drain(options);
}

/// If only declared kinds are allowed, the names that clients invent are `other`.
size_t kinds_with_metrics(const Options& options) {
  if (options.other_kinds == api::OtherKinds::kAny) return kKindsWithMetrics;
  return std::min(options.kinds.size(), kKindsWithMetrics);
}

store::MemoryTierConfig memory_config(const Options& options, Metrics& metrics) {
  store::MemoryTierConfig config = store::with_metrics(options.memory, metrics);
  config.touches_ahead = true;
  return config;
}

}  // namespace

Process::Foundation::Foundation(const Options& given, GivenTokens tokens)
    : options(given),
      egress(metrics.counter("cachey_egress_bytes_total", "Body bytes sent to clients")),
      cache_metrics(metrics, kinds_with_metrics(options)),
      fetch_metrics(metrics, kinds_with_metrics(options)),
      bucket_rules(options.allow_bucket, options.kinds, options.other_kinds),
      access(metrics, std::move(tokens.clients), bucket_rules, std::move(tokens.admins)),
      client_shares(options.threads, access.token_names(), random.bits(), clock, metrics),
      client_limiter({options.client_misses, options.client_bandwidth}, clock, metrics),
      pins(matches_of(options.pin), options.pin_limit),
      memory(memory_config(options, metrics), std::make_unique<store::S3Fifo>(), clock),
      workers(options.threads, clock),
      blocking(kBlockingThreads),
      reports(kReportThreads) {
  client_limiter.replace_token_limits(access.token_limits());
  memory.keep_by(&pins);
  // Declared kinds come before those that clients invent.
  for (const api::DeclaredKind& kind : options.kinds) {
    (void)fetch_metrics.of(kind.name);
    (void)cache_metrics.of(kind.name);
  }
}

Result<std::unique_ptr<Process>> Process::make(const Options& options, ServiceManager manager) {
  Result<GivenTokens> tokens = given_tokens(options);
  Result<std::optional<api::s3::AccessKeys>> keys = given_keys(options);
  auto foundation =
      std::make_unique<Foundation>(options, tokens ? std::move(*tokens) : GivenTokens{});
  Result<Origins> origins =
      make_origin(foundation->options, foundation->workers, foundation->blocking,
                  foundation->attributes, foundation->clock, foundation->random);
  Result<std::shared_ptr<net::tls::Contexts>> tls = given_tls(options, foundation->clock);
  auto fault = joined({error_of(tokens), error_of(keys), error_of(origins), error_of(tls)});
  if (fault) {
    const Result<void> access_log = check_access_log(options);  // else the opening tells
    const Result<void> disk = check_disk(options);
    return std::unexpected(*joined({&*fault, error_of(access_log), error_of(disk)}));
  }
  Opened opened;
  opened.origins = std::move(*origins);
  opened.tls = std::move(*tls);
  opened.keys = std::move(*keys);
  if (!options.disk_path.empty()) {
    opened.disk = std::make_unique<Disk>(
        foundation->options, foundation->workers, foundation->memory, foundation->pins,
        foundation->attributes, foundation->metrics, foundation->clock, foundation->random);
  }
  std::unique_ptr<Process> process(
      new Process(std::move(foundation), std::move(opened), std::move(manager)));
  if (!options.access_log_probes) process->access_log_.leave_probes_out();
  if (!options.access_log.empty()) {
    Result<void> log = process->access_log_.start(options.access_log);
    if (!log) {
      const Result<void> disk = check_disk(options);
      return std::unexpected(*joined({error_of(log), error_of(disk)}));
    }
    process->s3api_access_log_.share_file(process->access_log_);
  }
  return process;
}

Process::Process(std::unique_ptr<Foundation> foundation, Opened opened, ServiceManager manager)
    : foundation_(std::move(foundation)),
      options_(foundation_->options),
      clock_(foundation_->clock),
      workers_(foundation_->workers),
      origins_(std::move(opened.origins)),
      buckets_(options_.hedge_quantile, clock_, foundation_->metrics,
               options_.hedge_budget_percent / 100, options_.buckets_per_page),
      gate_(options_.gate, clock_, foundation_->metrics),
      read_metrics_(foundation_->metrics),
      disk_(std::move(opened.disk)),
      cache_(
          options_.fill,
          origin::ReadContext{*origins_.origin, buckets_, gate_, read_metrics_,
                              options_.read_limits},
          foundation_->memory, foundation_->cache_metrics, clock_,
          disk_ == nullptr ? nullptr : &disk_->tier(),
          [&rules = foundation_->bucket_rules](std::string_view kind, std::string_view bucket) {
            return !rules.denial(kind, bucket);
          },
          cache::PageSizes(options_.page_sizes), &foundation_->pins),
      counted_lines_(clock_),
      stats_(foundation_->metrics,
             {options_, cache_, foundation_->fetch_metrics, foundation_->egress,
              foundation_->cache_metrics.ingress, buckets_, gate_, read_metrics_, origins_,
              foundation_->client_shares, foundation_->client_limiter, foundation_->bucket_rules},
             clock_, foundation_->random),
      routes_(
          cache_, origins_.s3, foundation_->fetch_metrics, foundation_->egress,
          foundation_->metrics, foundation_->reports, [this] { return stats_.json(); },
          stats_.status_texts(), options_.client_limit_max,
          options_.fetch_any_range ? api::RangeForms::kAny : api::RangeForms::kBothEnds,
          foundation_->random, options_.ui,
          s3api_config(options_, origins_.region, std::move(opened.keys))),
      data_router_(options_.admin_listen.empty() ? api::Face::kBoth : api::Face::kData,
                   routes_.table(), foundation_->access),
      admin_router_(api::Face::kAdminPort, routes_.table(), foundation_->access),
      s3api_router_(api::Face::kS3, routes_.table(), foundation_->access),
      access_log_(data_router_, options_.log_format, clock_, foundation_->random),
      s3api_access_log_(s3api_router_, options_.log_format, clock_, foundation_->random),
      tls_(std::move(opened.tls)),
      server_config_(data_server_config(options_, foundation_->memory, tls_)),
      data_server_(workers_, access_log_, server_config_, clock_),
      notices_(std::move(manager.notices)),
      watchdog_(manager.watchdog),
      signals_([this] { sample(); }) {
  if (options_.s3api.enabled()) {
    s3api_server_.emplace(workers_, s3api_access_log_,
                          s3api_server_config(options_, server_config_), clock_);
  }
  if (!options_.admin_listen.empty()) {
    admin_server_.emplace(workers_, admin_router_, admin_server_config(options_, server_config_),
                          clock_);
  }
  for (const api::DeclaredKind& kind : options_.kinds) gate_.declare(kind.name, kind.buckets);
  add_process_metrics(foundation_->metrics);
  add_pin_metrics(foundation_->metrics, foundation_->memory,
                  disk_ == nullptr ? nullptr : &disk_->tier());
  stats_.watch(data_server_.stats(), s3api_server_ ? &s3api_server_->stats() : nullptr,
               server_config_.connections_max);
  if (tls_ != nullptr) stats_.watch(*tls_);
  routes_.account({&foundation_->client_shares, &foundation_->client_limiter});
  stats_.watch(access_log_);
  if (disk_ != nullptr) stats_.watch(*disk_);
  watch_refusals(counted_lines_, foundation_->memory, gate_, data_server_,
                 s3api_server_ ? &*s3api_server_ : nullptr);
  if (origins_.s3 != nullptr) watch_throttling(counted_lines_, origins_.s3->counters());
}

Process::~Process() { workers_.stop_and_join(); }

Result<void> Process::start() {
  workers_.start();
  if (disk_ != nullptr) {
    if (Result<void> opened = open_disk(); !opened) return opened;
  }
  if (Result<void> started = start_servers(); !started) return started;
  announce();
  if (origins_.s3 != nullptr) origins_.s3->warm_up(workers_[0]);
  add_reloads();
  tell_state();
  return {};
}

/// Opens the disk and reads its index for at most kDiskPatience. The error ends the start: a wrong
/// option, or with --disk-required any error. kInternal: another start may succeed.
Result<void> Process::open_disk() {
  const MonoTime deadline = clock_.mono() + kDiskPatience;
  disk_->start_opening();
  bool answered = disk_->wait_for_device(kDiskPatience);
  if (!answered && options_.disk_required) {
    Result<void> waited = wait_for_required_disk();
    if (!waited) return waited;
    answered = true;
  }
  const Result<void> opened = disk_->opened();
  if (!opened && (options_.disk_required || opened.error().kind() == ErrorKind::kBadRequest)) {
    const bool may_pass = opened.error().kind() == ErrorKind::kInternal;  // the device, or its lock
    return fail(may_pass ? ErrorKind::kInternal : ErrorKind::kBadRequest, opened.error().message());
  }
  if (!answered) log::error("disk does not answer, serving without it meanwhile");
  disk_->log_errors();
  disk_->wait_for_index(deadline - clock_.mono());
  return {};
}

Result<void> Process::wait_for_required_disk() {
  const MonoTime deadline = clock_.mono() + kRequiredDiskPatience;
  while (!disk_->wait_for_device(0s)) {
    if (signals_.wait_for_first(kSignalPoll)) {
      return fail(ErrorKind::kCancelled, "ended by a signal before the disk had answered");
    }
    if (clock_.mono() > deadline) {
      return fail(ErrorKind::kInternal, options_.disk_path + ": the disk does not answer");
    }
  }
  return {};
}

/// Starts the admin server first, so that the whole start can be watched.
Result<void> Process::start_servers() {
  Result<void> started;
  if (admin_server_) started = admin_server_->start();
  if (started && s3api_server_) started = s3api_server_->start();
  if (started) started = data_server_.start();
  return started;
}

void Process::announce() {
  std::string also;
  if (admin_server_) {
    for (const std::string& address : admin_server_->addresses()) {
      also += ", admin on " + address;
      log::info("listening", {{"admin_address", address}});
    }
  }
  if (s3api_server_) {
    for (const std::string& address : s3api_server_->addresses()) {
      also += ", S3 on " + address;
      log::info("listening", {{"s3_address", address}});
    }
  }
  for (const std::string& address : data_server_.addresses()) {
    serving_on_ += (serving_on_.empty() ? "" : ", ") + address;
    log::info("listening", {{"address", address},
                            {"version", CACHEY_VERSION},
                            {"threads", options_.threads},
                            {"memory", options_.memory.limit_bytes},
                            {"tls", options_.tls.enabled()}});
  }
  serving_on_ += also;
}

/// For `systemctl status`.
void Process::tell_state() {
  if (serving_on_.empty() || !notices_.wanted()) return;
  std::string status = "serving on " + serving_on_;
  if (disk_ != nullptr) status.append("; disk ").append(to_string(disk_->status().state));
  if (!failed_reloads_.empty()) status += "; the last reload failed: " + failed_reloads_;
  notices_.serving(status);
}

/// Once a second.
void Process::sample() {
  foundation_->egress.sample();
  foundation_->client_shares.sample();
  foundation_->cache_metrics.ingress.sample();
  stats_.sample();
  const bool loops_turn = stats_.sample_lag(workers_);
  if (watchdog_ && loops_turn) notices_.alive();
  if (::getpid() == 1) origin::reap_orphans();
  counted_lines_.look();
  tell_state();
}

void Process::serve() { signals_.wait_for_first(); }

bool Process::stop() {
  stats_.leave();
  routes_.stop_being_ready();  // before the log line: tests wait for the line
  int64_t open = data_server_.stats().connections.load();
  if (s3api_server_) open += s3api_server_->stats().connections.load();
  log::info("shutting down", {{"open_connections", open}});
  if (options_.drain_delay > 0ms) wait_for_load_balancers();
  signals_.watch_for_second();
  cache_.stop_walks();
  notices_.stopping("waiting for open requests", most_of_drain(options_));
  const MonoTime deadline = clock_.mono() + options_.drain_timeout;
  const bool disk_in_use = disk_ != nullptr && disk_->tier().recovered();
  std::future<bool> flush;
  if (disk_in_use) flush = start_disk_flush(workers_[0], cache_, deadline);
  const Drained drained = drain_servers();
  if (disk_in_use) (void)wait_for_flush(flush, deadline, clock_);
  const bool idle = wait_for_tasks(workers_, kFillGrace, clock_);
  if (disk_ != nullptr)
    notices_.stopping("writing the last pages to the disk", most_of_rest(deadline - clock_.mono()));
  const bool disk_idle = disk_ == nullptr || write_last_pages(deadline);
  log::info("stopped", {{"requests_finished", drained.clients}, {"fills_finished", idle}});
  access_log_.flush();
  if (!drained.clients || !drained.admin || !idle || !disk_idle) return false;
  return wait_for_tasks(workers_, 0s, clock_);
}

/// Serves for --drain-delay while load balancers see that /readyz is 503. Clients that keep their
/// connections are asked to leave in the second half only: earlier, a load balancer that has seen
/// nothing yet would send them here again.
void Process::wait_for_load_balancers() {
  const auto half = options_.drain_delay / 2;
  notices_.stopping("serving until load balancers have noticed the end", most_of_stop(options_));
  log::info("serving until load balancers have noticed",
            {{"drain_delay_ms", options_.drain_delay.count()}});
  signals_.run_for(half);
  data_server_.leave();
  if (s3api_server_) s3api_server_->leave();
  signals_.run_for(options_.drain_delay - half);
}

/// Drains the servers of clients side by side, and the admin server last, so that the shutdown can
/// be watched.
Process::Drained Process::drain_servers() {
  Drained drained{};
  std::future<bool> s3api;
  if (s3api_server_) {
    s3api = std::async(std::launch::async,
                       [this] { return s3api_server_->drain(options_.drain_timeout); });
  }
  drained.clients = data_server_.drain(options_.drain_timeout);
  if (s3api.valid()) drained.clients = s3api.get() && drained.clients;
  drained.admin = !admin_server_ || admin_server_->drain(kAdminDrainTimeout);
  return drained;
}

/// Writes the pages that came in during the shutdown. False: the disk is still being opened.
bool Process::write_last_pages(MonoTime deadline) {
  if (!disk_->end_opening(kLastWrites)) return false;
  bool all_kept = false;
  if (disk_->tier().recovered()) {
    const MonoTime last = std::max(deadline, clock_.mono() + kLastWrites);
    std::future<bool> flush = start_disk_flush(workers_[0], cache_, last);
    all_kept = wait_for_flush(flush, last, clock_);
  }
  log::info("disk written", {{"all_pages", all_kept}});
  return true;
}

}  // namespace cachey::app
