#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace cachey::origin {

/// When a silent body may get another second request. The body goes on until a second one has
/// bytes, and each second request takes the place of the last one. A store that begins its bodies
/// late would otherwise be asked again and again, so each second request to a silent body has
/// kGrowth times the time of the one before. Bytes end the wait. One a read; not synchronized.
class SilentSeconds {
 public:
  static constexpr int kGrowth = 4;

  /// A second request was sent at `now`. `brought`: the bytes of all bodies. `hung`: the hang
  /// limit.
  void add(MonoTime now, uint64_t brought, std::chrono::nanoseconds hung) {
    if (brought != brought_) wait_ = hung;
    brought_ = brought;
    wait_ = (wait_.count() == 0 ? hung : wait_) * kGrowth;
    due_ = now + wait_;
  }
  /// When a second body may be asked for: now, if bytes have come since the last one.
  [[nodiscard]] MonoTime due(uint64_t brought) const {
    return brought == brought_ ? due_ : MonoTime{};
  }

 private:
  uint64_t brought_ = 0;  // at the last second request
  std::chrono::nanoseconds wait_{};
  MonoTime due_{};
};

}  // namespace cachey::origin
