#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "origin/read/priority.h"
#include "rt/waiter.h"

namespace cachey::origin {

/// A request that waits for room at a bucket. Lives in the frame of the waiting coroutine. The
/// gate's mutex guards all fields.
struct QueuedRequest : boost::intrusive::list_base_hook<> {
  QueuedRequest(std::string_view its_kind, const Priority& its_priority)
      : kind(its_kind), priority(its_priority) {}

  const std::string_view kind;
  const Priority priority;
  Urgency urgency = Urgency::kDemand;  // as of the last push() or promote_wanted()
  bool granted = false;
  double charged = 0;            // bytes that it cost when it was granted
  rt::Waiter* waiter = nullptr;  // null: its coroutine does not wait
};

/// The queue of the requests that wait for one bucket. Demand goes before speculation. Within each,
/// the kinds share the bytes evenly: the kind that was charged least is next (start-time fair
/// queueing; Goyal, Vin, Cheng, SIGCOMM 1996). Within a kind: first in, first out. Not
/// synchronized. A request outlives its stay in the queue.
class FairQueue {
 public:
  /// Past this many kinds, those with nothing queued are forgotten.
  static constexpr size_t kKindsMax = 1000;

  void push(QueuedRequest& request);
  void remove(QueuedRequest& request);
  /// Moves speculation that has become demand to the demand queues. Returns the number moved.
  size_t promote_wanted();

  [[nodiscard]] bool empty() const { return demand_ + speculation_ == 0; }
  [[nodiscard]] size_t size() const { return demand_ + speculation_; }
  [[nodiscard]] size_t demand() const { return demand_; }
  [[nodiscard]] size_t speculation() const { return speculation_; }

  /// The urgency of the next request. REQUIRES: not empty.
  [[nodiscard]] Urgency next_urgency() const {
    return demand_ > 0 ? Urgency::kDemand : Urgency::kSpeculation;
  }
  /// The next request, demand if there is any. REQUIRES: not empty.
  [[nodiscard]] QueuedRequest& front();
  /// Takes out the next request, for which `kind` is charged `cost`. REQUIRES: not empty.
  QueuedRequest& pop(double cost);
  /// Corrects what `kind` was charged, once the true cost is known. `cost` may be negative.
  void adjust_charge(std::string_view kind, double cost);

 private:
  using Requests = boost::intrusive::list<QueuedRequest>;
  struct Kind {
    double used = 0;  // virtual time: what the kind was charged, at least now_ if it was idle
    Requests demand;
    Requests speculation;

    [[nodiscard]] Requests& of(Urgency urgency) {
      return urgency == Urgency::kDemand ? demand : speculation;
    }
  };

  [[nodiscard]] size_t& count_of(Urgency urgency) {
    return urgency == Urgency::kDemand ? demand_ : speculation_;
  }
  [[nodiscard]] Kind& kind_of(std::string_view name);
  [[nodiscard]] Kind& next_kind();

  std::map<std::string, Kind, std::less<>> kinds_;
  double now_ = 0;  // the virtual time: `used` of the kind served last, before its charge
  size_t demand_ = 0;
  size_t speculation_ = 0;
};

}  // namespace cachey::origin
