#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/units.h"

namespace cachey::origin {

/// What a body does, as of a look at it.
enum class BodyState : uint8_t {
  kFlows,
  kLate,      ///< silent for longer than most answers take: worth a hedge
  kHung,      ///< silent for so long that the request is given up for lost: worth a rescue
  kSlow,      ///< below the least rate for a window, and wanted: worth a rescue
  kHopeless,  ///< below the last rate although rescues brought nothing faster: to be ended
  kUnwanted,  ///< below the least rate for kUnwantedWindow, and nobody waits for the bytes
};

/// Watches the bodies of one read for silence and slowness. The rate counts, not single bytes: a
/// body that trickles is slow. The windows of kSlow double each time that one was too slow, so a
/// store that is slow for everybody costs few further requests and is served. Pure: the owner says
/// what has arrived and when it looks. Not synchronized.
class BodyWatch {
 public:
  /// The least rate of a body, in bytes per second.
  static constexpr uint64_t kLeastRate = 64 * kKiB;
  /// The first window of kSlow, and the last one, after which a body can be hopeless.
  static constexpr std::chrono::seconds kSlowWindow{3};
  static constexpr std::chrono::seconds kSlowWindowMax{48};  // after four doublings
  /// A body is hopeless below this rate, in bytes per second, for a last window.
  static constexpr uint64_t kLastRate = kKiB;
  /// The window of kUnwanted.
  static constexpr std::chrono::seconds kUnwantedWindow{10};

  /// After which silence a body is late or hung. No `late`: there are no hedges.
  struct Limits {
    std::optional<std::chrono::nanoseconds> late;
    std::chrono::nanoseconds hung{};
  };
  /// What is known at a look. `arrived`: the bytes that all bodies of the read have brought; never
  /// fewer than at the last look.
  struct Look {
    MonoTime now;
    MonoTime last_arrival;
    uint64_t arrived = 0;
    bool wanted = true;  ///< somebody waits for the bytes
    bool alone = true;   ///< no second request is under way
  };

  BodyWatch(MonoTime now, uint64_t arrived)
      : silent_since_(now),
        hung_since_(now),
        slow_{now + kSlowWindow, arrived},
        unwanted_{now + kUnwantedWindow, arrived} {}

  /// A new body begins: earlier silence does not count.
  void begin_body(MonoTime now) { silent_since_ = hung_since_ = now; }

  /// kHung was reported, and no rescue could be sent: if the body still hangs at `at`, kHung is
  /// reported then.
  void look_again(MonoTime at, const Limits& limits) { hung_since_ = at - limits.hung; }

  /// When the state may be another than kFlows, if no more bytes come.
  [[nodiscard]] MonoTime next_look(const Look& last, const Limits& limits) const;
  /// The state now. Each state but kFlows is reported once for its time.
  [[nodiscard]] BodyState look(const Look& look, const Limits& limits);

 private:
  struct Window {
    MonoTime end;
    uint64_t arrived = 0;  // at the window's begin
    /// A body that ended without being read may have fewer bytes afterwards.
    [[nodiscard]] uint64_t came(uint64_t now) const { return now - std::min(now, arrived); }
  };
  [[nodiscard]] std::optional<BodyState> end_slow_window(const Look& look);

  MonoTime silent_since_;  // for kLate
  MonoTime hung_since_;    // for kHung
  std::chrono::seconds slow_length_ = kSlowWindow;
  Window slow_;
  Window unwanted_;
};

}  // namespace cachey::origin
