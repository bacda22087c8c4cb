#include "app/status/rules.h"

#include <algorithm>
#include <array>
#include <optional>

#include "app/status/judgements.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

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

/// Whether the bucket's failures say something about the store. A bucket that has never given a
/// good answer may be a name that a client made up, once another bucket has given a good answer.
bool tells(const Scene& scene, const BucketView& bucket) {
  return bucket.now.is_known || scene.facts.buckets_are_limited ||
         scene.facts.totals[Column::kOriginOk] <= 0;
}

constexpr int64_t kAttemptsMin = 5;
/// A client can ask again and again for one object that the store fails to read, or denies.
constexpr int64_t kObjectsMin = 2;

bool all_fail(const BucketView& bucket) {
  const BucketView::Counts& newest = bucket.newest;
  return newest.attempts >= kAttemptsMin && newest.failures >= newest.attempts &&
         newest.failed_objects >= kObjectsMin;
}

/// An open breaker says nothing if nothing was asked lately: the bucket may be back.
bool is_down(const BucketView& bucket) {
  return (bucket.now.breaker_open && bucket.idle_seconds < kRuleSeconds) || all_fail(bucket);
}

Judgement judge_bucket_down(const Scene& scene, bool /*began*/) {
  size_t count = 0;
  const auto is_so = [&scene](const BucketView& b) { return is_down(b) && tells(scene, b); };
  const BucketView* const bucket =
      worst(scene, is_so, [](const BucketView& b) { return b.minute.failures; }, count);
  if (bucket == nullptr) return {};
  std::string text = fmt::format("bucket {} is down: ", shown(bucket->now.name));
  if (bucket->recent.failures > 0) {
    text += fmt::format("{} of {} requests to it failed in the last {} s", bucket->recent.failures,
                        bucket->recent.attempts, kRuleSeconds);
    if (bucket->recent.throttled > 0) {
      text +=
          fmt::format(", {} of them because it asks for fewer requests", bucket->recent.throttled);
    }
  } else {
    text += fmt::format("the reads of {} objects in a row failed or got no answer in time",
                        bucket->now.consecutive_failures);
  }
  return holds(FindingLevel::kBad, text + and_others(count));
}

constexpr int64_t kRefusalsMin = 3;
constexpr double kKeyRefusedPart = 0.5;
constexpr size_t kNewestRefusedSeconds = 2;  // before fetches_fail, which is its effect
/// A server with few misses has two within this time.
constexpr size_t kQuietSeconds = 15;

/// `objects_min`: what a client asks for again and again is one object.
Judgement judge_refused(const Scene& scene, size_t seconds, int64_t objects_min, bool began) {
  const int64_t refused = scene.history.sum(Column::kKeyRefused, seconds);
  const int64_t all = refused + scene.history.sum(Column::kOriginOk, seconds);
  const int64_t objects = scene.history.sum(Column::kKeyRefusedObjects, seconds);
  if (refused == 0 || (!began && objects < objects_min)) return {};
  if (ratio_of(refused, all) <= (began ? kKeyRefusedPart / 2 : kKeyRefusedPart)) return {};
  return holds(FindingLevel::kBad,
               fmt::format("the store refuses the credentials: {} of {} requests of the last {} s; "
                           "the log lines \"origin attempt failed\" say why",
                           refused, all, seconds));
}

/// By the newest seconds, which tell soon, or by a longer time, if requests are few.
Judgement judge_credentials_fail(const Scene& scene, bool began) {
  if (scene.facts.credentials_fail) {
    return holds(
        FindingLevel::kBad,
        "no credentials for the store were found; the log line \"no credentials found\" says "
        "why");
  }
  Judgement newest = judge_refused(scene, kNewestRefusedSeconds, kRefusalsMin, began);
  return newest.holds ? newest : judge_refused(scene, kQuietSeconds, kObjectsMin, began);
}

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

// The store.

constexpr double kDeniedPart = 0.9;
constexpr int64_t kDeniedMin = 10;

bool denies(const BucketView::Counts& counts, bool began) {
  if (counts.denied < (began ? 1 : kDeniedMin)) return false;
  if (!began && counts.denied_objects < kObjectsMin) return false;
  return ratio_of(counts.denied, counts.denied + counts.good) >
         (began ? kDeniedPart / 2 : kDeniedPart);
}

/// The counts by which the bucket denies requests; null: it does not. A quiet server asks for few
/// objects: then those of a minute tell, until the first good answer.
const BucketView::Counts* denials(const BucketView& bucket, bool began) {
  if (denies(bucket.newest, began)) return &bucket.newest;
  if (denies(bucket.recent, began)) return &bucket.recent;
  return bucket.recent.good == 0 && denies(bucket.minute, began) ? &bucket.minute : nullptr;
}

size_t seconds_of(const BucketView& bucket, const BucketView::Counts* counts) {
  if (counts == &bucket.newest) return BucketTable::kNewestSeconds;
  return counts == &bucket.recent ? BucketTable::kRecentSeconds : BucketTable::kMinute;
}

BucketView::Counts counts_of_others(const Scene& scene, size_t seconds) {
  return {.good = scene.history.sum(Column::kOtherGood, seconds),
          .denied = scene.history.sum(Column::kOtherDenied, seconds),
          .denied_objects = scene.history.sum(Column::kOtherDeniedObjects, seconds)};
}

/// A bucket that refuses all since the start has no counts of its own. Once another bucket has
/// given a good answer, clients may have made up the names.
Judgement judge_others_refuse(const Scene& scene, bool began) {
  if (!scene.facts.buckets_are_limited && scene.facts.totals[Column::kOriginOk] > 0) return {};
  size_t seconds = kRuleSeconds;
  BucketView::Counts others = counts_of_others(scene, seconds);
  if (!denies(others, began) && others.good == 0) {
    seconds = BucketTable::kMinute;
    others = counts_of_others(scene, seconds);
  }
  if (!denies(others, began)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("buckets that have given no good answer since the start refuse {} of {} "
                           "requests of the last {} s: their policy, or the rights of the "
                           "credentials",
                           others.denied, others.denied + others.good, seconds));
}

/// Not if the credentials are at fault, which that finding tells.
Judgement judge_bucket_refuses(const Scene& scene, bool began) {
  if (judge_credentials_fail(scene, true).holds) return {};
  const auto is_so = [&](const BucketView& bucket) {
    return tells(scene, bucket) && denials(bucket, began) != nullptr;
  };
  size_t count = 0;
  const BucketView* const bucket =
      worst(scene, is_so, [](const BucketView& b) { return b.minute.denied; }, count);
  if (bucket == nullptr) return judge_others_refuse(scene, began);
  const BucketView::Counts* const counts = denials(*bucket, began);
  return holds(FindingLevel::kWarn,
               fmt::format("bucket {} refuses {} of {} requests of the last {} s: its policy, or "
                           "the rights of the credentials{}",
                           shown(bucket->now.name), counts->denied, counts->denied + counts->good,
                           seconds_of(*bucket, counts), and_others(count)));
}

constexpr double kThrottledPart = 0.1;
constexpr int64_t kThrottledMin = 3;

Judgement judge_bucket_throttles(const Scene& scene, bool began) {
  const auto throttled_part = [](const BucketView& bucket) {
    return ratio_of(bucket.recent.throttled, bucket.recent.attempts);
  };
  const auto is_so = [&](const BucketView& bucket) {
    return !is_down(bucket) && tells(scene, bucket) &&
           bucket.recent.throttled >= (began ? 1 : kThrottledMin) &&
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
    if (!bucket.now.now_ms || is_down(bucket) || !tells(scene, bucket)) return false;
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

// Upkeep.

Judgement judge_reload_failed(const Scene& scene, bool /*began*/) {
  if (scene.facts.failed_reloads.empty()) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("the last reload failed: {}; what was read before stays in use, and a "
                           "restart may fail; the log line \"reload failed\" says why",
                           scene.facts.failed_reloads));
}

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
    {kDiskFileDeleted, judge_disk_file_deleted, kStateHold},
    {kDiskSlow, judge_disk_slow, kHold},
    {kBucketRefuses, judge_bucket_refuses, kHold},
    {kBucketThrottles, judge_bucket_throttles, kHold},
    {kBucketSlow, judge_bucket_slow, kHold},
    {kOneClient, judge_one_client, kHold},
    {kThrashing, judge_thrashing, kHold},
    {kClientLimited, judge_client_limited, kHold},
    {kReloadFailed, judge_reload_failed, kStateHold},
    {kCertificateExpires, judge_certificate_expires, kStateHold},
    {kPinsOverLimit, judge_pins_over_limit, kHold},
    {kLogsDropped, judge_logs_dropped, kHold},
}};

}  // namespace

std::span<const Rule, kFindingCodes> rules() { return kRules; }

}  // namespace cachey::app
