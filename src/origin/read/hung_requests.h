#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace cachey::origin {

/// A request under way that has been silent for its hang limit. Owned by its PendingGet. The gate's
/// mutex guards all but is_ended(), which any thread may call.
class HungRequest : public boost::intrusive::list_base_hook<> {
 public:
  /// The gate wants the request to end.
  [[nodiscard]] bool is_ended() const { return ended_.load(std::memory_order_relaxed); }

 private:
  friend class HungRequests;
  const void* bucket_ = nullptr;
  MonoTime silent_since_;
  uint64_t begun_ = 0;
  std::atomic<bool> ended_ = false;
};

/// The hung requests of one bucket, or of all unproven buckets. Such a request holds no turn, so a
/// few clients that wait for objects without an answer do not stop the bucket. The owner bounds
/// size(). If the set is full and demand waits, end_one() makes room:
///
/// - The oldest request ends if it was overtaken: a request that began after this one was found
///   hung has been answered. So the bucket answers, but not this request.
/// - Else a request ends after kPatience without a byte, but never one of the oldest quarter: if a
///   store is slow as a whole, these requests stay until their time limit, and their answers teach
///   a longer hang limit.
///
/// The end says nothing of the bucket's health. Not synchronized. The requests outlive their stay
/// in the set.
class HungRequests {
 public:
  static constexpr std::chrono::seconds kPatience{5};
  static constexpr size_t kSparedShare = 4;  // a quarter

  /// Includes the requests that were told to end and have not ended yet.
  [[nodiscard]] size_t size() const { return waiting_.size() + ending_.size(); }

  /// `bucket`: for move_those_of(). `begun`: how many of its requests have begun until now.
  void add(HungRequest& request, const void* bucket, MonoTime silent_since, uint64_t begun);
  void remove(HungRequest& request);
  void move_those_of(const void* bucket, HungRequests& to);

  /// Tells one request to end, if one may. `newest_answered`: the number, among the requests of the
  /// bucket that have begun, of the newest one with an answer; 0: none.
  void end_one(uint64_t newest_answered, MonoTime now);

 private:
  using List = boost::intrusive::list<HungRequest>;
  [[nodiscard]] List& list_of(const HungRequest& request) {
    return request.is_ended() ? ending_ : waiting_;
  }

  List waiting_;  // the first one to hang is first
  List ending_;
};

}  // namespace cachey::origin
