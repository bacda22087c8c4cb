#pragma once

#include <chrono>

#include "base/clock.h"

namespace cachey::origin {

/// The requests that a read serves. Outlives the read. Called on the read's worker.
class Audience {
 public:
  virtual ~Audience() = default;
  /// Somebody waits for the bytes, or will soon.
  [[nodiscard]] virtual bool is_waiting() const = 0;
  /// Somebody waits with other terms than the read's, and the read's terms shape its attempts.
  [[nodiscard]] virtual bool has_others() const = 0;
};

/// Tells when nobody has waited for a read for kGrace. A client with a short timeout that comes
/// again within kGrace still finds the read under way. Not synchronized.
class Attendance {
 public:
  static constexpr std::chrono::seconds kGrace{2};

  /// `audience`: null: somebody always waits. Else outlives the object.
  Attendance(const Audience* audience, MonoTime now) : audience_(audience), waited_for_at_(now) {}

  [[nodiscard]] bool is_over(MonoTime now) {
    if (audience_ == nullptr) return false;
    if (audience_->is_waiting()) waited_for_at_ = now;
    return now - waited_for_at_ >= kGrace;
  }

 private:
  const Audience* const audience_;
  MonoTime waited_for_at_;
};

}  // namespace cachey::origin
