#include "app/status_reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <utility>

#include "app/status/status.h"
#include "base/log.h"
#include "base/tier.h"

namespace cachey::app {
namespace {

int64_t whole(std::integral auto number) { return static_cast<int64_t>(number); }

std::optional<double> in_ms(std::optional<double> seconds) {
  return seconds ? std::optional(*seconds * 1000) : std::nullopt;
}

int64_t cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

DiskFacts::State disk_state_of(DiskState state) {
  switch (state) {
    case DiskState::kOpening:
      return DiskFacts::State::kOpening;
    case DiskState::kReadingIndex:
    case DiskState::kOnline:
      return DiskFacts::State::kInUse;
    case DiskState::kOffline:
    case DiskState::kFailed:
      return DiskFacts::State::kOffline;
    case DiskState::kUnusable:
      return DiskFacts::State::kUnusable;
  }
  return DiskFacts::State::kNone;
}

/// The class of failures that an error of a fetch belongs to.
Column class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUpstream:
    case ErrorKind::kDamaged:
    case ErrorKind::kRefused:
      return Column::kFailedStore;
    case ErrorKind::kTimeout:
      return Column::kFailedTimeout;
    case ErrorKind::kThrottled:
    case ErrorKind::kOverloaded:
      return Column::kFailedOverloaded;
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
      return Column::kFailedInternal;
    default:
      return Column::kFailedRequest;
  }
}

/// Null: there is none. `buckets`: sorted by name.
BucketFacts* find_bucket(std::vector<BucketFacts>& buckets, const std::string& name) {
  const auto found = std::ranges::lower_bound(buckets, name, {}, &BucketFacts::name);
  return found != buckets.end() && found->name == name ? &*found : nullptr;
}

static_assert(kFirstByteTiers == kTiers);

}  // namespace

void LoopLag::note(std::chrono::nanoseconds lag) {
  int64_t longest = longest_ns_.load(std::memory_order_relaxed);
  while (lag.count() > longest &&
         !longest_ns_.compare_exchange_weak(longest, lag.count(), std::memory_order_relaxed)) {
  }
}

void LoopLag::begin_round(MonoTime now, bool all_started) {
  if (all_started) oldest_open_ = now;
}

int64_t LoopLag::take_us(MonoTime now, bool all_started) {
  std::chrono::nanoseconds longest(longest_ns_.exchange(0, std::memory_order_relaxed));
  if (!all_started) longest = std::max<std::chrono::nanoseconds>(longest, now - oldest_open_);
  return std::chrono::duration_cast<std::chrono::microseconds>(longest).count();
}

Facts StatusReader::read(int64_t loop_lag_us) const {
  Facts facts;
  Row& row = facts.totals;
  const auto wall = clock_.wall().time_since_epoch();
  row[Column::kTimeMs] = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
  row[Column::kLoopLagMax] = loop_lag_us;
  for (size_t tier = 0; tier < kFirstByteTiers; ++tier)
    facts.first_bytes[tier] = bodies_.first_byte(static_cast<Tier>(tier)).snapshot();
  read_pages(row);
  read_memory(row);
  facts.pinned_over_limit = whole(sources_.cache.memory().kept().over_limit_pages);
  read_disk(facts);
  read_servers(row);
  read_fetches(row);
  read_gate(row);
  read_buckets(facts);
  read_attempts(facts);
  read_clients(facts);
  read_process(row);
  facts.failed_reloads = failed_reloads_;
  if (tls_ != nullptr) facts.certificate_ends_ms = tls_->not_after() * 1000;
  facts.buckets_are_limited = sources_.bucket_rules.limit_names();
  facts.credentials_fail =
      sources_.origins.credentials != nullptr && sources_.origins.credentials->search_failed();
  return facts;
}

void StatusReader::read_pages(Row& row) const {
  const cache::CacheMetrics& metrics = sources_.cache.metrics();
  const cache::CacheMetrics::Totals pages = metrics.totals();
  const int64_t there = whole(pages.memory_hits + pages.disk_hits + pages.coalesced);
  row[Column::kPagesMemory] = whole(pages.memory_hits);
  row[Column::kPagesDisk] = whole(pages.disk_hits);
  row[Column::kPagesCoalesced] = whole(pages.coalesced);
  row[Column::kPagesMiss] = std::max<int64_t>(0, whole(pages.accesses) - there);
  row[Column::kEgressBytes] = whole(sources_.egress.total());
  row[Column::kIngressBytes] = whole(sources_.ingress.total());
  row[Column::kFills] = metrics.fills_in_flight.load(std::memory_order_relaxed);
  row[Column::kDropsFailed] = whole(metrics.fills_failed.total());
}

void StatusReader::read_memory(Row& row) const {
  const store::MemoryTier& memory = sources_.cache.memory();
  row[Column::kMemoryUsed] = whole(memory.used_bytes());
  row[Column::kMemoryWaiting] = whole(memory.waiting());
  row[Column::kDropsEvicted] = whole(memory.stats().evictions.load());
  row[Column::kDropsChanged] = whole(memory.stats().discards.load());
  row[Column::kMissesRefused] = whole(memory.refused());
  row[Column::kGhostHits] = whole(memory.ghost_hits().total());
}

void StatusReader::read_disk(Facts& facts) const {
  if (disk_ == nullptr) return;
  const Disk::Status status = disk_->status();
  const store::DiskUsage usage = disk_->tier().usage();
  const store::DiskStats& stats = disk_->tier().stats();
  facts.disk.state = disk_state_of(status.state);
  facts.disk.error = status.error;
  facts.disk.capacity_bytes = usage.capacity;
  facts.disk.read_only = usage.read_only;
  facts.disk.file_deleted = status.file_deleted;
  constexpr double kMillisecondsPerSecond = 1000;
  const cache::DiskBypass::View bypass = sources_.cache.disk_bypass().view();
  facts.disk.slow = bypass.slow;
  facts.disk.disk_p50_ms = bypass.disk_p50_seconds * kMillisecondsPerSecond;
  facts.disk.store_p50_ms = bypass.store_p50_seconds * kMillisecondsPerSecond;
  facts.totals[Column::kGhostHits] = whole(usage.ghosts.total());  // what left memory is on disk
  facts.pinned_over_limit += whole(usage.kept.over_limit_pages);
  facts.totals[Column::kDiskUsed] = whole(usage.used_bytes);
  facts.totals[Column::kDiskEvictions] = whole(usage.evictions);
  facts.totals[Column::kDiskReadBytes] = whole(stats.read_bytes.load());
  facts.totals[Column::kDiskWrittenBytes] = whole(stats.written_bytes.load());
}

void StatusReader::read_servers(Row& row) const {
  constexpr std::array kStatuses = {Column::kStatus2xx, Column::kStatus3xx, Column::kStatus4xx,
                                    Column::kStatus5xx};
  for (const Column column : kStatuses) row[column] = 0;
  row[Column::kConnections] = 0;
  row[Column::kStatusFailed] = 0;
  row[Column::kConnectionsRefused] = 0;
  for (const net::ServerStats* server : servers_) {
    row[Column::kConnections] += server->connections.load();
    row[Column::kConnectionsRefused] +=
        whole(server->connections_refused.load() + server->connections_over_share.load() +
              server->connections_displaced.load());
    for (const net::ResponseCounts& counts : server->responses) {
      for (size_t i = 0; i < kStatuses.size(); ++i)
        row[kStatuses[i]] += whole(counts.total(i + 1));  // 0 is 1xx
      if (!leaving_) row[Column::kStatusFailed] += whole(counts.failures());
    }
  }
}

void StatusReader::read_fetches(Row& row) const {
  const api::FetchTotals totals = sources_.fetches.totals();
  row[Column::kFetches] = whole(totals.started);
  row[Column::kClientGone] = whole(totals.client_gone);
  for (const Column column :
       {Column::kFailedStore, Column::kFailedTimeout, Column::kFailedOverloaded,
        Column::kFailedInternal, Column::kFailedRequest}) {
    row[column] = 0;
  }
  for (size_t kind = 0; kind < totals.failed.size(); ++kind)
    row[class_of(static_cast<ErrorKind>(kind))] += whole(totals.failed[kind]);
}

void StatusReader::read_gate(Row& row) const {
  row[Column::kTurnsWaiting] = whole(sources_.gate.waiting());
  row[Column::kTurnsRefused] = whole(sources_.gate.turns_refused());
  row[Column::kHedges] = whole(sources_.reads.hedges.issued.total());
}

void StatusReader::read_buckets(Facts& all) const {
  for (origin::Buckets::Overview& bucket : sources_.buckets.overview()) {
    BucketFacts& facts = all.buckets.emplace_back();
    facts.name = std::move(bucket.name);
    facts.breaker_open = bucket.health.breaker_open;
    facts.consecutive_failures = bucket.health.consecutive_failures;
    facts.failed_reads = bucket.health.failures;
    facts.share = bucket.health.share;
    facts.error_ratio = bucket.health.error_rate;
    facts.p50_ms = in_ms(bucket.median_seconds);
    facts.p99_ms = in_ms(bucket.p99_seconds);
    if (bucket.hedge_delay)
      facts.hedge_ms = std::chrono::duration<double, std::milli>(*bucket.hedge_delay).count();
  }
}

/// Of each bucket and of all. A bucket that only attempts know is not told: its name may be
/// `other`, or forgotten by origin::Buckets.
void StatusReader::read_attempts(Facts& facts) const {
  for (const auto& [name, waiting] : sources_.gate.waiting_by_bucket(origin::Gate::kBucketsShown)) {
    if (BucketFacts* const bucket = find_bucket(facts.buckets, name))
      bucket->waiting = whole(waiting);
  }
  if (sources_.origins.s3 == nullptr) return;
  // Until its first good answer or failure a bucket is counted in `other`.
  for (BucketFacts& bucket : facts.buckets) bucket.is_known = false;
  Row& row = facts.totals;
  row[Column::kOtherGood] = row[Column::kOtherDenied] = row[Column::kOtherDeniedObjects] = 0;
  row[Column::kOriginOk] = 0;
  int64_t attempts = 0;
  int64_t failures = 0;
  int64_t throttled = 0;
  for (origin::BucketAttempts::Totals& one : sources_.origins.s3->counters().attempts.totals()) {
    const int64_t slowed = whole(one.of(origin::AttemptOutcome::kThrottled));
    const int64_t ok = whole(one.of(origin::AttemptOutcome::kOk));
    const int64_t good = ok + whole(one.of(origin::AttemptOutcome::kNotFound));
    const int64_t denied = whole(one.of(origin::AttemptOutcome::kDenied));
    if (one.bucket == origin::BucketAttempts::kOther) {
      row[Column::kOtherGood] = good;
      row[Column::kOtherDenied] = denied;
      row[Column::kOtherDeniedObjects] = whole(one.denied_objects);
    }
    row[Column::kOriginOk] += ok;
    attempts += whole(one.attempts());
    failures += whole(one.failures());
    throttled += slowed;
    BucketFacts* const bucket = find_bucket(facts.buckets, one.bucket);
    if (bucket == nullptr) continue;
    bucket->attempts = whole(one.attempts());
    bucket->failures = whole(one.failures());
    bucket->failed_objects = whole(one.failed_objects);
    bucket->throttled = slowed;
    bucket->good = good;
    bucket->denied = denied;
    bucket->denied_objects = whole(one.denied_objects);
    bucket->is_known = ok > 0;
    bucket->first_byte = std::move(one.first_byte);
  }
  row[Column::kOriginAttempts] = attempts;
  row[Column::kOriginFailures] = failures;
  row[Column::kOriginThrottled] = throttled;
  const origin::KeyRefusals& refusals = sources_.origins.s3->counters().key_refusals;
  row[Column::kKeyRefused] = whole(refusals.total());
  row[Column::kKeyRefusedObjects] = whole(refusals.objects());
}

void StatusReader::read_clients(Facts& facts) const {
  facts.totals[Column::kClientsLimited] = whole(sources_.limiter.limited());
  facts.misses_of_clients = whole(sources_.clients.misses());
  facts.newest_misses_of_clients = whole(sources_.clients.newest_misses());
  for (api::ClientShare& client : sources_.clients.last_minute(Status::kClientsShown)) {
    facts.clients.push_back({.name = std::move(client.name),
                             .requests = whole(client.requests),
                             .misses = whole(client.misses),
                             .bytes = whole(client.bytes),
                             .limited = whole(client.limited),
                             .newest_misses = whole(client.newest_misses)});
  }
}

void StatusReader::read_process(Row& row) const {
  row[Column::kCpuMs] = cpu_ms();
  row[Column::kLogsDropped] =
      whole(log::dropped() + (access_log_ == nullptr ? 0 : access_log_->dropped()));
}

}  // namespace cachey::app
