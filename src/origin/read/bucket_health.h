#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "origin/read/body_pace.h"
#include "origin/read/failed_keys.h"
#include "origin/read/hedge_budget.h"
#include "origin/read/latency_histogram.h"
#include "origin/read/read_times.h"
#include "origin/read/rescue_budget.h"

namespace cachey::origin {

/// The recent health of one bucket: latency, error rate, breaker, share, and the budgets of second
/// requests. Ranks the buckets of a client and feeds the gauges. Only what speaks_against_bucket()
/// is reported as a failure; a missing object does not. A key counts once in a run of failures:
/// see FailedKeys.
///
/// The breaker is for clients that named another bucket: while the breaker is open, they ask the
/// other one. The last bucket of a client's list is never shut. While nothing succeeds, its
/// requests are shed by share instead: additive increase for each success, multiplicative decrease
/// for each window of failures (Chiu, Jain: Analysis of the increase and decrease algorithms for
/// congestion avoidance in computer networks, 1989). So a bucket that is down gets at most
/// kShareMin of the requests and one per kAskedAtLeastEvery. Any thread.
class BucketHealth {
 public:
  /// The weight of one answer in the error rate, and the rate's exponential decay per second.
  static constexpr double kAlpha = 0.015;
  /// The breaker opens after failures of this many keys in a row, until kBreakerOpen after the last
  /// one.
  static constexpr int kBreakerFailures = 5;
  static constexpr std::chrono::seconds kBreakerOpen{30};
  /// While the breaker is open, one request per kProbeEvery is sent as a probe.
  static constexpr std::chrono::seconds kProbeEvery{1};
  /// The share of requests that are asked, if the bucket is the last one. The breaker is open, and
  /// for a whole kShareWindow requests failed and none succeeded: times kShareDecrease. A success:
  /// plus kShareIncrease. When the breaker closes by time: all.
  static constexpr std::chrono::seconds kShareWindow{2};
  static constexpr double kShareDecrease = 0.25;
  static constexpr double kShareIncrease = 0.1;
  static constexpr double kShareMin = 1.0 / 64;
  /// At least one request is asked in this time, however small the share is.
  static constexpr std::chrono::milliseconds kAskedAtLeastEvery{200};
  /// The shortest hedge delay: shorter ones are below the timers' resolution.
  static constexpr std::chrono::milliseconds kHedgeDelayMin{20};
  /// The shortest hedge delay of a body.
  static constexpr std::chrono::milliseconds kBodyDelayMin{100};
  /// No hedges before this many answers: a quantile of fewer is meaningless.
  static constexpr uint64_t kHedgeAnswersMin = 10;

  /// See patience().
  static constexpr int kHangDelays = 10;
  static constexpr std::chrono::seconds kHangMin{1};
  static constexpr std::chrono::seconds kHangUnknown{3};
  /// The quantile of the latencies for Patience::hung, whatever hedges use.
  static constexpr double kHangQuantile = 0.99;

  /// See may_try_others().
  static constexpr std::chrono::seconds kTryOthersEvery{10};

  /// The count of consecutive failures stops here.
  static constexpr int kFailuresCountedMax = 1'000'000;
  /// The terms of score().
  static constexpr double kScorePerPosition = 2000;
  static constexpr double kScorePerSecond = 1e6 / 100;  ///< of mean latency: 1 per 100 us
  static constexpr double kScoreOfOpenBreaker = 1e6;
  static constexpr double kScoreOfErrorRate = 1e5;  ///< at an error rate of 1
  /// The most that slow bodies add: less than an open breaker does.
  static constexpr double kScoreOfSlowBodiesMax = 1e5;

  /// `hedge_share`: see HedgeBudget.
  explicit BucketHealth(const Clock& clock, double hedge_share = HedgeBudget::kShare);

  /// A request for an object was answered. `key`: the hash of the object's key. `to_head`: the time
  /// from the request to the head of its answer.
  /// Returns the time since the breaker opened, if this is the first success since then.
  std::optional<std::chrono::nanoseconds> succeeded(uint64_t key, std::chrono::nanoseconds to_head);
  /// True: the breaker opens, for the first time since the last success.
  bool failed(uint64_t key);

  /// The lower the better. `position`: in the client's list, from 0.
  ///   2000 * position + mean latency in us / 100 + penalty
  /// The penalty is 1,000,000 while the breaker is open, else round(100,000 * error rate). Before
  /// the first observation only the position counts.
  [[nodiscard]] double score(size_t position) const;
  /// The score of a bucket without observations.
  [[nodiscard]] static double score_of_position(size_t position) {
    return kScorePerPosition * static_cast<double>(position);
  }

  /// Added to the score for a read of `bytes`, by BodyPace::View::slowness.
  [[nodiscard]] static double score_of_slow_bodies(double slowness, uint64_t bytes) {
    return std::min(kScoreOfSlowBodiesMax, slowness * static_cast<double>(bytes) * kScorePerSecond);
  }
  /// See BodyPace.
  [[nodiscard]] std::optional<BodyPace::View> bodies() const;
  /// Whether a large read may leave this bucket for one whose bodies are not known: once in
  /// kTryOthersEvery, because that one may have nothing.
  [[nodiscard]] bool may_try_others();
  /// One request brought `bytes`, the last byte `took` after the head.
  void body_came(uint64_t bytes, std::chrono::nanoseconds took);

  /// Whether the bucket may be the first of a client's buckets to be asked. If its breaker has
  /// closed by time alone and no request has succeeded since, only one caller per kProbeEvery gets
  /// true, so that few requests go to a bucket that may still be down.
  [[nodiscard]] bool may_rank_first();

  /// What may be asked instead of this bucket.
  enum class Instead : uint8_t { kNothing, kOtherBucket };
  /// Whether a request for the object may be sent now. While the breaker is open and there is
  /// another bucket, only one caller per kProbeEvery gets true; if there is none, a share of the
  /// callers does. An object that fails again and again is asked for rarely (see FailedKeys); while
  /// requests are shed, one failure is enough for that.
  [[nodiscard]] bool may_ask(uint64_t key, Instead instead);

  /// How long a request or a body may be silent.
  struct Patience {
    std::optional<std::chrono::nanoseconds> late;  ///< then a hedge is sent; nothing: no hedges
    std::chrono::nanoseconds hung = kHangUnknown;  ///< then the request counts as hung
    bool is_known = false;                         ///< there were enough answers for `hung`
    /// The breaker has opened, and no request has succeeded since: a request is a probe.
    bool is_probe = false;
  };
  /// `late`: the `quantile` (0..1) of the latencies, at most twice the (1 - HedgeBudget::kShare)
  /// quantile, at least kHedgeDelayMin. Without the upper bound a few very slow answers would make
  /// the delay useless. Nothing if `quantile` is 0, or if there are too few answers. `hung`:
  /// kHangDelays times the delay of kHangQuantile, at least kHangMin; kHangUnknown if there are too
  /// few answers.
  [[nodiscard]] Patience patience(double quantile) const;

  /// Pays for the rescue of a hung request from the RescueBudget.
  [[nodiscard]] bool spend_rescue();
  /// Call if another bucket answered the rescue.
  void give_back_rescue();

  /// Pays for a hedge from the HedgeBudget; and reports how a hedge ended.
  [[nodiscard]] bool spend_hedge();
  void hedge_ended(HedgeResult result);

  struct View {
    double error_rate = 0;
    bool breaker_open = false;
    int consecutive_failures = 0;  ///< keys that failed since the last success
    double share = 1;              ///< of the requests that are asked, if there is no other bucket
    std::optional<double> mean_seconds;
    uint64_t failures = 0;  ///< that counted against the bucket, since the start
  };
  [[nodiscard]] View view() const;
  /// In seconds, of the recent times to the head of an answer. Nothing before the first one.
  [[nodiscard]] std::optional<double> latency_quantile(double quantile) const;

  [[nodiscard]] ReadTimes& read_times() { return read_times_; }
  [[nodiscard]] const ReadTimes& read_times() const { return read_times_; }

 private:
  /// The upper bound of the hedge delay, in usual latencies: the (1 - HedgeBudget::kShare)
  /// quantile.
  static constexpr double kUsualDelaysMax = 2;

  [[nodiscard]] std::optional<std::chrono::nanoseconds> usual_delay(double quantile) const
      REQUIRES(mutex_);
  [[nodiscard]] double decayed_rate(MonoTime now) const REQUIRES(mutex_);
  [[nodiscard]] bool breaker_open(MonoTime now) const REQUIRES(mutex_);
  [[nodiscard]] double share(MonoTime now) const REQUIRES(mutex_);
  void end_window(MonoTime now) REQUIRES(mutex_);
  [[nodiscard]] bool take_probe(MonoTime now) REQUIRES(mutex_);
  [[nodiscard]] bool take_share(MonoTime now) REQUIRES(mutex_);

  const Clock& clock_;
  ReadTimes read_times_;
  mutable Mutex mutex_;
  LatencyHistogram latency_ GUARDED_BY(mutex_);
  BodyPace bodies_ GUARDED_BY(mutex_);
  MonoTime try_others_at_ GUARDED_BY(mutex_);
  HedgeBudget hedges_ GUARDED_BY(mutex_);
  RescueBudget rescues_ GUARDED_BY(mutex_);
  uint64_t answers_ GUARDED_BY(mutex_) = 0;
  MonoTime next_probe_ GUARDED_BY(mutex_);
  bool suspect_ GUARDED_BY(mutex_) =
      false;  // the breaker has opened, and no request has succeeded since
  MonoTime suspect_since_ GUARDED_BY(mutex_);
  bool observed_ GUARDED_BY(mutex_) = false;
  double error_rate_ GUARDED_BY(mutex_) = 0;
  MonoTime rate_time_ GUARDED_BY(mutex_);
  int consecutive_failures_ GUARDED_BY(mutex_) = 0;
  uint64_t failures_ GUARDED_BY(mutex_) = 0;
  MonoTime last_failure_ GUARDED_BY(mutex_);
  FailedKeys failed_keys_ GUARDED_BY(mutex_);
  // The share: see kShareWindow.
  double share_ GUARDED_BY(mutex_) = 1;
  double share_saved_ GUARDED_BY(mutex_) = 0;  // requests; 1 and more: the next one is asked
  MonoTime ask_anyway_at_ GUARDED_BY(mutex_);
  MonoTime window_end_ GUARDED_BY(mutex_);
  bool failed_in_window_ GUARDED_BY(mutex_) = false;
  bool succeeded_in_window_ GUARDED_BY(mutex_) = false;
};

}  // namespace cachey::origin
