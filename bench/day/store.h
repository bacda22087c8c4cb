#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "base/clock.h"
#include "origin/origin.h"

namespace cachey::bench {

/// A simulated object store with two buckets that hold the same objects. Times to a head are
/// log-normal. Bodies arrive at the speed of a connection, limited by their share of the store's
/// speed. Some heads and bodies stall; buckets have brown-outs, and one is dead for a while. Bytes
/// are counted, not made. One worker's thread, virtual time.
class Store final : public origin::Origin {
 public:
  // Times to the first byte, measured on an object store in production.
  static constexpr double kMedianSeconds = 0.036;
  static constexpr double kP99Seconds = 0.311;
  static constexpr double kConnectionBytesPerSecond = 85e6;
  static constexpr double kStoreBytesPerSecond = 1e9;
  static constexpr double kHeadStalls = 0.002;  // share of requests with 1 to 4 s more to the head
  static constexpr double kBodyStalls = 0.001;  // ... with a body that stalls for 2 to 6 s
  static constexpr double kResets = 0.001;      // ... with a body that breaks off

  Store(uint64_t seed, const Clock& clock) : random_(seed), clock_(clock), began_(clock.mono()) {}

  /// The state of a bucket at an hour of the day.
  struct Weather {
    double slower = 1;
    double failing = 0;  ///< share of requests that get 503
    bool dead = false;   ///< no response until the connect timeout
  };
  [[nodiscard]] Weather weather(const std::string& bucket) const;

  [[nodiscard]] uint64_t requests() const { return requests_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

  rt::Task<Result<std::unique_ptr<origin::GetStream>>> get(rt::Worker& worker,
                                                           origin::GetRequest request) override;

 private:
  class Body;
  [[nodiscard]] bool chance(double share) { return unit_(random_) < share; }
  [[nodiscard]] std::chrono::nanoseconds between(double least, double most);
  [[nodiscard]] std::chrono::nanoseconds time_of_head(const Weather& now);

  std::mt19937_64 random_;
  std::uniform_real_distribution<double> unit_{0, 1};
  const Clock& clock_;
  const MonoTime began_;
  uint64_t requests_ = 0;
  uint64_t bytes_ = 0;
  int bodies_ = 0;  // in progress
};

/// The size of an object, from its key.
[[nodiscard]] uint64_t size_of(const std::string& key);

}  // namespace cachey::bench
