#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace cachey::origin {

/// When a body without a new byte may be replaced again. A store that sends its heads at once and
/// its bodies late would otherwise begin anew at each take-over, and never send a byte. So each
/// take-over that finds no byte gets kGrowth times the time of the one before. Bytes end the wait.
/// One a read; not synchronized.
class SilentTakeOvers {
 public:
  static constexpr int kGrowth = 4;

  /// A second request has taken over at `now` from a body that had brought nothing since that
  /// request was sent. `brought`: the bytes of all bodies. `hung`: the hang limit.
  void add(MonoTime now, uint64_t brought, std::chrono::nanoseconds hung) {
    if (brought != brought_) wait_ = hung;
    brought_ = brought;
    wait_ = (wait_.count() == 0 ? hung : wait_) * kGrowth;
    due_ = now + wait_;
  }
  /// When a second body may be asked for: now, if bytes have come since the last take-over.
  [[nodiscard]] MonoTime due(uint64_t brought) const {
    return brought == brought_ ? due_ : MonoTime{};
  }

 private:
  uint64_t brought_ = 0;  // at the last take-over
  std::chrono::nanoseconds wait_{};
  MonoTime due_{};
};

}  // namespace cachey::origin
