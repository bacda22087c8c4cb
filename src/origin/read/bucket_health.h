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

/// How a bucket has done lately: what its place among a client's buckets, and its gauges, are made
/// of. Only the store's own failures are told to it (time-outs, 5xx, throttling, broken bodies):
/// that an object is missing says nothing of the bucket. Any thread.
class BucketHealth {
 public:
  /// Weight of one answer in the error rate, and the rate's decay per second.
  static constexpr double kAlpha = 0.015;
  /// The breaker opens after so many failures in a row, for so long after the last of them.
  static constexpr int kBreakerFailures = 5;
  static constexpr std::chrono::seconds kBreakerOpen{30};
  /// While the breaker is open, one request each time finds out whether the store is back.
  static constexpr std::chrono::seconds kProbeEvery{1};
  /// A hedge is sent no sooner: below this the timers' coarseness decides, and the store is fast
  /// enough.
  static constexpr std::chrono::milliseconds kHedgeDelayMin{20};
  /// No hedges before so many answers: a quantile of less says nothing.
  static constexpr uint64_t kHedgeAnswersMin = 10;

  /// Of consecutive failures more are not counted.
  static constexpr int kFailuresCountedMax = 1'000'000;
  /// What score() is made of.
  static constexpr double kScorePerPosition = 2000;
  static constexpr double kScorePerSecond = 1e6 / 100;  ///< of mean latency: 1 per 100 us
  static constexpr double kScoreOfOpenBreaker = 1e6;
  static constexpr double kScoreOfErrorRate = 1e5;  ///< if everything fails

  explicit BucketHealth(const Clock& clock);

  /// `to_head`: from the request to the head of its answer.
  void succeeded(std::chrono::nanoseconds to_head);
  void failed();

  /// How much is lost where it is forgotten: the lower, the less.
  struct Worth {
    bool answered = false;  ///< ever
    MonoTime observed;      ///< last
    friend auto operator<=>(const Worth&, const Worth&) = default;
  };
  [[nodiscard]] Worth worth() const;

  /// The lower the better. `position`: the client's, from 0.
  ///   2000 * position + mean latency in us / 100 + penalty,
  /// the penalty being 1,000,000 while the breaker is open, else round(100,000 * error rate).
  /// Nothing but the position counts where nothing was observed.
  [[nodiscard]] double score(size_t position) const;
  /// The score of a bucket of which nothing was observed.
  [[nodiscard]] static double score_of_position(size_t position) {
    return kScorePerPosition * static_cast<double>(position);
  }

  /// Whether it may be asked before a bucket that it ranks better than. Not where its breaker has
  /// closed by time alone and nothing has succeeded since: then the first to ask each kProbeEvery
  /// finds out, and the rest do not all run into a bucket that may be down yet.
  [[nodiscard]] bool may_rank_first();

  /// Its breaker is open, and no request may find out yet whether it is back.
  [[nodiscard]] bool is_down() const;

  /// Whether a request may be sent there now. Always, but while the breaker is open: then the first
  /// to ask each kProbeEvery is the probe.
  [[nodiscard]] bool may_ask();

  /// How long to wait for an answer's head before a second request is sent after the first: the
  /// `quantile` (0..1) of the latencies, but no more than twice what the fastest 1 - kShare of the
  /// answers keep within, which are all that the budget cannot pay for. So a few answers that stall
  /// for long, being the tail that the quantile is read from, do not put hedges off until it is too
  /// late. Nothing: no hedge (`quantile` is 0, or too few answers).
  [[nodiscard]] std::optional<std::chrono::nanoseconds> hedge_delay(double quantile) const;

  /// See HedgeBudget.
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
  /// A hedge is sent no later than after so many times the usual latency.
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
  bool unproven_ GUARDED_BY(mutex_) = false;  // the breaker was open, and nothing succeeded since
  bool observed_ GUARDED_BY(mutex_) = false;
  double error_rate_ GUARDED_BY(mutex_) = 0;
  MonoTime rate_time_ GUARDED_BY(mutex_);
  int consecutive_failures_ GUARDED_BY(mutex_) = 0;
  MonoTime last_failure_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
