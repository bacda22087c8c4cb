#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace cachey::origin {

/// The keys of one bucket that failed lately, as hashes. So that one bad object counts once against
/// its bucket, however often it is asked for, and is itself not asked for again and again.
/// Remembers kKeysMax keys, each for kRemembered after its last failure; a good answer for a key
/// ends that. Past kKeysMax the key with the oldest failure is forgotten. Not synchronized.
class FailedKeys {
 public:
  static constexpr size_t kKeysMax = 256;
  static constexpr std::chrono::seconds kRemembered{30};
  /// A key that failed this many times in a row is asked for once per kProbeEvery.
  static constexpr uint32_t kFailuresMax = 5;
  static constexpr std::chrono::seconds kProbeEvery{1};

  /// True: the key is not among those that failed lately.
  [[nodiscard]] bool add(uint64_t key, MonoTime now);
  void succeeded(uint64_t key);

  /// Whether the key may be asked for. `failures_max`: in place of kFailuresMax. If true comes for
  /// a key past the limit, the request is the key's probe.
  [[nodiscard]] bool may_ask(uint64_t key, uint32_t failures_max, MonoTime now);

 private:
  struct Key {
    uint64_t hash = 0;
    uint32_t failures = 0;
    MonoTime failed_at;
    MonoTime next_probe;
  };
  [[nodiscard]] Key* find(uint64_t key, MonoTime now);

  std::vector<Key> keys_;
};

}  // namespace cachey::origin
