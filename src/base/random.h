#pragma once

#include <cstdint>

namespace cachey {

/// The source of randomness, for jitter and spreading. Injected, so that tests can fix the numbers.
/// Thread-safe. Not for secrets.
class Random {
 public:
  virtual ~Random() = default;
  /// Uniform in [0, 1).
  [[nodiscard]] virtual double unit() = 0;
  /// 64 uniform bits.
  [[nodiscard]] virtual uint64_t bits() = 0;
};

/// One generator per thread, seeded by the operating system.
class SystemRandom final : public Random {
 public:
  [[nodiscard]] double unit() override;
  [[nodiscard]] uint64_t bits() override;
};

/// For tests: always the same number.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(double unit) : unit_(unit) {}
  [[nodiscard]] double unit() override { return unit_; }
  [[nodiscard]] uint64_t bits() override { return static_cast<uint64_t>(unit_ * 1e18); }

 private:
  double unit_;
};

}  // namespace cachey
