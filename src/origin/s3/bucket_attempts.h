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
  kDenied,     ///< 403: the right to read the object or the bucket is missing
  kRefused,    ///< another status below 500, or a 403 about something else: the key, the clock, the
               ///< question, an archived object
  kCancelled,  ///< nobody waited any more, or a client's own time limit passed
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

/// Attempts of one kind, and how many objects they are about, as far as one atomic can tell: an
/// attempt counts as one about another object if the attempt before was not about the same. So one
/// object makes one, however often clients ask for the object. Any thread.
class ObjectChanges {
 public:
  void note(uint64_t object) {
    if (last_.exchange(object, std::memory_order_relaxed) != object) note_another();
  }
  void note_another() { changes_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t total() const { return changes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> last_{0};
  std::atomic<uint64_t> changes_{0};
};

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

  /// An attempt has ended. `object`: a hash of the key. `to_head`: the time from the request to the
  /// head of an answer that is no failure.
  void count(std::string_view bucket, uint64_t object, AttemptOutcome outcome,
             std::optional<std::chrono::nanoseconds> to_head = std::nullopt);

  /// The bucket has counts of its own and has given a good answer.
  [[nodiscard]] bool is_good(std::string_view bucket) const;

  /// What was counted of one bucket since the start.
  struct Totals {
    std::string bucket;  ///< `other`: of all that have no counts of their own
    std::array<uint64_t, kAttemptOutcomes> outcomes{};
    uint64_t denied_objects = 0;  ///< see ObjectChanges
    uint64_t failed_objects = 0;  ///< the same; an attempt without a connection is about no object
    FineHistogram::Snapshot first_byte;

    [[nodiscard]] uint64_t of(AttemptOutcome outcome) const {
      return outcomes[static_cast<size_t>(outcome)];
    }
    /// That ended by an answer or a failure: without cancelled ones.
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
    ObjectChanges denied;
    ObjectChanges failed;
    const FineHistogram::Store first_byte;
  };

  [[nodiscard]] Counts& counts_of(std::string_view bucket, AttemptOutcome outcome);

  const FineCells cells_;
  PerLabel<Counts> buckets_;
  std::atomic<size_t> unproven_{0};  // buckets that got counts by a failure
};

}  // namespace cachey::origin
