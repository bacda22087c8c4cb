#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "origin/read/hedge_budget.h"
#include "origin/read/latency_histogram.h"

namespace cachey::origin {

/// The recent health of one bucket: latency, error rate, breaker and hedge budget. Ranks the
/// buckets of a client and feeds the gauges. Only the store's own failures are reported to it
/// (timeouts, 5xx, throttling, broken bodies); a missing object is not one of them. Any thread.
class BucketHealth {
 public:
  /// The weight of one answer in the error rate, and the rate's exponential decay per second.
  static constexpr double kAlpha = 0.015;
  /// The breaker opens after this many failures in a row, until kBreakerOpen after the last one.
  static constexpr int kBreakerFailures = 5;
  static constexpr std::chrono::seconds kBreakerOpen{30};
  /// While the breaker is open, one request per kProbeEvery is sent as a probe.
  static constexpr std::chrono::seconds kProbeEvery{1};
  /// The shortest hedge delay: shorter ones are below the timers' resolution.
  static constexpr std::chrono::milliseconds kHedgeDelayMin{20};
  /// No hedges before this many answers: a quantile of fewer is meaningless.
  static constexpr uint64_t kHedgeAnswersMin = 10;

  /// The count of consecutive failures stops here.
  static constexpr int kFailuresCountedMax = 1'000'000;
  /// The terms of score().
  static constexpr double kScorePerPosition = 2000;
  static constexpr double kScorePerSecond = 1e6 / 100;  ///< of mean latency: 1 per 100 us
  static constexpr double kScoreOfOpenBreaker = 1e6;
  static constexpr double kScoreOfErrorRate = 1e5;  ///< at an error rate of 1

  explicit BucketHealth(const Clock& clock);

  /// `to_head`: the time from the request to the head of its answer.
  void succeeded(std::chrono::nanoseconds to_head);
  void failed();

  /// Orders buckets by how much is lost if they are forgotten: the lowest goes first.
  struct Worth {
    bool answered = false;  ///< at least once
    MonoTime observed;      ///< time of the last answer or failure
    friend auto operator<=>(const Worth&, const Worth&) = default;
  };
  [[nodiscard]] Worth worth() const;

  /// The bucket has given a good answer.
  [[nodiscard]] bool has_answered() const { return worth().answered; }

  /// The lower the better. `position`: in the client's list, from 0.
  ///   2000 * position + mean latency in us / 100 + penalty
  /// The penalty is 1,000,000 while the breaker is open, else round(100,000 * error rate). Before
  /// the first observation only the position counts.
  [[nodiscard]] double score(size_t position) const;
  /// The score of a bucket without observations.
  [[nodiscard]] static double score_of_position(size_t position) {
    return kScorePerPosition * static_cast<double>(position);
  }

  /// Whether the bucket may be the first of a client's buckets to be asked. If its breaker has
  /// closed by time alone and no request has succeeded since, only one caller per kProbeEvery gets
  /// true, so that few requests go to a bucket that may still be down.
  [[nodiscard]] bool may_rank_first();

  /// The breaker is open and no probe is due.
  [[nodiscard]] bool is_down() const;

  /// Whether a request may be sent now. While the breaker is open, only one caller per kProbeEvery
  /// gets true: its request is the probe.
  [[nodiscard]] bool may_ask();

  /// How long to wait for an answer's head before a second request is sent: the `quantile` (0..1)
  /// of the latencies, at most twice the (1 - HedgeBudget::kShare) quantile, at least
  /// kHedgeDelayMin. Without the upper bound a few very slow answers would make the delay useless.
  /// Nothing: no hedge (`quantile` is 0, or too few answers).
  [[nodiscard]] std::optional<std::chrono::nanoseconds> hedge_delay(double quantile) const;

  /// Pays for a hedge from the HedgeBudget; and reports how a hedge ended.
  [[nodiscard]] bool spend_hedge();
  void hedge_ended(HedgeResult result);

  struct View {
    double error_rate = 0;
    bool breaker_open = false;
    int consecutive_failures = 0;
    std::optional<double> mean_seconds;
  };
  [[nodiscard]] View view() const;

 private:
  /// The upper bound of the hedge delay, in usual latencies: the (1 - HedgeBudget::kShare)
  /// quantile.
  static constexpr double kUsualDelaysMax = 2;

  [[nodiscard]] double decayed_rate(MonoTime now) const REQUIRES(mutex_);
  [[nodiscard]] bool breaker_open(MonoTime now) const REQUIRES(mutex_);
  [[nodiscard]] bool take_probe(MonoTime now) REQUIRES(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;
  LatencyHistogram latency_ GUARDED_BY(mutex_);
  HedgeBudget hedges_ GUARDED_BY(mutex_);
  uint64_t answers_ GUARDED_BY(mutex_) = 0;
  MonoTime next_probe_ GUARDED_BY(mutex_);
  bool unproven_ GUARDED_BY(mutex_) =
      false;  // the breaker has opened, and no request has succeeded since
  bool observed_ GUARDED_BY(mutex_) = false;
  double error_rate_ GUARDED_BY(mutex_) = 0;
  MonoTime rate_time_ GUARDED_BY(mutex_);
  int consecutive_failures_ GUARDED_BY(mutex_) = 0;
  MonoTime last_failure_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
