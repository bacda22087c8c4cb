#include "api/s3/metrics.h"

#include <string>

#include "api/s3/forward_rules.h"

namespace cachey::api::s3 {
namespace {

std::string_view to_string(Ended how) {
  switch (how) {
    case Ended::kOk:
      return "ok";
    case Ended::kNotModified:
      return "not_modified";
    case Ended::kBrokenOff:
      return "broken_off";
    case Ended::kClientLeft:
      break;
  }
  return "client_gone";
}

/// An operation that is not always refused.
bool is_served(Operation operation) {
  return operation == Operation::kGetBucketLocation || forward_rule_of(operation) != nullptr;
}

}  // namespace

std::string_view to_string(CacheWord word) {
  switch (word) {
    case CacheWord::kHit:
      return "HIT";
    case CacheWord::kMiss:
      return "MISS";
    case CacheWord::kRevalidated:
      return "REVALIDATED";
    case CacheWord::kStale:
      return "STALE";
    case CacheWord::kPass:
      break;
  }
  return "PASS";
}

EndpointMetrics::EndpointMetrics(Metrics& metrics) : metrics_(metrics), bodies_(metrics) {
  add_revalidations();
  for (size_t operation = 0; operation < kOperations; ++operation) {
    if (!is_served(static_cast<Operation>(operation))) continue;
    for (size_t how = 0; how < kEndings; ++how) {
      ended_[operation][how] =
          requests(static_cast<Operation>(operation), to_string(static_cast<Ended>(how)));
    }
  }
  for (size_t word = 0; word < kCacheWords; ++word) {
    const Metrics::Labels labels{{"word", std::string(to_string(static_cast<CacheWord>(word)))}};
    words_[word] =
        metrics.counter("cachey_s3api_cache_total",
                        "Answers of the S3 endpoint about objects, by the word of X-Cache", labels);
    first_bytes_[word] = metrics.histogram(
        "cachey_s3api_first_byte_seconds",
        "From a request's head to the first bytes of its body, by the word of X-Cache",
        latency_bounds(), kNanosecondsPerSecond, labels);
  }
}

void EndpointMetrics::add_revalidations() {
  static constexpr std::array<const char*, kRevalidations> kOutcomes = {
      "same", "changed", "gone", "denied", "failed", "stale"};
  for (size_t outcome = 0; outcome < kRevalidations; ++outcome) {
    revalidations_[outcome] = metrics_.counter(
        "cachey_s3api_revalidations_total",
        "Requests that asked the store whether what the cache knows still holds, by its answer",
        {{"outcome", kOutcomes[outcome]}});
  }
}

Counter EndpointMetrics::requests(Operation operation, std::string_view outcome) {
  return metrics_.counter(
      "cachey_s3api_requests_total",
      "Requests to the S3 endpoint that have ended, by operation and outcome",
      {{"operation", std::string(to_string(operation))}, {"outcome", std::string(outcome)}});
}

void EndpointMetrics::refused(Operation operation, std::string_view code) {
  requests(operation, code).add();
}

}  // namespace cachey::api::s3
