#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "replay/cache.h"
#include "replay/traces.h"
#include "store/frequency_sketch.h"
#include "store/ghosts.h"

namespace cachey::bench {

/// What is written to the disk once the disk is full. As long as the disk has room, all pages are.
enum class Admit : uint8_t {
  // Pages that come from the store, at once.
  kAll,         ///< as the server does
  kCoin,        ///< every second one, by chance
  kSecondFill,  ///< that came from the store before, lately
  kSecondRead,  ///< that came from the store before, lately; others at their first hit in memory
  kFrequent,    ///< that were used more often lately than the disk's next victim
  // Pages that leave memory and are not on the disk.
  kEvicted,      ///< all
  kEvictedUsed,  ///< that were hit in memory
  kEvictedMain,  ///< that leave the main queue

  kTried,  ///< as kAll or kSecondFill, whichever hits more in trials
};

struct AdmitRule {
  Admit admit;
  const char* name;
};

/// The first one is the server's.
inline constexpr std::array<AdmitRule, 9> kAdmitRules = {{
    {Admit::kAll, "all"},
    {Admit::kCoin, "coin"},
    {Admit::kSecondFill, "second fill"},
    {Admit::kSecondRead, "second read"},
    {Admit::kFrequent, "frequent"},
    {Admit::kEvicted, "evicted"},
    {Admit::kEvictedUsed, "evicted used"},
    {Admit::kEvictedMain, "evicted main"},
    {Admit::kTried, "tried"},
}};

struct TierCounts {
  uint64_t requests = 0;
  uint64_t bytes = 0;
  uint64_t memory_hits = 0;
  uint64_t disk_hits = 0;
  uint64_t store_bytes = 0;
  uint64_t written_bytes = 0;  ///< to the disk
};

/// Memory before a disk, without bytes: both evict as the server's tiers do. As in the server, a
/// page that comes from the store enters memory, and is written beside it; a page that the disk has
/// enters memory and stays on the disk. A hit in memory counts as a use on the disk once a minute.
/// A page is loaded from the disk as a whole, and is written at once.
class TwoTiers {
 public:
  TwoTiers(Admit admit, uint64_t memory, uint64_t disk, size_t objects);
  ~TwoTiers();
  TwoTiers(const TwoTiers&) = delete;
  TwoTiers& operator=(const TwoTiers&) = delete;

  /// True: a hit, in memory or on the disk.
  bool access(const Access& access);

  [[nodiscard]] const TierCounts& counts() const { return counts_; }
  /// What was counted so far does not count.
  void forget_counts() { counts_ = {}; }

 private:
  /// 1.1 GB/s, if all pages have 16 MiB.
  static constexpr uint64_t kRequestsAMinute = 4'000;

  class Trials;

  void load(const Access& access);
  void hit_in_memory(const Access& access);
  void write(const Access& access);
  [[nodiscard]] bool writes_filled(const Access& access);
  [[nodiscard]] bool writes_evicted(const ReplayCache::Evicted& evicted) const;
  [[nodiscard]] bool was_filled(uint32_t object);
  [[nodiscard]] bool is_frequent(uint32_t object);
  void note_use(uint32_t object);

  Admit admit_;
  const std::unique_ptr<Trials> trials_;  // of Admit::kTried
  ReplayCache memory_;
  ReplayCache disk_;
  std::vector<uint64_t> touched_;  // on the disk, by a hit in memory: the number of the request
  uint64_t now_ = 0;               // requests
  store::FrequencySketch sketch_;  // uses of the disk's pages, and of those that the disk lacks
  store::Ghosts before_;           // as many fills as the disk has pages
  std::mt19937_64 random_{1};
  TierCounts counts_;
};

}  // namespace cachey::bench
