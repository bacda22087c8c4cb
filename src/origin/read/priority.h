#pragma once

#include <atomic>
#include <cstdint>

namespace cachey::origin {

/// Which parts of something that is being fetched are waited for right now: what tells demand from
/// speculation. The owner says what the 64 parts are. Any thread.
class WantedParts {
 public:
  /// Somebody waits for these. True where nobody did for some of them.
  bool want(uint64_t parts) { return (parts_.fetch_or(parts) & parts) != parts; }
  [[nodiscard]] bool wants_any(uint64_t parts) const { return (parts_.load() & parts) != 0; }

 private:
  std::atomic<uint64_t> parts_{0};
};

enum class Urgency : uint8_t { kSpeculation, kDemand };

/// What a fetch is part of. Default: demand.
struct Priority {
  const WantedParts* wanted = nullptr;  ///< outlives the fetch; null: somebody waits for all of it
  uint64_t parts = 0;                   ///< of those, that the fetch brings

  [[nodiscard]] Urgency urgency() const {
    return wanted == nullptr || wanted->wants_any(parts) ? Urgency::kDemand : Urgency::kSpeculation;
  }
};

}  // namespace cachey::origin
