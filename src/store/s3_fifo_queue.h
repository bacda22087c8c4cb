#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/frequency_sketch.h"
#include "store/ghost_hits.h"
#include "store/keep_rule.h"
#include "store/queue_pair.h"
#include "store/rule_trials.h"
#include "store/use_count.h"
#include "store/victim.h"

namespace cachey::store {

/// S3-FIFO (QueuePair) by bytes, under the KeepRule that hits most in trials (RuleTrials).
///
/// An entry that cannot be evicted when its turn comes is set aside: the entry is in no queue until
/// put_back(), which makes the entry the next candidate of the queue that the entry was in. So the
/// search for a victim passes each such entry once, and the order of the others stays.
///
/// A hit only changes the entry's UseCount. The trials learn of hits by polling: each insertion
/// reads the UseCount of the next kPolled sampled entries.
///
/// Owns no entries. Not synchronized. `Traits` gives access to an entry's parts:
///   Queue                      a boost::intrusive::list of entries
///   queue(e) -> uint8_t&       the queue that has the entry; 0: none
///   use_count(e), set_use_count(e, n)  a UseCount
///   waits(e)                   something needs the entry soon (QueuePair)
///   weight(e), hash(e)         bytes, constant while the entry is in; identifies the content
/// While an entry is set aside, its owner may use the entry's hook of `Queue`.
template <typename Entry, typename Traits>
class S3FifoQueue {
 public:
  S3FifoQueue() = default;

  void insert(Entry& entry) {
    const uint64_t hash = Traits::hash(entry);
    ghost_hits_.came(hash);
    queues_.insert(entry);
    take_fresh(entry);  // the use that brought the entry
    if (trials_.is_sampled(hash)) {
      add_sampled(entry);
      request(entry);
    }
    poll();
  }

  /// An entry that comes without a use: enters the small queue, even if its hash is remembered.
  void insert_cold(Entry& entry) {
    queues_.insert_cold(entry);
    if (trials_.is_sampled(Traits::hash(entry))) add_sampled(entry);
  }

  /// REQUIRES: contains(entry). If the entry is set aside, its hook must not be in use any more.
  void remove(Entry& entry) {
    queues_.remove(entry);
    remove_sampled(entry);
  }

  /// In a queue, or set aside.
  [[nodiscard]] bool contains(const Entry& entry) const { return queues_.contains(entry); }
  [[nodiscard]] bool is_set_aside(const Entry& entry) const { return queues_.is_set_aside(entry); }
  /// The number of entries that are set aside.
  [[nodiscard]] size_t aside() const { return queues_.aside(); }

  /// How often evicted entries come back.
  [[nodiscard]] const GhostHits& ghost_hits() const { return ghost_hits_; }

  /// Into kKeepRules: the rule that is followed.
  [[nodiscard]] size_t rule() const { return rule_; }

  /// REQUIRES: the entry is in a queue.
  void set_aside(Entry& entry) { queues_.set_aside(entry); }

  /// REQUIRES: the entry is set aside, and its hook is not in use.
  void put_back(Entry& entry) { queues_.put_back(entry); }

  /// Takes the entry to evict out of its queue: the first candidate for which `verdict` returned
  /// Verdict::kEvict. The others are set aside; `verdict` may use an entry's hook already.
  template <typename GetVerdict>
  [[nodiscard]] Victim<Entry> victim(const GetVerdict& verdict) {
    const Victim<Entry> found = queues_.victim(verdict);
    if (found.entry == nullptr) return found;
    remove_sampled(*found.entry);
    const uint64_t bytes = Traits::weight(*found.entry);
    ghost_hits_.evicted(Traits::hash(*found.entry), bytes, queues_.size(), queues_.bytes());
    tier_bytes_ = queues_.bytes() + bytes;
    return found;
  }

 private:
  static constexpr size_t kPolled = 4;
  static constexpr size_t kSampledMin = RuleTrials::kSampledMax / 8;
  static constexpr unsigned kGhostSetBits = 10;

  /// True: the entry was used since the last call.
  static bool take_fresh(Entry& entry) {
    const uint8_t uses = Traits::use_count(entry);
    if ((uses & UseCount::kFresh) == 0) return false;
    Traits::set_use_count(entry, UseCount::count(uses));
    return true;
  }

  void request(const Entry& entry) {
    (void)trials_.request(Traits::hash(entry), Traits::weight(entry), tier_bytes_, sampled_.size());
    if (trials_.best() == rule_) return;
    rule_ = trials_.best();
    queues_.follow(kKeepRules[rule_]);
  }

  void poll() {
    for (size_t i = 0; i < kPolled && !sampled_.empty(); ++i) {
      next_ = next_ + 1 < sampled_.size() ? next_ + 1 : 0;
      if (take_fresh(*sampled_[next_])) request(*sampled_[next_]);
    }
  }

  void add_sampled(Entry& entry) {
    places_[&entry] = static_cast<uint32_t>(sampled_.size());
    sampled_.push_back(&entry);
    if (sampled_.size() > RuleTrials::kSampledMax) {
      trials_.sample_less();
      for (size_t i = sampled_.size(); i-- > 0;)
        if (!trials_.is_sampled(Traits::hash(*sampled_[i]))) remove_sampled(*sampled_[i]);
    } else if (sampled_.size() < kSampledMin && trials_.sample_bits() > 0 &&
               queues_.size() >> trials_.sample_bits() < kSampledMin / 2) {
      trials_.sample_more();
    }
  }

  void remove_sampled(Entry& entry) {
    const auto place = places_.find(&entry);
    if (place == places_.end()) return;
    const uint32_t at = place->second;
    places_.erase(place);
    if (at + 1 < sampled_.size()) {
      sampled_[at] = sampled_.back();
      places_[sampled_[at]] = at;
    }
    sampled_.pop_back();
  }

  FrequencySketch sketch_;
  QueuePair<Entry, Traits> queues_{sketch_, kKeepRules[0], kGhostSetBits};
  RuleTrials trials_;
  GhostHits ghost_hits_;
  std::vector<Entry*> sampled_;                         // the entries with a sampled hash
  boost::unordered_flat_map<Entry*, uint32_t> places_;  // in sampled_
  size_t next_ = 0;                                     // in sampled_, to be polled
  uint64_t tier_bytes_ = UINT64_MAX;                    // at the last eviction
  size_t rule_ = 0;
};

}  // namespace cachey::store
