#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/hash.h"
#include "replay/traces.h"
#include "store/keep_rule.h"

namespace cachey::bench {

/// Finds the KeepRule and the rule of what is written, both together, under which a disk would hit
/// most. As RuleTrials, but with two small disks for each KeepRule: one to which all pages are
/// written, and one that takes those of Admit::kSecondFill once it is full. Both see each page that
/// memory lacks, written or not. Of the disk's pages 512 to 1,024 are sampled, by hash.
class DiskTrials {
 public:
  DiskTrials();
  ~DiskTrials();
  DiskTrials(const DiskTrials&) = delete;
  DiskTrials& operator=(const DiskTrials&) = delete;

  /// A page that memory lacks is asked for. `bytes`, `pages`: that the disk may have, and has.
  /// `full`: the disk has been full.
  void request(const Access& access, uint64_t bytes, size_t pages, bool full);
  /// A hit in memory is a use on the disk.
  void use(uint32_t object);

  [[nodiscard]] const store::KeepRule& keep_rule() const {
    return store::kKeepRules[best_ % kRules];
  }
  [[nodiscard]] bool writes_second_fills_only() const { return best_ >= kRules; }

 private:
  class Trial;
  static constexpr size_t kRules = store::kKeepRules.size();
  static constexpr size_t kSampledMax = 1024;
  static constexpr size_t kEpochMin = 64;
  static constexpr double kFade = 0.8;
  static constexpr double kBetterBy = 0.002;  // of the requests, for a change or fewer writes
  static constexpr double kNewSize = 0.001;

  [[nodiscard]] bool is_sampled(uint32_t object) const {
    constexpr uint32_t kOtherHash = 0x5bd1e995;
    return sample_bits_ == 0 || spread(object ^ kOtherHash) >> (64 - sample_bits_) == 0;
  }
  void sample_less();
  void end_epoch();
  [[nodiscard]] size_t best_of(size_t first, size_t followed) const;

  std::array<std::unique_ptr<Trial>, 2 * kRules> trials_;  // of all pages; of second fills
  std::array<double, 2 * kRules> hits_{};
  double requests_ = 0;
  double mean_bytes_ = 0;
  size_t in_epoch_ = 0;
  unsigned sample_bits_ = 0;
  size_t best_ = 0;
  size_t best_of_all_ = 0;
  size_t best_of_second_ = kRules;
};

}  // namespace cachey::bench
