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

/// What a bucket is asked at most, by the whole process.
struct GateLimits {
  uint32_t requests = 256;        ///< at a time; 0: any number
  uint64_t bytes_per_second = 0;  ///< of bodies, over some seconds; 0: any number
};

/// Spares the buckets: lets no more requests to each at a time than the limit, and no more bytes a
/// second on average. Who finds no room waits his turn, fairly between kinds, demand before
/// speculation (see FairQueue). Speculation never takes the last quarter of the room. Owned by
/// main; passes end before it does. Any thread.
class Gate {
 public:
  /// How long a request without a time limit (ot) waits.
  static constexpr std::chrono::seconds kWaitTimeMax{10};
  /// Requests that may wait for one bucket.
  static constexpr size_t kQueuedMax = 4096;

 private:
  struct Bucket;

 public:
  /// Leave to have one request under way. Ends when destroyed.
  class Pass {
   public:
    Pass(Gate& gate, Bucket& bucket, std::string kind, double charged)
        : gate_(&gate), bucket_(&bucket), kind_(std::move(kind)), charged_(charged) {}
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    /// The answer's body has so many bytes. At most once.
    void expect_body_bytes(uint64_t bytes);

   private:
    Gate* gate_;  // null: moved from
    Bucket* bucket_;
    std::string kind_;
    double charged_;  // bytes, as many as answers have on average; 0 once their number is known
  };

  Gate(const GateLimits& limits, const Clock& clock, Metrics& metrics);

  /// Whose request it is. Its texts live as long as enter() runs.
  struct Request {
    std::string_view bucket;
    std::string_view kind;
    Priority priority;
  };

  /// Waits for a turn. kOverloaded where none comes by `deadline`, or too many wait.
  [[nodiscard]] rt::Task<Result<Pass>> enter(rt::Worker& worker, Request request,
                                             MonoTime deadline);
  /// Leave for a request that nobody needs: only where there is room at once.
  [[nodiscard]] std::optional<Pass> try_enter(const Request& request);

  /// Some interest has grown: speculation may have become demand.
  void promote_wanted();

 private:
  /// Of a bandwidth limit, what may be saved up, in seconds.
  static constexpr double kSavedSeconds = 0.25;
  /// Of the requests at a time, what speculation leaves to demand: one in so many.
  static constexpr uint32_t kReservedShare = 4;
  /// A request costs its kind at least this, however few bytes it brings.
  static constexpr double kRequestBytes = 64.0 * 1024;
  /// Buckets without requests that are remembered for the sake of their averages.
  static constexpr size_t kBucketsMax = 1000;
  /// A turn that is not the next looks for room again after this.
  static constexpr std::chrono::milliseconds kRecheckAfter{50};

  struct Bucket {
    FairQueue queue;
    uint32_t in_flight = 0;
    double level = 0;  // bytes that may come; negative: how many came too soon
    MonoTime level_time;
    double mean_bytes = 1024.0 * 1024;  // of answers, recent ones more
  };
  using Woken = std::vector<rt::Waiter*>;

  [[nodiscard]] Bucket& bucket_of(std::string_view name) REQUIRES(mutex_);
  void refill(Bucket& bucket) const REQUIRES(mutex_);
  [[nodiscard]] bool has_room(const Bucket& bucket, Urgency urgency) const REQUIRES(mutex_);
  [[nodiscard]] MonoTime room_expected_at(Bucket& bucket, const QueuedRequest& request) const
      REQUIRES(mutex_);
  void admit_next(Bucket& bucket, Woken& woken) REQUIRES(mutex_);
  [[nodiscard]] Bucket* enqueue(const Request& request, QueuedRequest& queued);
  [[nodiscard]] MonoTime register_waiter(Bucket& bucket, QueuedRequest& queued, rt::Waiter& waiter);
  bool leave_queue(Bucket& bucket, QueuedRequest& queued);
  void release(Bucket& bucket, const std::string& kind, double refund);
  void charge_body(Bucket& bucket, const std::string& kind, double charged, double bytes);

  const GateLimits limits_;
  const Clock& clock_;
  const Counter refused_;
  std::atomic<size_t> waiting_{0};  // in all queues
  std::atomic<size_t> speculation_waiting_{0};
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<Bucket>, std::less<>> buckets_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
