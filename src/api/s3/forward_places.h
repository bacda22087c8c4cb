#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

struct ForwardLimits {
  size_t at_once = 64;                    ///< questions that the store answers, of all clients
  size_t waiting = 256;                   ///< more are refused at once
  std::chrono::milliseconds wait{5'000};  ///< the longest wait of one
};

/// Places for questions that the store answers: a question has one until its answer is sent, so the
/// places bound connections to the store and buffers.
///
/// A client may have as many places as are left for others (a dynamic threshold, as in
/// store::Admissions, with an alpha of 1): one client has at most half of them, and n greedy
/// clients leave one part of n + 1. The same holds for those that wait. Next is the client with the
/// fewest places; among equals, the question that came first.
///
/// The state of a client is kept only while the client has a place or waits. Owned by PassThrough;
/// outlives all places. Any thread; lock order: the mutex is a last one.
class ForwardPlaces {
  struct Client;
  using Clients = std::map<std::string, Client, std::less<>>;

 public:
  ForwardPlaces(ForwardLimits limits, const Clock& clock, Metrics& metrics);

  /// The destructor gives the place back.
  class Place {
   public:
    Place(Place&& other) noexcept
        : places_(std::exchange(other.places_, nullptr)), client_(other.client_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_ != nullptr) places_->release(client_);
    }

   private:
    friend class ForwardPlaces;
    Place(ForwardPlaces& places, Clients::iterator client) : places_(&places), client_(client) {}
    ForwardPlaces* places_;  // null: moved from
    Clients::iterator client_;
  };

  /// Waits for a place. `account`: see api/client.h. kOverloaded: none came in time, or too
  /// many wait. kCancelled: `stop` came first.
  [[nodiscard]] rt::Task<Result<Place>> enter(rt::Worker& worker, std::string account,
                                              std::stop_token stop);

  [[nodiscard]] size_t taken() const EXCLUDES(mutex_);
  [[nodiscard]] size_t waiting() const EXCLUDES(mutex_);

 private:
  struct Client {
    size_t places = 0;
    size_t waiting = 0;
  };
  class Waiting;
  enum class Joined : uint8_t { kEntered, kWaits, kTooMany };

  [[nodiscard]] size_t free() const REQUIRES(mutex_) { return limits_.at_once - taken_; }
  [[nodiscard]] Joined join(Clients::iterator client, Waiting& waiting) REQUIRES(mutex_);
  void admit() REQUIRES(mutex_);
  void forget_if_idle(Clients::iterator client) REQUIRES(mutex_);
  [[nodiscard]] bool leave(Waiting& waiting) EXCLUDES(mutex_);
  void release(Clients::iterator client) EXCLUDES(mutex_);

  const ForwardLimits limits_;
  const Clock& clock_;
  const Counter refused_;
  mutable Mutex mutex_;
  size_t taken_ GUARDED_BY(mutex_) = 0;
  Clients clients_ GUARDED_BY(mutex_);
  rt::WaiterList waiting_ GUARDED_BY(mutex_);  // of Waiting, by arrival
};

}  // namespace cachey::api::s3
