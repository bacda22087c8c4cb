#pragma once

#include <atomic>
#include <cstdint>

namespace cachey::origin {

/// Which parts of something that is being fetched are waited for right now: what tells demand from
/// speculation. The owner says what the 64 parts are. Any thread.
class Interest {
 public:
  /// Somebody waits for these. True where nobody did for some of them.
  bool add(uint64_t parts) { return (parts_.fetch_or(parts) & parts) != parts; }
  [[nodiscard]] bool in(uint64_t parts) const { return (parts_.load() & parts) != 0; }

 private:
  std::atomic<uint64_t> parts_{0};
};

/// What a fetch is part of. Default: demand.
struct Purpose {
  const Interest* interest = nullptr;  ///< outlives the fetch; null: somebody waits for all of it
  uint64_t parts = 0;                  ///< of the interest, that the fetch brings

  [[nodiscard]] bool is_demand() const { return interest == nullptr || interest->in(parts); }
};

}  // namespace cachey::origin
