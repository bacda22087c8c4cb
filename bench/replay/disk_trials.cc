#include "replay/disk_trials.h"

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <unordered_map>

#include "base/units.h"
#include "store/entry_traits.h"
#include "store/frequency_sketch.h"
#include "store/ghosts.h"
#include "store/queue_pair.h"
#include "store/use_count.h"

namespace cachey::bench {

/// A small disk without bytes.
class DiskTrials::Trial {
 public:
  Trial(const store::KeepRule& rule, bool second_fills_only)
      : second_fills_only_(second_fills_only), queues_(sketch_, rule, 0) {}

  void use(uint32_t object) {
    const auto found = entries_.find(object);
    if (found != entries_.end()) found->second.uses = store::UseCount::used(found->second.uses);
  }

  /// True: a hit.
  bool request(const Access& access, uint64_t capacity) {
    if (entries_.contains(access.object)) {
      use(access.object);
      return true;
    }
    const uint64_t hash = spread(access.object);
    const bool before = filled_.take(hash);
    filled_.remember(hash, std::max(entries_.size(), kFilledMin));
    const auto is_full = [&] { return queues_.bytes() + access.bytes > capacity; };
    if (second_fills_only_ && !before && is_full()) return false;
    for (int i = 0; i < kEvictionsMax && !entries_.empty() && is_full(); ++i) evict();
    Entry& entry = entries_[access.object];
    entry.object = access.object;
    entry.hash = hash;
    entry.bytes = access.bytes;
    queues_.insert(entry);
    return false;
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
  static constexpr int kEvictionsMax = 64;
  static constexpr size_t kFilledMin = 16;
  static constexpr size_t kSketchBytes = 8 * kKiB;
  struct Entry {
    boost::intrusive::list_member_hook<> hook;
    uint64_t hash = 0;
    uint64_t bytes = 0;
    uint32_t object = 0;
    uint8_t uses = 0;
    uint8_t queue = 0;
  };

  void evict() {
    const auto found = queues_.victim([](Entry&) { return store::Verdict::kEvict; });
    if (found.entry != nullptr) entries_.erase(found.entry->object);
  }

  const bool second_fills_only_;
  store::FrequencySketch sketch_{kSketchBytes};
  store::Ghosts filled_{0};                                    // as many fills as there are entries
  std::unordered_map<uint32_t, Entry> entries_;                // addresses stay
  store::QueuePair<Entry, store::EntryTraits<Entry>> queues_;  // destroyed before the entries
};

DiskTrials::DiskTrials() {
  for (size_t i = 0; i < trials_.size(); ++i)
    trials_[i] = std::make_unique<Trial>(store::kKeepRules[i % kRules], i >= kRules);
}

DiskTrials::~DiskTrials() = default;

void DiskTrials::sample_less() {
  ++sample_bits_;
  for (const auto& trial : trials_)
    trial->keep_only([this](uint32_t object) { return is_sampled(object); });
}

void DiskTrials::use(uint32_t object) {
  if (!is_sampled(object)) return;
  for (const auto& trial : trials_) trial->use(object);
}

void DiskTrials::request(const Access& access, uint64_t bytes, size_t pages, bool full) {
  while (full && pages >> sample_bits_ > kSampledMax) sample_less();
  if (!is_sampled(access.object)) return;
  mean_bytes_ += (access.bytes - mean_bytes_) * (mean_bytes_ == 0 ? 1 : kNewSize);
  const double worth = (1 + access.bytes / mean_bytes_) / 2;
  requests_ += worth;
  const uint64_t capacity = full ? bytes >> sample_bits_ : UINT64_MAX;
  for (size_t i = 0; i < trials_.size(); ++i)
    if (trials_[i]->request(access, capacity)) hits_[i] += worth;
  if (++in_epoch_ >= std::max(pages >> sample_bits_, kEpochMin)) end_epoch();
}

/// Of the trials from `first` on, one for each KeepRule.
size_t DiskTrials::best_of(size_t first, size_t followed) const {
  const auto begin = hits_.begin() + static_cast<ptrdiff_t>(first);
  const auto most = static_cast<size_t>(std::max_element(begin, begin + kRules) - hits_.begin());
  return hits_[most] > hits_[followed] + kBetterBy * requests_ ? most : followed;
}

void DiskTrials::end_epoch() {
  best_of_all_ = best_of(0, best_of_all_);
  best_of_second_ = best_of(kRules, best_of_second_);
  const bool fewer = hits_[best_of_second_] > hits_[best_of_all_] + kBetterBy * requests_;
  best_ = fewer ? best_of_second_ : best_of_all_;
  for (double& hits : hits_) hits *= kFade;
  requests_ *= kFade;
  in_epoch_ = 0;
}

}  // namespace cachey::bench
