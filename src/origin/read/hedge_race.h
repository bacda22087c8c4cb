#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "origin/read/pending_get.h"
#include "rt/wakeup.h"
#include "rt/worker.h"

namespace cachey::origin {

/// A GET and, once it is late, a second one beside it: the hedge. next_event() reports what happens
/// next; the owner decides what follows. Owned by one coroutine, on the GETs' worker. `wakeup` is
/// the one that both GETs notify.
class HedgeRace {
 public:
  enum class Event : uint8_t {
    kFirst,     ///< `first` was answered; or its body has ended, if its body is being read
    kSecond,    ///< `second` was answered
    kHedgeDue,  ///< `hedge_at` has passed; the owner changes `hedge_at` before it waits again
  };

  HedgeRace(rt::Worker& worker, rt::Wakeup& wakeup, PendingGetPtr get)
      : first(std::move(get)), worker_(worker), wakeup_(wakeup) {}

  /// Waits for the next event. If several have happened, the order is that of Event.
  [[nodiscard]] rt::Task<Event> next_event();

  /// Takes the GET that kFirst or kSecond reported out of the race.
  [[nodiscard]] PendingGetPtr take(Event event);
  /// The GET that is left after take(), or null.
  [[nodiscard]] PendingGet* remaining() const {
    return first != nullptr ? first.get() : second.get();
  }

  PendingGetPtr first;               ///< null: taken
  PendingGetPtr second;              ///< null: not sent, or taken
  std::optional<MonoTime> hedge_at;  ///< nothing: no kHedgeDue

 private:
  rt::Worker& worker_;
  rt::Wakeup& wakeup_;
};

}  // namespace cachey::origin
