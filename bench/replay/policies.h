#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cachey::bench {

/// A request of a trace: which object (dense numbers from 0), how large it is.
struct Access {
  uint32_t object;
  uint32_t bytes;
};

/// A cache of so many bytes that knows objects by number only. One thread.
class ReplayPolicy {
 public:
  virtual ~ReplayPolicy() = default;

  /// True: a hit. A miss brings the object in, and others out until it fits.
  virtual bool access(const Access& access) = 0;
};

/// The policies that are compared, by name; "cachey" is the one that both tiers run.
[[nodiscard]] std::vector<std::string> replay_policies();

/// `trace`: what will be asked, for Belady's, which looks ahead; the others must not.
[[nodiscard]] std::unique_ptr<ReplayPolicy> make_replay_policy(const std::string& name,
                                                               uint64_t capacity, size_t objects,
                                                               std::span<const Access> trace);

}  // namespace cachey::bench
