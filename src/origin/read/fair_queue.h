#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/service_rate.h"
#include "base/units.h"
#include "origin/read/priority.h"
#include "rt/waiter.h"

namespace cachey::origin {

/// kFirst: nothing of the page has come. kFurther: the page has memory, which it keeps until its
/// further requests are done.
enum class Stage : uint8_t { kFirst, kFurther };

/// A request that waits for room at a bucket. Lives in the frame of the waiting coroutine. The
/// gate's mutex guards all fields.
struct QueuedRequest : boost::intrusive::list_base_hook<> {
  QueuedRequest(std::string its_kind, const Priority& its_priority, Stage its_stage = Stage::kFirst)
      : kind(std::move(its_kind)), priority(its_priority), stage(its_stage) {}

  std::string kind;  // the account that is charged; does not change while it waits
  const Priority priority;
  const Stage stage;
  Urgency urgency = Urgency::kDemand;  // as of the last push() or promote_wanted()
  MonoTime came;                       // when it joined the requests of its urgency
  bool granted = false;
  bool waited = false;           // was not granted at once
  double charged = 0;            // bytes that it cost when it was granted
  uint64_t number = 0;           // among the bucket's requests, since it was granted
  rt::Waiter* waiter = nullptr;  // null: its coroutine does not wait
  boost::intrusive::list_member_hook<> by_arrival;
};

/// The queue of the requests that wait for one bucket. Demand goes before speculation. Within each,
/// the kinds share the bytes evenly: the kind that was charged least is next (start-time fair
/// queueing; Goyal, Vin, Cheng, SIGCOMM 1996). Within a kind: further requests of a page before
/// first ones; then first in, first out.
///
/// Every second turn is the oldest request's, if that has waited for kAgedAfter: so no number of
/// kinds passes a request over for ever, and a flood of old requests takes at most every second
/// turn from the kinds.
///
/// A kind may have at most kShare times as many waiting requests as there are free places, as in
/// store::Admissions. What a kind was charged is forgotten when nothing waits. Not synchronized. A
/// request outlives its stay in the queue. Each call costs O(log kinds that wait).
class FairQueue {
 public:
  /// Requests that wait.
  static constexpr size_t kQueuedMax = 4096;
  static constexpr size_t kShare = 4;
  static constexpr std::chrono::seconds kAgedAfter{5};
  /// The idle kinds with a remembered charge. A kind is idle if it has nothing queued.
  static constexpr AgedMapLimits kIdleKinds{.entries = 1000, .key_bytes = 64 * kKiB};

  /// Whether there is a place for a request of `kind`.
  [[nodiscard]] bool has_place(std::string_view kind) const;
  /// REQUIRES: has_place(request.kind).
  void push(QueuedRequest& request, MonoTime now);
  void remove(QueuedRequest& request, MonoTime now);
  /// Moves speculation that has become demand to the demand queues. Returns the number moved.
  size_t promote_wanted(MonoTime now);

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] size_t size() const {
    return count(Urgency::kDemand, Among::kAll) + count(Urgency::kSpeculation, Among::kAll);
  }

  /// The requests among which the next one is chosen.
  enum class Among : uint8_t { kAll, kFurther };
  struct Choice {
    Urgency urgency;
    Among among;
  };
  [[nodiscard]] size_t count(Urgency urgency, Among among) const;
  [[nodiscard]] bool has(Choice choice) const { return count(choice.urgency, choice.among) != 0; }

  /// The wait of a new request of demand and of Stage::kFirst, from the rate of turns of demand
  /// that waited. In front are at most all demand, and as many turns for each kind with demand as
  /// `kind` has waiting. Nothing: too little is known, or no demand of `kind` waits: so each kind
  /// has a request that waits, and a wrong forecast ends.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> forecast(std::string_view kind,
                                                                 MonoTime now);

  /// The next request. REQUIRES: has(choice).
  [[nodiscard]] QueuedRequest& front(Choice choice, MonoTime now);
  /// Takes out the next request, for which its kind is charged `cost`. REQUIRES: has(choice).
  QueuedRequest& pop(Choice choice, double cost, MonoTime now);
  /// Corrects what `kind` was charged, once the true cost is known. `cost` may be negative.
  void adjust_charge(std::string_view kind, double cost);

 private:
  using Requests = boost::intrusive::list<QueuedRequest>;
  using ByArrival = boost::intrusive::list<
      QueuedRequest,
      boost::intrusive::member_hook<QueuedRequest, boost::intrusive::list_member_hook<>,
                                    &QueuedRequest::by_arrival>>;
  template <typename T>
  using ByStage = std::array<T, 2>;
  template <typename T>
  using ByUrgency = std::array<T, 2>;
  template <typename T>
  using ByAmong = std::array<T, 2>;

  struct Kind;
  using Kinds = std::map<std::string, Kind, std::less<>>;

  /// A kind's place in the order of the kinds that have a choice.
  struct Place : boost::intrusive::set_base_hook<> {
    Kind* kind = nullptr;
  };
  /// A kind with waiting requests.
  struct Kind {
    Kinds::iterator self;
    double used = 0;  // virtual time: what the kind was charged, at least now_ if it was idle
    size_t waiting = 0;
    ByUrgency<ByStage<Requests>> requests;
    ByUrgency<ByAmong<Place>> places;

    template <typename Self>
    [[nodiscard]] auto& of(this Self& kind, Urgency urgency, Stage stage) {
      return kind.requests[static_cast<size_t>(urgency)][static_cast<size_t>(stage)];
    }
    [[nodiscard]] bool has(Choice choice) const;
  };
  struct HadLess {
    bool operator()(const Place& one, const Place& other) const {
      return std::tie(one.kind->used, one.kind->self->first) <
             std::tie(other.kind->used, other.kind->self->first);
    }
  };
  using Order = boost::intrusive::set<Place, boost::intrusive::compare<HadLess>>;

  [[nodiscard]] const ByArrival& arrived(Urgency urgency, Stage stage) const {
    return arrived_[static_cast<size_t>(urgency)][static_cast<size_t>(stage)];
  }
  [[nodiscard]] ByArrival& arrived(Urgency urgency, Stage stage) {
    return arrived_[static_cast<size_t>(urgency)][static_cast<size_t>(stage)];
  }
  [[nodiscard]] static QueuedRequest& first_of(Kind& kind, Choice choice);
  [[nodiscard]] Kind& kind_of(std::string_view name);
  [[nodiscard]] QueuedRequest* aged(Choice choice, MonoTime now);
  void note_time(MonoTime now);
  void leave_order(Kind& kind);
  void join_order(Kind& kind);
  void add(Kind& kind, QueuedRequest& request, Urgency urgency, MonoTime now);
  void take_out(Kind& kind, QueuedRequest& request);
  void forget_if_idle(Kind& kind);

  Kinds kinds_;                       // with waiting requests
  AgedMap<double> idle_{kIdleKinds};  // `used` of other kinds, where it is above now_
  double now_ = 0;                    // the virtual time: `used` of the kind that was next last
  bool oldest_next_ = false;          // the next turn is the oldest request's
  ServiceRate rate_;                  // in turns of demand
  ByUrgency<ByAmong<Order>> order_;   // of kinds_; the one that was charged least is first
  ByUrgency<ByStage<ByArrival>> arrived_;
};

}  // namespace cachey::origin
