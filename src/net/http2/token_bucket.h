#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace cachey::net::http2 {

/// A token bucket: starts with `burst` tokens and gains `per_second` up to `burst`. give() with a
/// limit of its own may fill it further. Owned by ClientBudget; one thread.
class TokenBucket {
 public:
  TokenBucket(double burst, double per_second, MonoTime now)
      : burst_(burst), per_second_(per_second), tokens_(burst), at_(now) {}

  /// Takes one token. False: there is none.
  [[nodiscard]] bool take(MonoTime now) {
    const std::chrono::duration<double> passed = now - at_;
    at_ = now;
    give(passed.count() * per_second_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// Adds tokens, up to `burst`.
  void give(double tokens) { give(tokens, burst_); }
  /// Adds tokens, up to `most`.
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
