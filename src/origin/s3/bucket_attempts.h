#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fine_histogram.h"
#include "base/per_label.h"

namespace cachey {
class Metrics;
}

namespace cachey::origin {

/// How an attempt ended: with the head of an answer, or without.
enum class AttemptOutcome : uint8_t {
  kOk,         ///< the store answered the question: 2xx, 304, 412, 416
  kNotFound,   ///< 404
  kRefused,    ///< another status below 500: keys, rights, region, clock, or the question
  kThrottled,  ///< the store asks for fewer requests: 429, 503, or such a code
  kServerError,
  kTimeout,  ///< no head in time
  kConnect,  ///< no connection: name, TCP, TLS, proxy
  kBroken,   ///< the connection broke before the head, or the answer cannot be used
};
inline constexpr size_t kAttemptOutcomes = static_cast<size_t>(AttemptOutcome::kBroken) + 1;
/// The value of the label `outcome`.
[[nodiscard]] std::string_view to_string(AttemptOutcome outcome);
/// Of an answer with this status, as far as the status tells.
[[nodiscard]] AttemptOutcome outcome_of_status(unsigned status);
/// The store or the way to it failed.
[[nodiscard]] constexpr bool is_failure(AttemptOutcome outcome) {
  return outcome >= AttemptOutcome::kThrottled;
}

/// Counts the attempts of each bucket. A bucket has counts of its own from its first good answer
/// on, if it is one of the first kBucketsMax such; or from its first failure on, if it is one of
/// the first kUnprovenMax such. All others share `other`: names that clients made up are among
/// them, because a store that answers does not fail for a missing bucket. Any thread.
class BucketAttempts {
 public:
  static constexpr size_t kBucketsMax = 100;
  static constexpr size_t kUnprovenMax = 20;
  static constexpr std::string_view kOther = "other";  ///< as PerLabel has it

  BucketAttempts();

  /// An attempt has ended. `to_head`: the time from the request to the head of an answer that is no
  /// failure.
  void count(std::string_view bucket, AttemptOutcome outcome,
             std::optional<std::chrono::nanoseconds> to_head = std::nullopt);

  /// What was counted of one bucket since the start.
  struct Totals {
    std::string bucket;  ///< `other`: of all that have no counts of their own
    std::array<uint64_t, kAttemptOutcomes> outcomes{};
    FineHistogram::Snapshot first_byte;

    [[nodiscard]] uint64_t of(AttemptOutcome outcome) const {
      return outcomes[static_cast<size_t>(outcome)];
    }
    [[nodiscard]] uint64_t attempts() const;
    /// Throttled ones too.
    [[nodiscard]] uint64_t failures() const;
  };
  /// Of all buckets with attempts; the order is not defined.
  [[nodiscard]] std::vector<Totals> totals() const;

  /// Adds the metrics `cachey_bucket_attempts_total` and `cachey_bucket_first_byte_seconds`, which
  /// read this object. It outlives every read of `metrics`.
  void add_metrics(Metrics& metrics) const;

 private:
  struct Counts {
    Counts(std::string name, const FineCells& cells)
        : bucket(std::move(name)), first_byte(cells, FineHistogram::Parts::kOne) {}
    const std::string bucket;
    std::array<std::atomic<uint64_t>, kAttemptOutcomes> outcomes{};
    const FineHistogram::Store first_byte;
  };

  [[nodiscard]] Counts& counts_of(std::string_view bucket, AttemptOutcome outcome);

  const FineCells cells_;
  PerLabel<Counts> buckets_;
  std::atomic<size_t> unproven_{0};  // buckets that got counts by a failure
};

}  // namespace cachey::origin
