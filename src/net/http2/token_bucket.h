#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace cachey::net::http2 {

/// So many at once, and so many a second; more at once where they have been paid for.
class TokenBucket {
 public:
  TokenBucket(double burst, double per_second, MonoTime now)
      : burst_(burst), per_second_(per_second), tokens_(burst), at_(now) {}

  /// False: there is none left.
  [[nodiscard]] bool take(MonoTime now) {
    const std::chrono::duration<double> passed = now - at_;
    at_ = now;
    give(passed.count() * per_second_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// No more than at the beginning.
  void give(double tokens) { give(tokens, burst_); }
  /// Until there are `most`.
  void give(double tokens, double most) {
    if (tokens_ < most) tokens_ = std::min(most, tokens_ + tokens);
  }

 private:
  const double burst_;
  const double per_second_;
  double tokens_;
  MonoTime at_;
};

}  // namespace cachey::net::http2
