#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "origin/read/priority.h"
#include "rt/waiter.h"

namespace cachey::origin {

/// kFirst: nothing of the page has come. kFurther: the page has memory, which it keeps until its
/// further requests are done.
enum class Stage : uint8_t { kFirst, kFurther };

/// A request that waits for room at a bucket. Lives in the frame of the waiting coroutine. The
/// gate's mutex guards all fields.
struct QueuedRequest : boost::intrusive::list_base_hook<> {
  QueuedRequest(std::string_view its_kind, const Priority& its_priority,
                Stage its_stage = Stage::kFirst)
      : kind(its_kind), priority(its_priority), stage(its_stage) {}

  const std::string_view kind;
  const Priority priority;
  const Stage stage;
  Urgency urgency = Urgency::kDemand;  // as of the last push() or promote_wanted()
  bool granted = false;
  double charged = 0;            // bytes that it cost when it was granted
  rt::Waiter* waiter = nullptr;  // null: its coroutine does not wait
};

/// The queue of the requests that wait for one bucket. Demand goes before speculation. Within each,
/// the kinds share the bytes evenly: the kind that was charged least is next (start-time fair
/// queueing; Goyal, Vin, Cheng, SIGCOMM 1996). Within a kind: further requests of a page before
/// first ones; then first in, first out. Not synchronized. A request outlives its stay in the
/// queue.
class FairQueue {
 public:
  /// Past this many kinds, those with nothing queued are forgotten.
  static constexpr size_t kKindsMax = 1000;

  void push(QueuedRequest& request);
  void remove(QueuedRequest& request);
  /// Moves speculation that has become demand to the demand queues. Returns the number moved.
  size_t promote_wanted();

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

  /// The next request. REQUIRES: has(choice).
  [[nodiscard]] QueuedRequest& front(Choice choice) { return first_of(next_kind(choice), choice); }
  /// Takes out the next request, for which its kind is charged `cost`. REQUIRES: has(choice).
  QueuedRequest& pop(Choice choice, double cost);
  /// Corrects what `kind` was charged, once the true cost is known. `cost` may be negative.
  void adjust_charge(std::string_view kind, double cost);

 private:
  using Requests = boost::intrusive::list<QueuedRequest>;
  template <typename T>
  using ByStage = std::array<T, 2>;
  template <typename T>
  using ByUrgency = std::array<T, 2>;

  struct Kind {
    double used = 0;  // virtual time: what the kind was charged, at least now_ if it was idle
    ByUrgency<ByStage<Requests>> requests;

    template <typename Self>
    [[nodiscard]] auto& of(this Self& self, Urgency urgency, Stage stage) {
      return self.requests[static_cast<size_t>(urgency)][static_cast<size_t>(stage)];
    }
    [[nodiscard]] bool has(Choice choice) const;
    [[nodiscard]] bool empty() const;
  };

  [[nodiscard]] size_t& count_of(const QueuedRequest& request) {
    return counts_[static_cast<size_t>(request.urgency)][static_cast<size_t>(request.stage)];
  }
  [[nodiscard]] static QueuedRequest& first_of(Kind& kind, Choice choice);
  [[nodiscard]] Kind& kind_of(std::string_view name);
  [[nodiscard]] Kind& next_kind(Choice choice);

  std::map<std::string, Kind, std::less<>> kinds_;
  double now_ = 0;  // the virtual time: `used` of the kind served last, before its charge
  ByUrgency<ByStage<size_t>> counts_{};
};

}  // namespace cachey::origin
