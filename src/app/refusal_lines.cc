#include "app/refusal_lines.h"

#include <atomic>
#include <vector>

namespace cachey::app {
namespace {

CountedLines::Cause memory_cause(const store::MemoryTier& memory, std::string_view name,
                                 store::Admissions::Refusal cause) {
  return {name, [&memory, cause] { return memory.refused(cause); }};
}

CountedLines::Cause turn_cause(const origin::Gate& gate, std::string_view name,
                               origin::Gate::Refusal cause) {
  return {name, [&gate, cause] { return gate.refused(cause); }};
}

/// Of both servers together.
CountedLines::Cause connection_cause(const net::Server& data, const net::Server* s3api,
                                     std::string_view name,
                                     std::atomic<uint64_t> net::ServerStats::* count) {
  return {name, [&data, s3api, count] {
            const uint64_t of_s3api = s3api == nullptr ? 0 : (s3api->stats().*count).load();
            return (data.stats().*count).load() + of_s3api;
          }};
}

}  // namespace

void watch_refusals(CountedLines& lines, const store::MemoryTier& memory, const origin::Gate& gate,
                    const net::Server& data, const net::Server* s3api) {
  using MemoryRefusal = store::Admissions::Refusal;
  const auto given_up = [&memory] { return memory.stats().refused.load(); };
  lines.watch("misses refused", "more --memory, or fewer misses at a time",
              {memory_cause(memory, "forecast", MemoryRefusal::kForecast),
               memory_cause(memory, "timeout", MemoryRefusal::kTimeout),
               memory_cause(memory, "too_many", MemoryRefusal::kTooMany),
               {"no_memory_came_free", given_up}});
  using TurnRefusal = origin::Gate::Refusal;
  lines.watch("turns refused", "the store is slow; see --bucket-requests, --bucket-bandwidth",
              {turn_cause(gate, "forecast", TurnRefusal::kForecast),
               turn_cause(gate, "timeout", TurnRefusal::kTimeout),
               turn_cause(gate, "too_many", TurnRefusal::kTooMany)});
  using net::ServerStats;
  lines.watch(
      "connections refused",
      "fewer clients, or more --max-connections; a proxy into --trusted-proxies",
      {connection_cause(data, s3api, "refused", &ServerStats::connections_refused),
       connection_cause(data, s3api, "share_of_an_address", &ServerStats::connections_over_share),
       connection_cause(data, s3api, "displaced", &ServerStats::connections_displaced)});
}

void watch_throttling(CountedLines& lines, const origin::S3Counters& s3) {
  lines.watch_each("bucket throttles", "bucket", "fewer misses; see --bucket-requests", [&s3] {
    std::vector<CountedLines::Named> all;
    for (const origin::BucketAttempts::Totals& bucket : s3.attempts.totals()) {
      const uint64_t throttled = bucket.of(origin::AttemptOutcome::kThrottled);
      all.push_back({bucket.bucket, throttled, bucket.attempts()});
    }
    return all;
  });
}

}  // namespace cachey::app
