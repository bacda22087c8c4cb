#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "origin/read/fair_queue.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The most that the whole process asks of one bucket.
struct GateLimits {
  uint32_t requests = 256;        ///< at the same time; 0: no limit
  uint64_t bytes_per_second = 0;  ///< of bodies, on average; 0: no limit
};

/// Limits the requests under way and the bytes per second of each bucket. A request without room
/// waits in the bucket's FairQueue. Speculation never takes the last quarter of the requests.
///
/// A request parks its pass while its answer waits for memory. A page's first request needs room
/// among the requests that are under way or parked; a further request of a page, which has memory
/// already, needs room only among those under way. So a request with memory never waits for a
/// request that waits for memory. Parked requests are at most GateLimits::requests; with the
/// further ones beside them, a bucket has at most twice GateLimits::requests.
///
/// Owned by app::Process; all passes end before the gate. Any thread.
class Gate {
 public:
  /// The longest wait of a request without a time limit of its own (ot).
  static constexpr std::chrono::seconds kWaitTimeMax{10};
  /// Requests that may wait for one bucket at the same time.
  static constexpr size_t kQueuedMax = 4096;

 private:
  struct Bucket;

 public:
  /// What a pass was asked for, to ask for another one. The bucket is the caller's.
  struct Place {
    Gate* gate;
    std::string kind;
    Stage stage;
  };

  /// Permission for one request to be under way. The destructor gives the room back.
  class Pass {
   public:
    Pass(Gate& gate, Bucket& bucket, std::string kind, Stage stage, double charged)
        : gate_(&gate),
          bucket_(&bucket),
          kind_(std::move(kind)),
          stage_(stage),
          charged_(charged) {}
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    [[nodiscard]] Place place() const { return {gate_, kind_, stage_}; }

    /// The answer's head announced a body of `bytes`. Call at most once.
    void expect_body_bytes(uint64_t bytes);

    /// The answer waits for memory: its place is for further requests of other pages meanwhile.
    /// Call unpark() before the body is read. Each does nothing if it was called already.
    void park();
    void unpark();

   private:
    Gate* gate_;  // null: moved from
    Bucket* bucket_;
    std::string kind_;
    Stage stage_;
    double charged_;  // estimated bytes; 0 once the true number is known
    bool parked_ = false;
  };

  Gate(const GateLimits& limits, const Clock& clock, Metrics& metrics);

  /// What a request asks for. The texts must live until enter() returns.
  struct Request {
    std::string_view bucket;
    std::string_view kind;
    Priority priority;
    Stage stage = Stage::kFirst;
  };

  /// Waits for room. kOverloaded: no room by `deadline`, or kQueuedMax requests wait already.
  [[nodiscard]] rt::Task<Result<Pass>> enter(rt::Worker& worker, Request request,
                                             MonoTime deadline);
  /// For optional requests (hedges): a pass if nothing waits and there is room for speculation
  /// now; else nothing.
  [[nodiscard]] std::optional<Pass> try_enter(const Request& request);

  /// Call after WantedParts::want() returned true: queued speculation may have become demand.
  void promote_wanted();

 private:
  /// The depth of the bandwidth's token bucket, in seconds.
  static constexpr double kSavedSeconds = 0.25;
  /// 1 / kReservedShare of the requests at a time are for demand only.
  static constexpr uint32_t kReservedShare = 4;
  /// Added to each request's cost in the fair queue, so that small requests are not free.
  static constexpr double kRequestBytes = 64.0 * 1024;
  /// The estimate of an answer's bytes before the first answer.
  static constexpr double kMeanBytesAtFirst = 1024.0 * 1024;
  /// Past this many buckets, those without requests are forgotten, with their averages.
  static constexpr size_t kBucketsMax = 1000;
  /// A queued request that is not at the front checks for bandwidth again after this.
  static constexpr std::chrono::milliseconds kRecheckAfter{50};

  struct Bucket {
    FairQueue queue;
    uint32_t in_flight = 0;  // without the parked ones
    uint32_t parked = 0;
    double level = 0;  // of the token bucket, in bytes; negative: overdrawn
    MonoTime level_time;
    double mean_bytes = kMeanBytesAtFirst;  // of one answer, exponentially weighted
  };
  using Woken = std::vector<rt::Waiter*>;

  [[nodiscard]] Bucket& bucket_of(std::string_view name) REQUIRES(mutex_);
  void refill(Bucket& bucket) const REQUIRES(mutex_);
  [[nodiscard]] bool has_bandwidth(const Bucket& bucket) const REQUIRES(mutex_);
  [[nodiscard]] bool has_room(const Bucket& bucket, Urgency urgency, Stage stage) const
      REQUIRES(mutex_);
  [[nodiscard]] std::optional<FairQueue::Choice> next_choice(const Bucket& bucket) const
      REQUIRES(mutex_);
  [[nodiscard]] MonoTime room_expected_at(Bucket& bucket, const QueuedRequest& request) const
      REQUIRES(mutex_);
  void admit_next(Bucket& bucket, Woken& woken) REQUIRES(mutex_);
  [[nodiscard]] Bucket* enqueue(const Request& request, QueuedRequest& queued);
  [[nodiscard]] MonoTime register_waiter(Bucket& bucket, QueuedRequest& queued, rt::Waiter& waiter);
  bool leave_queue(Bucket& bucket, QueuedRequest& queued);
  void park(Bucket& bucket);
  void unpark(Bucket& bucket);
  void release(Bucket& bucket, const std::string& kind, double refund, bool parked);
  void charge_body(Bucket& bucket, const std::string& kind, double charged, double bytes);

  const GateLimits limits_;
  const Clock& clock_;
  const Counter refused_;
  std::atomic<size_t> waiting_{0};  // in all queues, demand and speculation
  std::atomic<size_t> speculation_waiting_{0};
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<Bucket>, std::less<>> buckets_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
