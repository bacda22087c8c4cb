#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/hash.h"
#include "store/keep_rule.h"
#include "store/queue_pair.h"

namespace cachey::store {

/// Finds the KeepRule under which a tier would hit most: a small cache without bytes per rule,
/// which sees the requests for a sample of the contents, by hash, and has the same share of the
/// tier's bytes (Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations",
/// USENIX ATC 2017). A hit counts for its request and for its bytes, half each. Counts fade: an
/// epoch is about as many requests as the tier has entries, and the last five epochs count most.
///
/// Of the tier's entries 128 to 1,024 are sampled; all, if the tier has fewer. Takes at most 0.8
/// MiB. Not synchronized.
class RuleTrials {
 public:
  static constexpr size_t kSampledMax = 1024;
  /// Entries that one request looks at, to evict some. If a trial's entries have many uses, its
  /// next entries leave in spite of their uses, so that the trial looks at no more.
  static constexpr size_t kLooksMax = 3 * 1024;

  RuleTrials();
  ~RuleTrials();
  RuleTrials(const RuleTrials&) = delete;
  RuleTrials& operator=(const RuleTrials&) = delete;

  [[nodiscard]] bool is_sampled(uint64_t hash) const {
    return sample_bits_ == 0 || mixed(hash) >> (64 - sample_bits_) == 0;
  }
  /// Samples half or twice as many contents from now on.
  void sample_less();
  void sample_more() { --sample_bits_; }
  [[nodiscard]] unsigned sample_bits() const { return sample_bits_; }

  /// A request for sampled content, a hit or a miss of the tier. `tier_bytes`: of the tier when it
  /// is full. `sampled`: the number of the tier's entries that are sampled. Returns the number of
  /// entries that the request looked at.
  size_t request(uint64_t hash, uint64_t bytes, uint64_t tier_bytes, size_t sampled);

  /// Into kKeepRules: the rule that the tier should follow.
  [[nodiscard]] size_t best() const { return best_; }

 private:
  class Trial;
  static constexpr double kFade = 0.8;              // of the counts, an epoch
  static constexpr double kBetterBy = 0.002;        // of all requests, for a change of the rule
  static constexpr double kNewSize = 0.001;         // the share of a new size in the mean
  static constexpr size_t kRequestsMin = 64;        // in an epoch
  static constexpr size_t kLooksBeforeHurry = 256;  // of one trial

  static uint64_t mixed(uint64_t hash) {
    hash = (hash ^ hash >> 31) * kHashMultiplier;
    return (hash ^ hash >> 29) * kHashMultiplier;
  }
  void end_epoch();

  std::array<std::unique_ptr<Trial>, kKeepRules.size()> trials_;
  std::array<double, kKeepRules.size()> hits_{};
  double all_ = 0;
  double mean_bytes_ = 0;
  unsigned sample_bits_ = 0;
  size_t requests_ = 0;  // in this epoch
  size_t best_ = 0;
};

}  // namespace cachey::store
