#include "origin/s3/bucket_attempts.h"

#include <numeric>
#include <utility>

#include "base/metrics.h"

namespace cachey::origin {

std::string_view to_string(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kOk:
      return "ok";
    case AttemptOutcome::kNotFound:
      return "not_found";
    case AttemptOutcome::kRefused:
      return "4xx";
    case AttemptOutcome::kThrottled:
      return "throttled";
    case AttemptOutcome::kServerError:
      return "5xx";
    case AttemptOutcome::kTimeout:
      return "timeout";
    case AttemptOutcome::kConnect:
      return "connect";
    case AttemptOutcome::kBroken:
      break;
  }
  return "broken";
}

AttemptOutcome outcome_of_status(unsigned status) {
  if (status == 429 || status == 503) return AttemptOutcome::kThrottled;
  if (status >= 500) return AttemptOutcome::kServerError;
  if (status == 404) return AttemptOutcome::kNotFound;
  const bool is_answer = status < 300 || status == 304 || status == 412 || status == 416;
  return is_answer ? AttemptOutcome::kOk : AttemptOutcome::kRefused;
}

uint64_t BucketAttempts::Totals::attempts() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), uint64_t{0});
}

uint64_t BucketAttempts::Totals::failures() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kAttemptOutcomes; ++i) {
    if (is_failure(static_cast<AttemptOutcome>(i))) sum += outcomes[i];
  }
  return sum;
}

BucketAttempts::BucketAttempts()
    : cells_(latency_bounds()),
      buckets_(kBucketsMax + kUnprovenMax,
               [this](const std::string& name) { return std::make_unique<Counts>(name, cells_); }) {
}

BucketAttempts::Counts& BucketAttempts::counts_of(std::string_view bucket, AttemptOutcome outcome) {
  if (Counts* const known = buckets_.known(bucket)) return *known;
  if (outcome == AttemptOutcome::kOk) return buckets_.of(bucket);
  // Threads that come here at once may take several of the places for one name.
  const bool has_place = is_failure(outcome) && unproven_ < kUnprovenMax;
  if (!has_place) return buckets_.other();
  unproven_.fetch_add(1, std::memory_order_relaxed);
  return buckets_.of(bucket);
}

void BucketAttempts::count(std::string_view bucket, AttemptOutcome outcome,
                           std::optional<std::chrono::nanoseconds> to_head) {
  Counts& counts = counts_of(bucket, outcome);
  counts.outcomes[static_cast<size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  if (to_head) counts.first_byte.handle().observe(*to_head);
}

std::vector<BucketAttempts::Totals> BucketAttempts::totals() const {
  std::vector<Totals> all;
  buckets_.for_each([&all](const Counts& counts) {
    Totals totals;
    for (size_t i = 0; i < kAttemptOutcomes; ++i) {
      totals.outcomes[i] = counts.outcomes[i].load(std::memory_order_relaxed);
    }
    if (totals.attempts() == 0) return;
    totals.bucket = counts.bucket;
    totals.first_byte = counts.first_byte.handle().snapshot();
    all.push_back(std::move(totals));
  });
  return all;
}

void BucketAttempts::add_metrics(Metrics& metrics) const {
  metrics.read_counters("cachey_bucket_attempts_total",
                        "Requests sent to the store, every attempt, by how they ended", [this] {
                          std::vector<Metrics::Reading> readings;
                          for (const Totals& totals : this->totals()) {
                            for (size_t i = 0; i < kAttemptOutcomes; ++i) {
                              const auto outcome = static_cast<AttemptOutcome>(i);
                              readings.push_back({{{"bucket", totals.bucket},
                                                   {"outcome", std::string(to_string(outcome))}},
                                                  static_cast<double>(totals.of(outcome))});
                            }
                          }
                          return readings;
                        });
  metrics.read_histograms(
      "cachey_bucket_first_byte_seconds", "Time from a request to the head of its answer", [this] {
        std::vector<Metrics::HistogramReading> readings;
        for (Totals& totals : this->totals()) {
          readings.push_back({{{"bucket", totals.bucket}}, std::move(totals.first_byte)});
        }
        return readings;
      });
}

}  // namespace cachey::origin
