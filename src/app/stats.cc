#include "app/stats.h"

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/options/revision.h"
#include "app/process_metrics.h"
#include "base/log.h"
#include "base/throughput_metrics.h"
#include "rt/mailbox.h"
#include "store/disk/disk_metrics.h"
#include "store/memory_metrics.h"

namespace cachey::app {
namespace {

// .0001 .001 .005 .01 .05 .1 .5 1 seconds
const std::vector<uint64_t> kLagBounds = {100'000,    1'000'000,   5'000'000,   10'000'000,
                                          50'000'000, 100'000'000, 500'000'000, 1'000'000'000};

double to_double(std::integral auto number) { return static_cast<double>(number); }

/// The member `disk` of /stats.
nlohmann::ordered_json disk_json(const Disk& disk) {
  const store::DiskUsage usage = disk.tier().usage();
  const Disk::Status status = disk.status();
  return {{"capacity_bytes", usage.capacity},
          {"used_bytes", usage.used_bytes},
          {"payload_bytes", usage.payload_bytes},
          {"pages", usage.pages},
          {"parts", usage.parts},
          {"queued_bytes", usage.queued_bytes},
          {"evictions", usage.evictions},
          {"regions_out", usage.regions_out},
          {"online", usage.online},
          {"read_only", usage.read_only},
          {"state", to_string(status.state)},
          {"error", status.error}};
}

Status::Identity identity_of(const Options& options, const Clock& clock, Random& random) {
  const auto now = clock.wall().time_since_epoch();
  return {.version = CACHEY_VERSION,
          .revision = build_revision(),
          .boot = fmt::format("{:016x}", random.bits()),
          .started_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
          .threads = options.threads,
          .memory_bytes = options.memory.limit_bytes};
}

}  // namespace

Stats::Stats(Metrics& metrics, const StatusSources& sources, const Clock& clock, Random& random)
    : metrics_(metrics),
      sources_(sources),
      cache_(sources.cache),
      clock_(clock),
      started_(clock.mono()),
      loop_lag_(metrics.histogram("cachey_event_loop_lag_seconds",
                                  "How long a worker took to get to a task, once a second",
                                  kLagBounds, kNanosecondsPerSecond)),
      reader_(sources, metrics, clock),
      status_(identity_of(sources.options, clock, random), metrics) {
  cache_.memory().charge(Status::kBytes);
  add_throughput_metrics(metrics_, "egress", sources_.egress);
  add_throughput_metrics(metrics_, "ingress", sources_.ingress);
  store::add_memory_metrics(metrics_, cache_.memory());
  register_cache();
  register_heads();
  register_log();
  if (sources_.origins.s3 != nullptr) add_metrics(metrics_, sources_.origins.s3->counters());
  metrics_
      .gauge(
          "cachey_build_info", "Always 1",
          {{"version", CACHEY_VERSION}, {"compiler", __VERSION__}, {"revision", build_revision()}})
      .Set(1);
}

void Stats::register_cache() {
  metrics_.read_gauge("cachey_fills_in_flight", "Pages on their way in",
                      reader_of(cache_.metrics().fills_in_flight));
  metrics_.read_gauge("cachey_warm_pages_in_flight", "Pages that warm requests wait for",
                      reader_of(cache_.metrics().warm.pages_under_way));
  metrics_.read_gauge("cachey_warm_unread_bytes",
                      "Bytes of warm pages that only memory has and no client has read",
                      reader_of(cache_.metrics().warm.unread_bytes));
  metrics_.read_counter("cachey_page_drops_total", "Pages that are kept no longer, by cause",
                        [this] { return to_double(cache_.metrics().fills_failed.total()); },
                        {{"cause", "failed"}});
}

/// Only the S3 endpoint needs heads.
void Stats::register_heads() {
  const cache::Heads& heads = cache_.heads();
  if (!heads.enabled()) return;
  metrics_.read_gauge("cachey_heads", "Objects of which the newest answer is known",
                      [&heads] { return to_double(heads.entries()); });
  metrics_.read_gauge("cachey_heads_bytes", "Memory of the newest answers about objects",
                      [&heads] { return to_double(heads.bytes()); });
  metrics_.read_counter("cachey_heads_evictions_total",
                        "Newest answers about objects that left memory for others",
                        [&heads] { return to_double(heads.evictions()); });
}

void Stats::register_log() {
  metrics_.read_counter("cachey_log_dropped_lines_total", "Log lines that found no room",
                        [] { return to_double(log::dropped()); });
  metrics_.read_counter("cachey_log_suppressed_lines_total",
                        "Log lines past the limit of lines a second of one event",
                        [] { return to_double(log::suppressed()); });
}

void Stats::watch(const net::ServerStats& data, const net::ServerStats* s3api,
                  size_t connections_max) {
  servers_ = {&data};
  if (s3api != nullptr) {
    servers_.push_back(s3api);
    metrics_.read_gauge("cachey_s3api_connections", "Open client connections of the S3 endpoint",
                        reader_of(s3api->connections));
  }
  net::add_server_metrics(metrics_, servers_);
  reader_.watch(servers_);
  status_.set_connections_max(connections_max);
}

void Stats::watch(const api::AccessLog& access_log) {
  reader_.watch(access_log);
  metrics_.read_counter("cachey_access_log_dropped_lines_total",
                        "Lines of the access log that found no room",
                        [&access_log] { return to_double(access_log.dropped()); });
}

void Stats::watch(const net::tls::Contexts& tls) {
  add_certificate_metric(metrics_, tls);
  reader_.watch(tls);
}

void Stats::watch(const Disk& disk) {
  disk_ = &disk;
  reader_.watch(disk);
  store::add_disk_metrics(metrics_, disk.tier());
  cache::add_bypass_metrics(metrics_, cache_.disk_bypass());
  for (const DiskState state : kDiskStates) {
    metrics_.read_gauge("cachey_disk_state", "1 for the disk's state, 0 for the others",
                        [&disk, state] { return disk.status().state == state ? 1.0 : 0.0; },
                        {{"state", std::string(to_string(state))}});
  }
}

void Stats::sample() {
  status_.add(reader_.read(longest_lag_.take_us(clock_.mono(), samples_open_ == 0)));
}

api::StatusTexts Stats::status_texts() {
  return {.text = [this](uint64_t since) { return status_.data(since); },
          .is_short = [this](uint64_t since) { return status_.is_short(since); }};
}

bool Stats::sample_lag(rt::Workers& workers) {
  const bool all_turn = samples_open_ == 0;
  const MonoTime posted = clock_.mono();
  longest_lag_.begin_round(posted, all_turn);
  for (size_t i = 0; i < workers.size(); ++i) {
    ++samples_open_;
    rt::Mailbox::post(workers[i].executor(), [this, posted] {
      --samples_open_;
      const std::chrono::nanoseconds waited = clock_.mono() - posted;
      longest_lag_.note(waited);
      loop_lag_.observe(static_cast<uint64_t>(waited.count()));
    });
  }
  return all_turn;
}

std::string Stats::json() const {
  const cache::CacheMetrics::Totals pages = cache_.metrics().totals();
  const double hit_ratio =
      pages.accesses > 0 ? to_double(pages.hits) / to_double(pages.accesses) : 0.0;
  nlohmann::ordered_json json;
  json["egress_throughput_10s_bps"] = sources_.egress.rate(10);
  json["ingress_throughput_10s_bps"] = sources_.ingress.rate(10);
  json["version"] = CACHEY_VERSION;
  json["uptime_seconds"] =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.mono() - started_).count();
  int64_t connections = 0;
  for (const net::ServerStats* server : servers_) connections += server->connections.load();
  json["connections"] = connections;
  json["page_accesses"] = pages.accesses;
  json["page_hits"] = pages.hits;
  json["page_hit_ratio"] = hit_ratio;
  json["fills_in_flight"] = cache_.metrics().fills_in_flight.load();
  json["egress_bytes"] = sources_.egress.total();
  json["ingress_bytes"] = sources_.ingress.total();
  json["memory"] = {{"limit_bytes", cache_.memory().limit_bytes()},
                    {"used_bytes", cache_.memory().used_bytes()},
                    {"admitted_bytes", cache_.memory().admitted_bytes()},
                    {"waiting_fills", cache_.memory().waiting()},
                    {"pages", cache_.memory().stats().pages.load()},
                    {"evictions", cache_.memory().stats().evictions.load()}};
  if (disk_ != nullptr) json["disk"] = disk_json(*disk_);
  status_.describe(json);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace cachey::app
