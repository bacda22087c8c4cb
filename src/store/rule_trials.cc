#include "store/rule_trials.h"

#include <algorithm>

#include "base/units.h"
#include "store/entry_traits.h"
#include "store/frequency_sketch.h"

namespace cachey::store {

/// A cache without bytes that follows one rule.
class RuleTrials::Trial {
 public:
  explicit Trial(const KeepRule& rule) : queues_(sketch_, rule, 0) {}

  struct Outcome {
    bool hit = false;
    size_t looks = 0;  ///< at entries to evict
  };

  Outcome request(uint64_t hash, uint64_t bytes, uint64_t capacity) {
    const auto [found, is_new] = entries_.try_emplace(hash);
    Entry& entry = found->second;
    if (!is_new) {
      entry.uses = UseCount::used(entry.uses);
      return {.hit = true};
    }
    entry.hash = hash;
    entry.bytes = bytes;
    size_t looks = 0;
    for (size_t i = 0; i < kEvictionsMax && is_full(bytes, capacity); ++i) looks += evict(looks);
    queues_.insert(entry);
    return {.looks = looks};
  }

  template <typename Stays>
  void keep_only(const Stays& stays) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (stays(at->first)) {
        ++at;
      } else {
        queues_.remove(at->second);
        at = entries_.erase(at);
      }
    }
  }

 private:
  static constexpr size_t kEntriesMax = 2 * kSampledMax;
  static constexpr size_t kSketchBytes = 8 * kKiB;
  static constexpr size_t kEvictionsMax = 64;  // one large entry in the place of small ones
  struct Entry {
    boost::intrusive::list_member_hook<> hook;
    uint64_t hash = 0;
    uint64_t bytes = 0;
    uint8_t uses = 0;
    uint8_t queue = 0;
  };
  using Traits = EntryTraits<Entry>;

  [[nodiscard]] bool is_full(uint64_t bytes, uint64_t capacity) const {
    return queues_.size() > 0 &&
           (queues_.bytes() + bytes > capacity || queues_.size() >= kEntriesMax);
  }
  /// `looks`: of this request so far. Returns how many more there were.
  size_t evict(size_t looks) {
    if (looks >= kLooksBeforeHurry) queues_.hurry();
    const auto found = queues_.victim([](Entry&) { return Verdict::kEvict; });
    if (found.entry != nullptr) entries_.erase(found.entry->hash);
    return found.looks;
  }

  FrequencySketch sketch_{kSketchBytes};
  std::unordered_map<uint64_t, Entry> entries_;  // addresses stay
  QueuePair<Entry, Traits> queues_;              // destroyed before the entries
};

RuleTrials::RuleTrials() {
  for (size_t i = 0; i < trials_.size(); ++i) trials_[i] = std::make_unique<Trial>(kKeepRules[i]);
}

RuleTrials::~RuleTrials() = default;

void RuleTrials::sample_less() {
  ++sample_bits_;
  for (const auto& trial : trials_)
    trial->keep_only([this](uint64_t hash) { return is_sampled(hash); });
}

size_t RuleTrials::request(uint64_t hash, uint64_t bytes, uint64_t tier_bytes, size_t sampled) {
  const uint64_t capacity = tier_bytes >> sample_bits_;
  const auto size = static_cast<double>(bytes);
  mean_bytes_ = mean_bytes_ == 0 ? size : mean_bytes_ + (size - mean_bytes_) * kNewSize;
  const double worth = 1 + size / std::max(mean_bytes_, 1.0);
  all_ += worth;
  size_t looks = 0;
  for (size_t i = 0; i < trials_.size(); ++i) {
    const Trial::Outcome outcome = trials_[i]->request(hash, bytes, capacity);
    if (outcome.hit) hits_[i] += worth;
    looks += outcome.looks;
  }
  if (++requests_ >= std::max(kRequestsMin, sampled)) end_epoch();
  return looks;
}

void RuleTrials::end_epoch() {
  const auto most = static_cast<size_t>(std::ranges::max_element(hits_) - hits_.begin());
  if (hits_[most] > hits_[best_] + kBetterBy * all_) best_ = most;
  for (double& hits : hits_) hits *= kFade;
  all_ *= kFade;
  requests_ = 0;
}

}  // namespace cachey::store
