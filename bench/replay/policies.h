#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cachey::bench {

/// A request of a trace: the object (dense numbers from 0) and its size.
struct Access {
  uint32_t object;
  uint32_t bytes;
};

/// A cache of `capacity` bytes that knows objects by number only. One thread.
class ReplayPolicy {
 public:
  virtual ~ReplayPolicy() = default;

  /// True: a hit. A miss inserts the object and evicts others until it fits.
  virtual bool access(const Access& access) = 0;
};

/// The policies, by name; "cachey" is the policy of both tiers.
[[nodiscard]] std::vector<std::string> replay_policies();

/// `trace`: all future requests, for Belady's MIN only; the other policies must not use it.
[[nodiscard]] std::unique_ptr<ReplayPolicy> make_replay_policy(const std::string& name,
                                                               uint64_t capacity, size_t objects,
                                                               std::span<const Access> trace);

}  // namespace cachey::bench
