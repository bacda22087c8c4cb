#pragma once

#include <atomic>
#include <cstdint>

namespace cachey::origin {

/// The parts of a fetch that a client waits for now, as a bit set of 64 parts. The owner defines
/// the parts (a page: 64 equal ranges). Bits are set and never cleared. Any thread.
class WantedParts {
 public:
  static constexpr unsigned kParts = 64;

  /// A client waits for `parts`. Returns whether at least one of them is new.
  bool want(uint64_t parts) { return (parts_.fetch_or(parts) & parts) != parts; }
  [[nodiscard]] bool wants_any(uint64_t parts) const { return (parts_.load() & parts) != 0; }

 private:
  std::atomic<uint64_t> parts_{0};
};

/// kDemand: a client waits. kSpeculation: fetched ahead, no client waits yet.
enum class Urgency : uint8_t { kSpeculation, kDemand };

/// Tells whether a fetch is demand or speculation; speculation becomes demand when a client waits
/// for one of its parts. Default: demand.
struct Priority {
  const WantedParts* wanted = nullptr;  ///< outlives the fetch; null: always demand
  uint64_t parts = 0;                   ///< that this fetch brings

  [[nodiscard]] Urgency urgency() const {
    return wanted == nullptr || wanted->wants_any(parts) ? Urgency::kDemand : Urgency::kSpeculation;
  }
};

}  // namespace cachey::origin
