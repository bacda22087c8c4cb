#include "app/status/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "base/log.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

/// Names are cut here.
constexpr size_t kNameBytesMax = 64;

std::string shown(const std::string& name) { return log::quoted(name, kNameBytesMax); }

double ratio_of(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

/// `12 %`.
std::string percent(double ratio) { return fmt::format("{:.0f} %", 100 * std::min(ratio, 1.0)); }

/// `1.5 s`, `20 ms`, `0.4 ms`.
std::string time_of(double ms) {
  if (ms >= 1000) return fmt::format("{:.1f} s", ms / 1000);
  return ms >= 10 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} ms", ms);
}

int64_t recent(const Scene& scene, Column column) {
  return scene.history.sum(column, kRuleSeconds);
}

Judgement holds(FindingLevel level, std::string text) { return {true, level, std::move(text)}; }

/// Of the buckets for which `is_so` is true, the one with the largest `size_of`. Null: none. How
/// many there are is in `count`.
template <typename IsSo, typename SizeOf>
const BucketView* worst(const Scene& scene, IsSo is_so, SizeOf size_of, size_t& count) {
  const BucketView* found = nullptr;
  count = 0;
  for (const BucketView& bucket : scene.buckets) {
    if (!is_so(bucket)) continue;
    ++count;
    if (found == nullptr || size_of(bucket) > size_of(*found)) found = &bucket;
  }
  return found;
}

std::string and_others(size_t count) {
  return count > 1 ? fmt::format("; so it is with {} more", count - 1) : "";
}

// Clients get errors.

constexpr double kFailingPart = 0.05;
constexpr int64_t kFailuresMin = 5;

Judgement judge_fetches_fail(const Scene& scene, bool began) {
  int64_t failed = recent(scene, Column::kFailedStore) + recent(scene, Column::kFailedTimeout) +
                   recent(scene, Column::kFailedOverloaded) +
                   recent(scene, Column::kFailedInternal);
  int64_t all = recent(scene, Column::kFetches);
  const int64_t statuses = recent(scene, Column::kStatus2xx) + recent(scene, Column::kStatus3xx) +
                           recent(scene, Column::kStatus4xx) + recent(scene, Column::kStatus5xx);
  const int64_t errors = recent(scene, Column::kStatusFailed);
  if (ratio_of(errors, statuses) > ratio_of(failed, all)) {
    failed = errors;
    all = statuses;
  }
  if (failed < (began ? 1 : kFailuresMin)) return {};
  const double ratio = ratio_of(failed, std::max(all, failed));
  if (ratio <= (began ? kFailingPart / 2 : kFailingPart)) return {};
  return holds(FindingLevel::kBad,
               fmt::format("{} of the requests of the last {} s failed ({} of {})", percent(ratio),
                           kRuleSeconds, failed, std::max(all, failed)));
}

constexpr int64_t kAttemptsMin = 5;

bool all_fail(const BucketView& bucket) {
  return bucket.newest.attempts >= kAttemptsMin && bucket.newest.failures >= bucket.newest.attempts;
}

bool is_down(const BucketView& bucket) { return bucket.now.breaker_open || all_fail(bucket); }

Judgement judge_bucket_down(const Scene& scene, bool /*began*/) {
  size_t count = 0;
  const BucketView* const bucket =
      worst(scene, is_down, [](const BucketView& b) { return b.minute.failures; }, count);
  if (bucket == nullptr) return {};
  std::string text = fmt::format("bucket {} is down: ", shown(bucket->now.name));
  if (bucket->recent.attempts > 0) {
    text += fmt::format("{} of {} requests to it failed in the last {} s", bucket->recent.failures,
                        bucket->recent.attempts, kRuleSeconds);
    if (bucket->recent.throttled > 0) {
      text +=
          fmt::format(", {} of them because it asks for fewer requests", bucket->recent.throttled);
    }
  } else {
    text += fmt::format("{} objects failed in a row", bucket->now.consecutive_failures);
  }
  return holds(FindingLevel::kBad, text + and_others(count));
}

Judgement judge_connections_full(const Scene& scene, bool /*began*/) {
  const int64_t refused = recent(scene, Column::kConnectionsRefused);
  if (refused == 0) return {};
  return holds(FindingLevel::kBad,
               fmt::format("{} client connections were refused or ended in the last {} s: the "
                           "limit of connections is reached",
                           refused, kRuleSeconds));
}

Judgement judge_credentials_fail(const Scene& scene, bool /*began*/) {
  if (!scene.facts.credentials_fail) return {};
  return holds(
      FindingLevel::kBad,
      "no credentials for the store were found; the log line \"no credentials found\" says "
      "why");
}

constexpr int64_t kRefusalsMin = 3;

Judgement judge_misses_refused(const Scene& scene, bool began) {
  const int64_t refused = recent(scene, Column::kMissesRefused);
  if (refused < (began ? 1 : kRefusalsMin)) return {};
  return holds(FindingLevel::kBad,
               fmt::format("{} misses were refused in the last {} s: no memory became free",
                           refused, kRuleSeconds));
}

Judgement judge_turns_refused(const Scene& scene, bool began) {
  const int64_t refused = recent(scene, Column::kTurnsRefused);
  if (refused < (began ? 1 : kRefusalsMin)) return {};
  return holds(FindingLevel::kBad,
               fmt::format("{} misses were refused in the last {} s: they got no turn at their "
                           "bucket",
                           refused, kRuleSeconds));
}

constexpr int64_t kHeldMicroseconds = 100'000;
constexpr size_t kHeldSecondsMin = 3;

Judgement judge_loop_held(const Scene& scene, bool began) {
  const size_t seconds =
      scene.history.rows_with(Column::kLoopLagMax, kHeldMicroseconds, kRuleSeconds);
  if (seconds < (began ? 1 : kHeldSecondsMin)) return {};
  int64_t longest = 0;
  for (size_t i = 0; i < std::min(kRuleSeconds, scene.history.size()); ++i) {
    longest = std::max(longest, scene.history.row(scene.history.newest() - i)[Column::kLoopLagMax]);
  }
  return holds(FindingLevel::kBad,
               fmt::format("an event loop was held up for more than 100 ms in {} of the last {} s, "
                           "the longest time {}: the process gets too little CPU",
                           seconds, kRuleSeconds, time_of(static_cast<double>(longest) / 1000)));
}

// The disk.

std::string because(const std::string& error) { return error.empty() ? "" : ": " + error; }

Judgement judge_disk_unusable(const Scene& scene, bool /*began*/) {
  if (scene.facts.disk.state != DiskFacts::State::kUnusable) return {};
  return holds(FindingLevel::kBad, "the disk cannot be used" + because(scene.facts.disk.error));
}

Judgement judge_disk_offline(const Scene& scene, bool /*began*/) {
  const DiskFacts& disk = scene.facts.disk;
  if (disk.state == DiskFacts::State::kOffline) {
    return holds(FindingLevel::kBad,
                 "the disk is offline, its pages come from the store" + because(disk.error));
  }
  if (disk.state != DiskFacts::State::kOpening || scene.history.newest() < kRuleSeconds) return {};
  return holds(FindingLevel::kBad,
               "the disk does not answer since the start" + because(disk.error));
}

Judgement judge_disk_read_only(const Scene& scene, bool /*began*/) {
  if (!scene.facts.disk.read_only) return {};
  return holds(FindingLevel::kWarn,
               "the disk is only read: its file system is full, over its quota or read-only");
}

Judgement judge_disk_slow(const Scene& scene, bool /*began*/) {
  const DiskFacts& disk = scene.facts.disk;
  if (!disk.slow || disk.state != DiskFacts::State::kInUse) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("the disk is slower than the store: reads take {} (median), the store "
                           "{}; most of its pages come from the store",
                           time_of(disk.disk_p50_ms), time_of(disk.store_p50_ms)));
}

// The store.

constexpr double kThrottledPart = 0.1;
constexpr int64_t kThrottledMin = 3;

Judgement judge_bucket_throttles(const Scene& scene, bool began) {
  const auto throttled_part = [](const BucketView& bucket) {
    return ratio_of(bucket.recent.throttled, bucket.recent.attempts);
  };
  const auto is_so = [&](const BucketView& bucket) {
    return !is_down(bucket) && bucket.recent.throttled >= (began ? 1 : kThrottledMin) &&
           throttled_part(bucket) > (began ? kThrottledPart / 2 : kThrottledPart);
  };
  size_t count = 0;
  const BucketView* const bucket = worst(scene, is_so, throttled_part, count);
  if (bucket == nullptr) return {};
  return holds(
      FindingLevel::kWarn,
      fmt::format("bucket {} throttles: {} of {} requests of the last {} s ({}){}",
                  shown(bucket->now.name), bucket->recent.throttled, bucket->recent.attempts,
                  kRuleSeconds, percent(throttled_part(*bucket)), and_others(count)));
}

/// Slow: this many times the usual time, and at least so much longer.
constexpr double kSlowTimes = 3;
constexpr double kSlowMs = 100;
/// Without a usual time: compared with the quickest other bucket.
constexpr double kSlowTimesOfPeers = 5;
constexpr double kSlowMsOfPeers = 500;

bool slower(double now, double usual, double times, double more, bool began) {
  return now > usual * (began ? (1 + times) / 2 : times) && now > usual + (began ? more / 2 : more);
}

std::optional<double> quickest_other(const Scene& scene, const BucketView& bucket) {
  std::optional<double> quickest;
  for (const BucketView& other : scene.buckets) {
    if (&other == &bucket || !other.now.now_ms) continue;
    quickest = std::min(quickest.value_or(*other.now.now_ms), *other.now.now_ms);
  }
  return quickest;
}

Judgement judge_bucket_slow(const Scene& scene, bool began) {
  const auto is_so = [&](const BucketView& bucket) {
    if (!bucket.now.now_ms || is_down(bucket)) return false;
    const double now = *bucket.now.now_ms;
    if (bucket.usual_ms) return slower(now, *bucket.usual_ms, kSlowTimes, kSlowMs, began);
    const std::optional<double> peer = quickest_other(scene, bucket);
    return peer && slower(now, *peer, kSlowTimesOfPeers, kSlowMsOfPeers, began);
  };
  size_t count = 0;
  const BucketView* const bucket =
      worst(scene, is_so, [](const BucketView& b) { return b.now.now_ms.value_or(0); }, count);
  if (bucket == nullptr) return {};
  const std::string than =
      bucket->usual_ms ? "usually " + time_of(*bucket->usual_ms)
                       : "another bucket " + time_of(quickest_other(scene, *bucket).value_or(0));
  return holds(
      FindingLevel::kWarn,
      fmt::format("bucket {} is slow: its first byte takes {} (median), {}{}",
                  shown(bucket->now.name), time_of(*bucket->now.now_ms), than, and_others(count)));
}

// Clients and memory.

constexpr double kOneClientPart = 0.5;
constexpr int64_t kOneClientMissesMin = 100;
constexpr size_t kWaitingSecondsMin = 3;

bool others_wait(const Scene& scene, bool began) {
  const size_t rows = began ? 1 : kWaitingSecondsMin;
  return scene.history.rows_with(Column::kMemoryWaiting, 1, kRuleSeconds) >= rows ||
         scene.history.rows_with(Column::kTurnsWaiting, 1, kRuleSeconds) >= rows ||
         recent(scene, Column::kConnectionsRefused) > 0;
}

Judgement judge_one_client(const Scene& scene, bool began) {
  std::vector<ClientFacts> clients = scene.facts.clients;
  if (clients.size() < 2 || !others_wait(scene, began)) return {};
  std::ranges::sort(clients, std::greater<>(), &ClientFacts::misses);
  const ClientFacts& most = clients[0];
  const int64_t misses = scene.facts.misses_of_clients;
  const double part = ratio_of(most.misses, misses);
  const int64_t times = began ? 2 : 3;  // those of the next client
  if (most.misses < std::max(kOneClientMissesMin, times * clients[1].misses)) return {};
  if (part <= (began ? 0.8 * kOneClientPart : kOneClientPart)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("client {} makes {} of the misses of the last minute ({} of {}), and "
                           "others wait",
                           shown(most.name), percent(part), most.misses, misses));
}

constexpr double kGhostPart = 0.3;
constexpr double kMissPart = 0.5;  // of the pages asked for
constexpr int64_t kGhostHitsMin = 20;

Judgement judge_thrashing(const Scene& scene, bool began) {
  const int64_t ghosts = recent(scene, Column::kGhostHits);
  const int64_t misses = recent(scene, Column::kPagesMiss);
  if (ghosts < (began ? kGhostHitsMin / 4 : kGhostHitsMin)) return {};
  const double part = ratio_of(ghosts, std::max(ghosts, misses));
  const int64_t hits = recent(scene, Column::kPagesMemory) + recent(scene, Column::kPagesDisk) +
                       recent(scene, Column::kPagesCoalesced);
  if (part <= (began ? kGhostPart / 2 : kGhostPart)) return {};
  if (ratio_of(misses, hits + misses) <= (began ? kMissPart / 2 : kMissPart)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} of the misses of the last {} s are pages that were evicted lately "
                           "({} of {}): the cache is too small for what is read",
                           percent(part), kRuleSeconds, ghosts, std::max(ghosts, misses)));
}

constexpr int64_t kLimitedMin = 5;

Judgement judge_client_limited(const Scene& scene, bool began) {
  const int64_t limited = recent(scene, Column::kClientsLimited);
  if (limited < (began ? 1 : kLimitedMin)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} requests of the last {} s were refused because their client is past "
                           "its limit of misses or bandwidth",
                           limited, kRuleSeconds));
}

// Upkeep.

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kExpiryDays = 14;
constexpr int64_t kExpiryBadDays = 2;

Judgement judge_certificate_expires(const Scene& scene, bool /*began*/) {
  if (!scene.facts.certificate_ends_ms) return {};
  const int64_t left = *scene.facts.certificate_ends_ms - scene.facts.totals[Column::kTimeMs];
  if (left >= kExpiryDays * kDayMs) return {};
  if (left <= 0) return holds(FindingLevel::kBad, "the TLS certificate has expired");
  return holds(left < kExpiryBadDays * kDayMs ? FindingLevel::kBad : FindingLevel::kWarn,
               fmt::format("the TLS certificate expires in {:.1f} days",
                           static_cast<double>(left) / kDayMs));
}

Judgement judge_pins_over_limit(const Scene& scene, bool /*began*/) {
  if (scene.facts.pinned_over_limit <= 0) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} pages match --pin and are past --pin-limit: they may be evicted",
                           scene.facts.pinned_over_limit));
}

Judgement judge_logs_dropped(const Scene& scene, bool /*began*/) {
  const int64_t dropped = recent(scene, Column::kLogsDropped);
  if (dropped == 0) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} lines of the logs were lost in the last {} s: they are not written "
                           "fast enough",
                           dropped, kRuleSeconds));
}

/// Of rules about the last kRuleSeconds: long enough for a cause that comes and goes.
constexpr auto kHold = 20s;
/// Of rules about a state.
constexpr auto kStateHold = 5s;

using enum FindingCode;
constexpr std::array<Rule, kFindingCodes> kRules = {{
    {kBucketDown, judge_bucket_down, kHold},
    {kConnectionsFull, judge_connections_full, kHold},
    {kCredentialsFail, judge_credentials_fail, kStateHold},
    {kDiskUnusable, judge_disk_unusable, kStateHold},
    {kDiskOffline, judge_disk_offline, kHold},
    {kMissesRefused, judge_misses_refused, kHold},
    {kTurnsRefused, judge_turns_refused, kHold},
    {kLoopHeld, judge_loop_held, kHold},
    {kFetchesFail, judge_fetches_fail, kHold},
    {kDiskReadOnly, judge_disk_read_only, kHold},
    {kDiskSlow, judge_disk_slow, kHold},
    {kBucketThrottles, judge_bucket_throttles, kHold},
    {kBucketSlow, judge_bucket_slow, kHold},
    {kOneClient, judge_one_client, kHold},
    {kThrashing, judge_thrashing, kHold},
    {kClientLimited, judge_client_limited, kHold},
    {kCertificateExpires, judge_certificate_expires, kStateHold},
    {kPinsOverLimit, judge_pins_over_limit, kHold},
    {kLogsDropped, judge_logs_dropped, kHold},
}};

constexpr std::array<std::string_view, kFindingCodes> kCodeNames = {
    "bucket_down",    "connections_full",    "credentials_fail", "disk_unusable", "disk_offline",
    "misses_refused", "turns_refused",       "loop_held",        "fetches_fail",  "disk_read_only",
    "disk_slow",      "bucket_throttles",    "bucket_slow",      "one_client",    "thrashing",
    "client_limited", "certificate_expires", "pins_over_limit",  "logs_dropped"};

}  // namespace

std::span<const Rule, kFindingCodes> rules() { return kRules; }

std::string_view to_string(FindingCode code) { return kCodeNames[static_cast<size_t>(code)]; }

std::string_view to_string(FindingLevel level) {
  return level == FindingLevel::kBad ? "bad" : "warn";
}

}  // namespace cachey::app
