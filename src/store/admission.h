#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/set.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "base/clock.h"
#include "base/error.h"
#include "base/fine_histogram.h"
#include "base/mutex.h"
#include "base/service_rate.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::store {

struct AdmissionsConfig {
  std::chrono::milliseconds timeout{5'000};  ///< the longest wait of one request
  size_t waiting_per_bucket_max = 4'096;     ///< requests that wait; more are refused at once
  size_t waiting_max = 16'384;               ///< the same, of all buckets
  bool forecasts = true;                     ///< whether a forecast may refuse a request
  FineHistogram waits{};                     ///< of requests that wait, in vain or not; or none
};

/// Admits requests for memory, so that all together stay under a limit. Buckets share the limit: a
/// request is admitted if its bucket then has at most kShare times the bytes that were idle before
/// (A. K. Choudhury, E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet
/// switches", IEEE/ACM ToN 6(2), 1998). So a busy bucket leaves 1 / (1 + kShare) of the limit, less
/// one request, to the others, and a bucket without admissions may take all that is idle.
///
/// The clients of a bucket share its bytes by the same rule, so a busy client leaves a part to the
/// others. Requests that name no client are one client, which may have all of the bucket's bytes.
///
/// Each client of a bucket has a queue, first in, first out. The bucket with the least admitted
/// bytes is next, and of its clients the one with the least; among equals, the request that came
/// first. If the next request does not fit, all wait: large requests are not passed over for ever.
///
/// A request is refused at once if the bytes in front of it and its own are forecast (ServiceRate)
/// to take longer than forecast_allowed() of its limit. In front are the waiting bytes of its
/// client, times the number of the bucket's clients that wait, because these take turns; at most
/// all of the bucket. While the rate is not known, the forecast is the least time: as if the whole
/// limit were given back now. The first request of a queue is never refused, so each bucket's rate
/// is measured again and a wrong forecast ends.
///
/// Buckets are names that clients choose: the state of a bucket, and of its clients, is kept only
/// while it has an admission or a waiting request. Owned by the memory tier; outlives all
/// admissions. Any thread; a `worker` passed in is the calling thread's own. Lock order: the mutex
/// is a last one.
class Admissions {
  struct Bucket;
  struct Client;

 public:
  static constexpr uint64_t kShare = 4;
  /// Speculation leaves 1 / kDemandShare of the limit to requests that somebody waits for.
  static constexpr uint64_t kDemandShare = 4;

  /// `limit`: the bytes that may be admitted; may change. Called with the mutex held: lock-free.
  Admissions(AdmissionsConfig config, std::move_only_function<uint64_t() const> limit,
             const Clock& clock);
  ~Admissions();

  /// What a request is charged to. The texts must outlive the call.
  struct Account {
    template <std::convertible_to<std::string_view> Text>
    Account(const Text& its_bucket, std::string_view its_client = {})  // NOLINT: implicit
        : bucket(its_bucket), client(its_client) {}

    std::string_view bucket;
    std::string_view client;  // empty: not named
  };

  /// The right of a bucket's client to use memory. The destructor gives the bytes back.
  class Admission {
   public:
    Admission(Admission&& other) noexcept;
    Admission& operator=(Admission&&) = delete;
    ~Admission();
    [[nodiscard]] uint64_t bytes() const { return bytes_; }
    /// Gives back all but `bytes`. REQUIRES: 0 < bytes <= bytes().
    void shrink_to(uint64_t bytes);

   private:
    friend class Admissions;
    Admission(Admissions& admissions, Client& client, uint64_t bytes)
        : admissions_(&admissions), client_(&client), bytes_(bytes) {}
    Admissions* admissions_;  // null: moved from
    Client* client_;
    uint64_t bytes_;
  };

  /// Admits at once, or returns null. Null, too, if a request waits that would be next.
  [[nodiscard]] std::optional<Admission> try_admit(Account account, uint64_t bytes);

  /// try_admit() for bytes that no request waits for: leaves 1 / kDemandShare of the limit. Null if
  /// any request waits.
  [[nodiscard]] std::optional<Admission> try_admit_speculation(Account account, uint64_t bytes);

  /// Waits for admission. kOverloaded: the timeout passed or is forecast to pass, too many requests
  /// wait, or `bytes` exceeds the limit. `patience`: a shorter limit for the forecast alone.
  [[nodiscard]] rt::Task<Result<Admission>> admit(
      rt::Worker& worker, std::string bucket, uint64_t bytes,
      std::chrono::nanoseconds patience = std::chrono::nanoseconds::max(), std::string client = {});

  /// Whether admit() may admit in time. A caller asks this before work that a refusal would waste.
  /// kOverloaded: for each of these buckets the forecast of admit() would refuse `bytes` at once.
  /// Never kOverloaded if no request of the client waits at one of the buckets. Cheap if none
  /// waits.
  [[nodiscard]] Result<void> look_ahead(std::span<const std::string> buckets, uint64_t bytes,
                                        std::chrono::nanoseconds patience,
                                        std::string_view client = {}) EXCLUDES(mutex_);

  /// Call when the limit has grown: requests that wait may fit now. Cheap if none waits.
  void look_again() EXCLUDES(mutex_) {
    if (waiting_count_ != 0) let_in();
  }

  [[nodiscard]] uint64_t limit_bytes() const { return limit_(); }
  [[nodiscard]] uint64_t admitted_bytes() const EXCLUDES(mutex_);
  /// Requests that wait.
  [[nodiscard]] size_t waiting() const { return waiting_count_; }
  enum class Refusal : uint8_t {
    kTooMany,   ///< too many requests waited, or the request exceeds the limit
    kForecast,  ///< the wait was forecast to be too long
    kTimeout,   ///< the request waited in vain
  };
  /// Requests that were refused, by cause, and all.
  [[nodiscard]] uint64_t refused(Refusal cause) const {
    return refused_[static_cast<size_t>(cause)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t refused() const {
    return refused(Refusal::kTooMany) + refused(Refusal::kForecast) + refused(Refusal::kTimeout);
  }
  /// Buckets with an admission or a waiting request.
  [[nodiscard]] size_t buckets() const EXCLUDES(mutex_);

 private:
  /// The most requests that are let in while the mutex is held once.
  static constexpr size_t kLetInAtOnce = 64;

  struct Waiting;
  using Buckets = std::map<std::string, Bucket, std::less<>>;
  using Clients = std::map<std::string, Client, std::less<>>;
  struct IsBefore {
    template <typename Party>
    bool operator()(const Party& one, const Party& other) const {
      return std::tie(one.admitted, one.first_number) <
             std::tie(other.admitted, other.first_number);
    }
  };
  template <typename Party>
  using LineOf = boost::intrusive::set<Party, boost::intrusive::compare<IsBefore>>;
  struct Client : boost::intrusive::set_base_hook<> {
    Bucket* bucket = nullptr;
    Clients::const_iterator self;
    uint64_t admitted = 0;
    size_t waiting_count = 0;
    uint64_t waiting_bytes = 0;
    uint64_t first_number = 0;  // of the first waiting request, while the client is in the line
    rt::WaiterList waiting;
  };
  struct Bucket : boost::intrusive::set_base_hook<> {
    Buckets::const_iterator self;
    uint64_t admitted = 0;
    size_t waiting_count = 0;
    uint64_t waiting_bytes = 0;
    uint64_t first_number = 0;  // of its next request, while the bucket is in the line
    Clients clients;            // with an admission or a waiting request
    LineOf<Client> line;        // those with a waiting request, the next one first
    ServiceRate rate;           // in bytes, of requests that waited
  };

  [[nodiscard]] Client& client_of(Account account) REQUIRES(mutex_);
  void forget_if_idle(Client& client) REQUIRES(mutex_);
  void leave_line(Client& client) REQUIRES(mutex_);
  void join_line(Client& client) REQUIRES(mutex_);
  [[nodiscard]] bool fits(const Client& client, uint64_t needed, uint64_t limit) const
      REQUIRES(mutex_);
  [[nodiscard]] std::optional<Admission> take(Client& client, uint64_t needed, uint64_t limit)
      REQUIRES(mutex_);
  [[nodiscard]] bool has_place(const Client& client) const REQUIRES(mutex_);
  static void count_waiting(Client& client, const Waiting& waiting, bool joins);

  struct Refused {
    Refusal cause;
    std::chrono::nanoseconds forecast;  // of the wait; 0: none
  };
  [[nodiscard]] std::optional<std::chrono::nanoseconds> too_long_wait(
      Client& client, uint64_t needed, std::chrono::nanoseconds patience) REQUIRES(mutex_);
  [[nodiscard]] Error refuse(Refused refused);
  [[nodiscard]] std::optional<Refused> enqueue(Waiting& waiting, Account account,
                                               std::chrono::nanoseconds patience) EXCLUDES(mutex_);
  [[nodiscard]] bool withdraw(Waiting& waiting) EXCLUDES(mutex_);
  void give_back(Client& client, uint64_t bytes) EXCLUDES(mutex_);
  void let_in() EXCLUDES(mutex_);
  [[nodiscard]] bool let_some_in() EXCLUDES(mutex_);

  const AdmissionsConfig config_;
  const std::move_only_function<uint64_t() const> limit_;
  const Clock& clock_;
  std::array<std::atomic<uint64_t>, 3> refused_{};  // by Refusal

  mutable Mutex mutex_;
  Buckets buckets_ GUARDED_BY(mutex_);
  LineOf<Bucket> line_
      GUARDED_BY(mutex_);  // the buckets with a waiting request, the next one first
  uint64_t admitted_ GUARDED_BY(mutex_) = 0;
  std::atomic<size_t> waiting_count_{0};  // changes with the mutex held
  uint64_t next_number_ GUARDED_BY(mutex_) = 0;
};

using Admission = Admissions::Admission;

}  // namespace cachey::store
