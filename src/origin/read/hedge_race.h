#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "origin/read/pending_get.h"
#include "rt/wakeup.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Why a second GET is sent.
enum class Purpose : uint8_t {
  kHedge,   ///< the first one is later than usual
  kRescue,  ///< the first one hangs, or its body is too slow
};

/// What a second GET does not wait for any more.
enum class HedgePhase : uint8_t { kFirstByte, kBody };

/// A GET and, if it is late, a second GET beside it. next_event() reports the next event; the owner
/// decides what follows. Owned by one coroutine, on the GETs' worker. Both GETs notify `wakeup`.
class HedgeRace {
 public:
  enum class Event : uint8_t {
    kFirst,    ///< `first` was answered; if its body is being read: the body has ended
    kSecond,   ///< `second` was answered
    kLookDue,  ///< `look_at` has passed; the owner must change `look_at` before the next wait
  };

  HedgeRace(rt::Worker& worker, rt::Wakeup& wakeup, size_t bucket, PendingGetPtr get)
      : first(std::move(get)), first_bucket(bucket), worker_(worker), wakeup_(wakeup) {}
  /// GETs that are left without an answer are given up.
  ~HedgeRace();
  HedgeRace(const HedgeRace&) = delete;
  HedgeRace& operator=(const HedgeRace&) = delete;

  /// Waits for the next event. If several events are due, the first one in Event's order.
  [[nodiscard]] rt::Task<Event> next_event();

  /// Removes the GET that kFirst or kSecond reported from the race.
  [[nodiscard]] PendingGetPtr take(Event event);
  /// The first GET has failed, and the second one goes on in its place. REQUIRES: there is one.
  void promote_second();
  /// The GET that is left after take(), or null.
  [[nodiscard]] PendingGet* remaining() const {
    return first != nullptr ? first.get() : second.get();
  }

  PendingGetPtr first;              ///< null: taken
  size_t first_bucket;              ///< in the client's list
  PendingGetPtr second;             ///< null: not sent, or taken
  size_t second_bucket = 0;         ///< of the last second GET
  Purpose purpose{};                ///< of the last second GET
  HedgePhase phase{};               ///< of the last second GET
  bool second_paid = false;         ///< the last second GET took from a budget
  bool blamed = false;              ///< the first GET's silence was counted as a failure
  std::optional<MonoTime> look_at;  ///< nothing: no kLookDue

 private:
  rt::Worker& worker_;
  rt::Wakeup& wakeup_;
};

}  // namespace cachey::origin
