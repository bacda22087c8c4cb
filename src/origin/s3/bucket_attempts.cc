#include "origin/s3/bucket_attempts.h"

#include <algorithm>
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
    case AttemptOutcome::kDenied:
      return "denied";
    case AttemptOutcome::kRefused:
      return "4xx";
    case AttemptOutcome::kCancelled:
      return "cancelled";
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
  if (status == 403) return AttemptOutcome::kDenied;
  const bool is_answer = status < 300 || status == 304 || status == 412 || status == 416;
  return is_answer ? AttemptOutcome::kOk : AttemptOutcome::kRefused;
}

uint64_t BucketAttempts::Totals::attempts() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), uint64_t{0}) -
         of(AttemptOutcome::kCancelled);
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

void BucketAttempts::count(std::string_view bucket, uint64_t object, AttemptOutcome outcome,
                           std::optional<std::chrono::nanoseconds> to_head) {
  Counts& counts = counts_of(bucket, outcome);
  counts.outcomes[static_cast<size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  if (outcome == AttemptOutcome::kDenied) counts.denied.note(object);
  if (outcome == AttemptOutcome::kConnect) {
    counts.failed.note_another();
  } else if (is_failure(outcome)) {
    counts.failed.note(object);
  }
  if (to_head) counts.first_byte.handle().observe(*to_head);
}

bool BucketAttempts::is_good(std::string_view bucket) const {
  const Counts* const counts = buckets_.known(bucket);
  return counts != nullptr && counts->outcomes[static_cast<size_t>(AttemptOutcome::kOk)].load(
                                  std::memory_order_relaxed) > 0;
}

std::vector<BucketAttempts::Totals> BucketAttempts::totals() const {
  std::vector<Totals> all;
  buckets_.for_each([&all](const Counts& counts) {
    Totals totals;
    for (size_t i = 0; i < kAttemptOutcomes; ++i) {
      totals.outcomes[i] = counts.outcomes[i].load(std::memory_order_relaxed);
    }
    if (std::ranges::all_of(totals.outcomes, [](uint64_t count) { return count == 0; })) return;
    totals.bucket = counts.bucket;
    totals.denied_objects = counts.denied.total();
    totals.failed_objects = counts.failed.total();
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
