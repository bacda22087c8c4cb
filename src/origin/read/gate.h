#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/units.h"
#include "origin/read/audience.h"
#include "origin/read/fair_queue.h"
#include "origin/read/hung_requests.h"
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
/// A request that is silent for its hang limit holds no turn: Pass::hang() moves it to the bucket's
/// HungRequests, GateLimits::requests more; those of all unproven buckets share one set, at most
/// kUnprovenRequests. If the set is full and demand waits, a hung request is ended by the rule of
/// HungRequests.
///
/// Clients make up names of buckets and kinds. A name is proven if the options declare it, or once
/// an object's head came under it and as long as it is among the kNamesKept that were used last.
/// Unproven buckets together have at most kUnprovenRequests under way, of which the waiting buckets
/// get one each in turn. All unproven kinds of a bucket share one account of its FairQueue. The
/// clients of a proven kind have accounts of their own, if their requests name them. A bucket has a
/// state of its own only while it has requests.
///
/// Owned by app::Process; all passes end before the gate. Any thread.
class Gate {
 public:
  /// The longest wait of a request without a time limit of its own (ot).
  static constexpr std::chrono::seconds kWaitTimeMax{10};
  /// Requests that may wait for one bucket at the same time.
  static constexpr size_t kQueuedMax = FairQueue::kQueuedMax;
  /// How often a request that waits looks at its audience.
  static constexpr std::chrono::seconds kLookEvery{1};
  /// Requests of all unproven buckets at the same time, under way or parked. A bucket may have as
  /// many as are left for others, so that a bucket that hangs leaves room for a bucket that has not
  /// been asked yet (a dynamic threshold, as in store::Admissions, with an alpha of 1).
  static constexpr uint32_t kUnprovenRequests = 256;
  /// Buckets with a gauge of their own: those proven ones that were used last.
  static constexpr size_t kBucketsShown = 100;
  /// Of proven buckets, and of proven kinds.
  static constexpr AgedMapLimits kNamesKept{.entries = 1000, .key_bytes = 128 * kKiB};

 private:
  struct Bucket;

 public:
  /// What a pass was asked for, to ask for another one. The bucket is the caller's.
  struct Place {
    Gate* gate;
    std::string kind;
    std::string client;
    Stage stage;
  };

  /// Permission for one request to be under way. The destructor gives the room back.
  class Pass {
   public:
    Pass(Place place, Bucket& bucket, std::string account, double charged, uint64_t number)
        : gate_(place.gate),
          bucket_(&bucket),
          place_(std::move(place)),
          account_(std::move(account)),
          number_(number),
          charged_(charged) {}
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    [[nodiscard]] const Place& place() const { return place_; }

    /// The answer's head announced a body of `bytes` of an object: proves bucket and kind. Call at
    /// most once.
    void expect_body_bytes(uint64_t bytes);

    /// The answer waits for memory: its place is for further requests of other pages meanwhile.
    /// Call unpark() before the body is read. Each does nothing if it was called already.
    void park();
    void unpark();

    /// The request has been silent for its hang limit: its place is for others, as long as no byte
    /// comes. Does nothing if there is no room among the hung requests; call again after a while.
    /// `request` must live until revive() or the end of the pass, which must not be moved then.
    void hang(HungRequest& request, MonoTime silent_since);
    /// Bytes have come. Does nothing unless the request is among the hung ones.
    void revive();

   private:
    friend class Gate;
    enum class Counted : uint8_t { kUnderWay, kParked, kHung };
    Gate* gate_;  // null: moved from
    Bucket* bucket_;
    Place place_;
    std::string account_;  // of the bucket's queue
    uint64_t number_;      // among the bucket's requests
    double charged_;       // estimated bytes; 0 once the true number is known
    Counted counted_ = Counted::kUnderWay;
    HungRequest* hung_ = nullptr;  // if kHung
  };

  Gate(const GateLimits& limits, const Clock& clock, Metrics& metrics);

  /// The options name this kind with these buckets: the names are proven from now on and for ever.
  void declare(const std::string& kind, std::span<const std::string> buckets) EXCLUDES(mutex_);
  /// Whether both names are proven.
  [[nodiscard]] bool is_proven(std::string_view bucket, std::string_view kind) EXCLUDES(mutex_);

  /// What a request asks for. The texts must live until enter() returns.
  struct Request {
    std::string_view bucket;
    std::string_view kind;
    Priority priority;
    Stage stage = Stage::kFirst;
    const Audience* audience = nullptr;  ///< see Attendance
    bool may_forecast = false;           ///< whether a forecast of its wait may refuse it
    std::string_view client{};           ///< of the kind: has an account of its own; empty: none
  };

  /// Waits for room. kOverloaded: no room by `deadline`, or kQueuedMax requests wait already, or
  /// the wait of demand is forecast (FairQueue::forecast) to take longer than forecast_allowed() of
  /// the time until `deadline`. kCancelled: the Attendance is over.
  [[nodiscard]] rt::Task<Result<Pass>> enter(rt::Worker& worker, Request request,
                                             MonoTime deadline);
  /// For optional requests (hedges): a pass if nothing waits and there is room for speculation
  /// now; else nothing.
  [[nodiscard]] std::optional<Pass> try_enter(const Request& request);

  /// Call after WantedParts::want() returned true: queued speculation may have become demand.
  void promote_wanted();

  enum class Refusal : uint8_t { kTooMany, kForecast, kTimeout, kNobodyWaits };
  /// Requests that were refused. REQUIRES: not kNobodyWaits.
  [[nodiscard]] uint64_t refused(Refusal cause) const {
    return refused_by_[static_cast<size_t>(cause)].total();
  }
  /// Requests that wait for a turn now, and those that were refused since the start.
  [[nodiscard]] size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t turns_refused() const { return refused_.total(); }
  /// How many requests of each bucket wait, of the at most `most` proven buckets used last; and of
  /// all others together, as `other`.
  [[nodiscard]] std::vector<std::pair<std::string, size_t>> waiting_by_bucket(size_t most) const
      EXCLUDES(mutex_);

  /// Buckets with requests, and names that are remembered.
  [[nodiscard]] size_t buckets() const EXCLUDES(mutex_);
  [[nodiscard]] size_t names_remembered() const EXCLUDES(mutex_);

 private:
  /// The depth of the bandwidth's token bucket, in seconds.
  static constexpr double kSavedSeconds = 0.25;
  /// 1 / kReservedShare of the requests at a time are for demand only.
  static constexpr uint32_t kReservedShare = 4;
  /// Added to each request's cost in the fair queue, so that small requests are not free.
  static constexpr double kRequestBytes = 64.0 * 1024;
  /// The estimate of an answer's bytes before the first answer.
  static constexpr double kMeanBytesAtFirst = 1024.0 * 1024;
  /// A queued request that is not at the front checks for bandwidth again after this.
  static constexpr std::chrono::milliseconds kRecheckAfter{50};

  using Buckets = std::map<std::string, Bucket, std::less<>>;
  struct InBlocked;
  struct InSpeculating;
  /// What is remembered of a proven bucket.
  struct Memory {
    double level = 0;  // of the token bucket, in bytes; negative: overdrawn
    MonoTime level_time;
    double mean_bytes = kMeanBytesAtFirst;  // of one answer, exponentially weighted
  };
  template <typename Tag>
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>>;
  struct Bucket : Hook<InBlocked>, Hook<InSpeculating> {
    Buckets::iterator self;
    FairQueue queue;
    bool proven = false;
    uint32_t in_flight = 0;  // without the parked and the hung ones
    uint32_t parked = 0;
    uint32_t hung = 0;
    uint64_t begun = 0;            // requests
    uint64_t newest_answered = 0;  // the number of the newest request with an object's head
    HungRequests hung_requests;    // if the bucket is proven
    Memory memory;
  };
  template <typename Tag>
  using BucketList = boost::intrusive::list<Bucket, boost::intrusive::base_hook<Hook<Tag>>>;
  using Woken = std::vector<rt::Waiter*>;

  static void wake(const Woken& woken);
  [[nodiscard]] Bucket& bucket_of(std::string_view name) REQUIRES(mutex_);
  [[nodiscard]] bool is_proven_bucket(std::string_view name) REQUIRES(mutex_);
  [[nodiscard]] bool is_proven_kind(std::string_view name) REQUIRES(mutex_);
  [[nodiscard]] std::string account_of(const Request& request) REQUIRES(mutex_);
  void refill(Bucket& bucket) const REQUIRES(mutex_);
  [[nodiscard]] bool has_bandwidth(const Bucket& bucket) const REQUIRES(mutex_);
  [[nodiscard]] bool has_room(const Bucket& bucket, Urgency urgency, Stage stage) const
      REQUIRES(mutex_);
  [[nodiscard]] std::optional<FairQueue::Choice> next_choice(const Bucket& bucket) const
      REQUIRES(mutex_);
  [[nodiscard]] MonoTime room_expected_at(Bucket& bucket, const QueuedRequest& request) const
      REQUIRES(mutex_);
  void begin(Bucket& bucket) REQUIRES(mutex_);
  void admit_next(Bucket& bucket, Woken& woken) REQUIRES(mutex_);
  void admit_unproven(Woken& woken) REQUIRES(mutex_);
  void prove(Bucket& bucket, std::string_view kind, Woken& woken) REQUIRES(mutex_);
  void settle(Bucket& bucket) REQUIRES(mutex_);
  /// A bucket's queue, or why the request is not in it.
  struct Joined {
    Bucket* bucket = nullptr;
    Refusal refusal = Refusal::kTooMany;
    std::chrono::nanoseconds forecast{0};
  };
  [[nodiscard]] Joined enqueue(const Request& request, QueuedRequest& queued, MonoTime deadline);
  [[nodiscard]] MonoTime register_waiter(Bucket& bucket, QueuedRequest& queued, rt::Waiter& waiter);
  [[nodiscard]] Error refused(const Request& request, const Joined& why);
  bool leave_queue(Bucket& bucket, QueuedRequest& queued);
  [[nodiscard]] HungRequests& hung_of(Bucket& bucket) REQUIRES(mutex_);
  [[nodiscard]] size_t hung_max(const Bucket& bucket) const;
  void park(Bucket& bucket);
  void unpark(Bucket& bucket);
  void hang(Pass& pass, HungRequest& request, MonoTime silent_since);
  void count_again(Pass& pass) REQUIRES(mutex_);
  void revive(Pass& pass);
  void release(Pass& pass);
  void charge_body(Pass& pass, double bytes);

  const GateLimits limits_;
  const Clock& clock_;
  const Counter refused_;
  const std::array<Counter, 3> refused_by_;  // by Refusal
  const FineHistogram waits_;                // of demand that waits, in vain or not
  std::atomic<size_t> waiting_{0};           // in all queues, demand and speculation
  std::atomic<size_t> speculation_waiting_{0};
  mutable Mutex mutex_;
  Buckets buckets_ GUARDED_BY(mutex_);  // with requests
  std::set<std::string, std::less<>> declared_kinds_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> declared_buckets_ GUARDED_BY(mutex_);
  AgedMap<Memory> proven_buckets_ GUARDED_BY(mutex_){kNamesKept};
  AgedMap<std::monostate> proven_kinds_ GUARDED_BY(mutex_){kNamesKept};
  uint32_t unproven_requests_ GUARDED_BY(mutex_) = 0;  // of those: under way or parked
  HungRequests unproven_hung_ GUARDED_BY(mutex_);      // of unproven buckets
  // Unproven buckets with requests that wait for kUnprovenRequests, in turn.
  BucketList<InBlocked> blocked_ GUARDED_BY(mutex_);
  BucketList<InSpeculating> speculating_ GUARDED_BY(mutex_);  // with speculation that waits
};

}  // namespace cachey::origin
