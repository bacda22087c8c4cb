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

/// One who waits for his request at a bucket. In the frame of the coroutine that waits; all fields
/// under the queue's mutex.
struct QueuedRequest : boost::intrusive::list_base_hook<> {
  QueuedRequest(std::string_view its_kind, const Priority& its_priority)
      : kind(its_kind), priority(its_priority) {}

  const std::string_view kind;
  const Priority priority;
  Urgency urgency = Urgency::kDemand;  // when last looked at
  bool granted = false;
  double charged = 0;            // bytes, when it was granted
  rt::Waiter* waiter = nullptr;  // while its coroutine waits
};

/// Whose request it is, of those that wait for one bucket: demand before speculation, and within
/// either, kind by kind as much of what is handed out: the kind that has had least is next
/// (start-time fair queueing; Goyal, Vin, Cheng, SIGCOMM 1996). First come, first served within a
/// kind. Not synchronized; the turns outlive their stay.
class FairQueue {
 public:
  /// Kinds that have had something but wait for nothing are forgotten past this.
  static constexpr size_t kKindsMax = 1000;

  void push(QueuedRequest& request);
  void remove(QueuedRequest& request);
  /// Takes turns whose priority has become demand out of speculation. Returns how many.
  size_t promote_wanted();

  [[nodiscard]] bool empty() const { return demand_ + speculation_ == 0; }
  [[nodiscard]] size_t size() const { return demand_ + speculation_; }
  [[nodiscard]] size_t demand() const { return demand_; }
  [[nodiscard]] size_t speculation() const { return speculation_; }

  /// Of the next request.
  [[nodiscard]] Urgency next_urgency() const {
    return demand_ > 0 ? Urgency::kDemand : Urgency::kSpeculation;
  }
  /// The next request, demand if there is any. REQUIRES: not empty.
  [[nodiscard]] QueuedRequest& front();
  /// Takes out the next request, for which `kind` is charged `cost`. REQUIRES: not empty.
  QueuedRequest& pop(double cost);
  /// What a kind was charged was wrong by so much.
  void adjust_charge(std::string_view kind, double cost);

 private:
  using Requests = boost::intrusive::list<QueuedRequest>;
  struct Kind {
    double used = 0;  // virtual time: what it has had, or could have had
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
  double now_ = 0;  // `used` of the kind that was served last, before it was charged
  size_t demand_ = 0;
  size_t speculation_ = 0;
};

}  // namespace cachey::origin
