#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>

#include "base/check.h"
#include "base/units.h"
#include "store/frequency_sketch.h"
#include "store/ghosts.h"
#include "store/keep_rule.h"
#include "store/use_count.h"
#include "store/victim.h"

namespace cachey::store {

/// The small and the main queue of S3-FIFO (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023), by bytes, under a KeepRule that may change at any time. A new entry
/// enters the small queue. At that queue's end it moves to the main queue, or leaves. At the end of
/// the main queue an entry with uses goes back to its start and loses one use. So a scan passes
/// through the small queue and leaves the main queue alone.
///
/// A hit counts for its request and for its bytes, half each. So a byte of a small entry is worth
/// more: 1 + m/b a use, if the entry has b bytes and the mean entry has m. An entry of a third of
/// the mean size is worth twice the mean one, and loses a use on every second pass of the main
/// queue only, and so on up to every kPassesMax.
///
/// The next victim of the main queue stays in spite of fewer recent uses if its bytes are worth
/// more. Then a tiny unused entry could outlast many large used ones. So the entry leaves after
/// kStaysMax entries have left in its place, one after the other.
///
/// An entry of the small queue that waits (for example for the disk) stays while that queue is
/// small (kWaitingPercent, kWaitingBytes); an entry of the main queue leaves in its place.
///
/// An entry that cannot be evicted when its turn comes is set aside: see S3FifoQueue, which also
/// has the requirements of `Traits`. Owns no entries. Not synchronized.
template <typename Entry, typename Traits>
class QueuePair {
 public:
  /// Entries that one call of victim() looks at.
  static constexpr size_t kLooksMax = 256;
  /// Entries that get a second chance for their uses in one search, which may be several calls.
  /// Then the next entry leaves in spite of its uses.
  static constexpr size_t kSecondChancesMax = 4096;
  /// Entries that leave in place of the next victim of the main queue although they were used more
  /// often lately, because they are larger. Then that victim leaves.
  static constexpr size_t kStaysMax = 64;

  /// `sketch`: gets the uses of entries.
  QueuePair(FrequencySketch& sketch, KeepRule rule, unsigned ghost_set_bits)
      : sketch_(sketch), rule_(rule), ghosts_(ghost_set_bits) {}
  ~QueuePair() {
    small_.entries.clear();
    main_.entries.clear();
  }
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  void follow(const KeepRule& rule) { rule_ = rule; }

  void insert(Entry& entry) {
    count(entry, 1);
    const bool returned = ghosts_.take(Traits::hash(entry));
    push_back(entry, returned && rule_.ghosts && worth(entry) >= kWorthToReturn ? kMain : kSmall);
  }
  /// While such an entry is in, the small queue has at least a tenth of the bytes.
  void insert_cold(Entry& entry) { push_back(entry, kSmall | kCold); }

  void remove(Entry& entry) {
    if (is_set_aside(entry)) {
      Traits::queue(entry) = kNowhere;
      --aside_;
    } else {
      pop(entry);
    }
  }

  [[nodiscard]] bool contains(const Entry& entry) const { return Traits::queue(entry) != kNowhere; }
  [[nodiscard]] bool is_set_aside(const Entry& entry) const {
    return (Traits::queue(entry) & kAside) != 0;
  }
  [[nodiscard]] size_t aside() const { return aside_; }
  [[nodiscard]] size_t size() const {
    return small_.entries.size() + main_.entries.size() + aside_;
  }
  [[nodiscard]] uint64_t bytes() const { return small_.bytes + main_.bytes; }

  void set_aside(Entry& entry) {
    CHECK(contains(entry) && !is_set_aside(entry));
    const uint8_t queue = Traits::queue(entry);
    pop(entry);
    Traits::queue(entry) = queue | kAside;
    ++aside_;
  }

  void put_back(Entry& entry) {
    CHECK(is_set_aside(entry));
    const auto queue = static_cast<uint8_t>(Traits::queue(entry) & ~kAside);
    Traits::queue(entry) = queue;
    --aside_;
    queue_of(queue).entries.push_front(entry);
    queue_of(queue).bytes += Traits::weight(entry);
    cold_ += is_cold(queue) ? 1 : 0;
  }

  /// The next victim is found at once: no entry gets a second chance.
  void hurry() { second_chances_ = kSecondChancesMax; }

  template <typename GetVerdict>
  [[nodiscard]] Victim<Entry> victim(const GetVerdict& verdict) {
    size_t filled = 0;
    for (size_t looks = 0; looks < kLooksMax; ++looks) {
      if (small_.entries.empty() && main_.entries.empty()) return {};
      const Choice choice = choose(filled);
      if (choice.victim == nullptr) continue;
      Entry& entry = *choice.victim;
      const bool from_small = is_small(Traits::queue(entry));
      set_aside(entry);
      if (verdict(entry) == Verdict::kSetAside) continue;
      remove(entry);
      if (choice.stays != nullptr) move_to_main(*choice.stays);
      if (from_small) ghosts_.remember(Traits::hash(entry), ghosts_max());
      second_chances_ = 0;
      return {.entry = &entry, .looks = looks + 1};
    }
    return {.again = true, .looks = kLooksMax};
  }

 private:
  // kAside: beside its queue. kCold: in the small queue since insert_cold().
  enum : uint8_t { kNowhere = 0, kSmall = 1, kMain = 2, kAside = 4, kCold = 8 };
  static constexpr unsigned kColdPercent = 10;
  static constexpr unsigned kWaitingPercent = 10;
  static constexpr uint64_t kWaitingBytes = 64 * kMiB;  // four of the largest pages
  static constexpr size_t kGhostsMin = 256;
  static constexpr size_t kFilledMax = 2;        // entries that enter the main queue for one victim
  static constexpr double kMeanWorth = 2;        // of a byte of an entry of the mean size, per use
  static constexpr double kPassesMax = 8;        // of the main queue, for one use
  static constexpr double kWorthToReturn = 1.5;  // an entry of twice the mean size

  struct Part {
    typename Traits::Queue entries;
    uint64_t bytes = 0;
  };
  /// Null: an entry was moved, look again.
  struct Choice {
    Entry* victim = nullptr;
    Entry* stays = nullptr;  ///< moves to the main queue in the victim's place
  };

  [[nodiscard]] static bool is_small(uint8_t queue) { return (queue & kSmall) != 0; }
  [[nodiscard]] static bool is_cold(uint8_t queue) { return (queue & kCold) != 0; }
  [[nodiscard]] Part& queue_of(uint8_t queue) { return is_small(queue) ? small_ : main_; }
  [[nodiscard]] unsigned small_percent() const {
    return cold_ == 0 ? rule_.small_percent : std::max(rule_.small_percent, kColdPercent);
  }
  [[nodiscard]] static uint8_t uses(const Entry& entry) {
    return UseCount::count(Traits::use_count(entry));
  }
  static void set_uses(Entry& entry, uint8_t uses) {
    Traits::set_use_count(entry, UseCount::with_count(Traits::use_count(entry), uses));
  }
  /// Of a byte of the entry, per use.
  [[nodiscard]] double worth(const Entry& entry) const {
    const size_t queued = small_.entries.size() + main_.entries.size();
    if (queued == 0) return kMeanWorth;
    const double mean = static_cast<double>(bytes()) / static_cast<double>(queued);
    return 1 + mean / static_cast<double>(Traits::weight(entry));
  }
  [[nodiscard]] bool keeps_use(const Entry& entry) {
    const double passes = std::min(worth(entry) / kMeanWorth, kPassesMax);
    return passes > 1 && static_cast<double>(random_()) * passes >= std::minstd_rand::max();
  }
  void count(const Entry& entry, unsigned uses) { sketch_.add(Traits::hash(entry), uses, size()); }

  /// The small queue's turn. The other queue's turn comes if a queue is empty. REQUIRES: one of the
  /// queues has an entry.
  [[nodiscard]] bool takes_from_small() const {
    if (small_.entries.empty() || main_.entries.empty()) return main_.entries.empty();
    if (small_.bytes * 100 < bytes() * small_percent()) return false;
    return !Traits::waits(small_.entries.front()) ||
           small_.bytes > std::max(kWaitingBytes, bytes() * kWaitingPercent / 100);
  }

  [[nodiscard]] Choice choose(size_t& filled) {
    if (!takes_from_small()) return choose_in_main(nullptr);
    Entry& entry = small_.entries.front();
    if (fills_main_with(entry, filled)) {
      ++filled;
      move_to_main(entry);
      return {};
    }
    const uint8_t used = uses(entry);
    if (rule_.by_frequency) {
      if (used > 0) count(entry, used);
      set_uses(entry, 0);
      return main_.entries.empty() ? Choice{&entry} : choose_in_main(&entry);
    }
    if (used < rule_.uses || second_chances_ >= kSecondChancesMax) return {&entry};
    ++second_chances_;
    count(entry, used);
    set_uses(entry, 0);
    move_to_main(entry);
    return {};
  }

  /// `rival`: the entry at the end of the small queue, which leaves if it is not worth more.
  [[nodiscard]] Choice choose_in_main(Entry* rival) {
    Entry& entry = main_.entries.front();
    const uint8_t used = uses(entry);
    if (used > 0 && second_chances_ < kSecondChancesMax) {
      ++second_chances_;
      count(entry, 1);
      if (!keeps_use(entry)) set_uses(entry, static_cast<uint8_t>(used - 1));
      move_to_main(entry);
      return {};
    }
    if (rival == nullptr) return {&entry};
    return outlasts(*rival, entry) ? Choice{&entry, rival} : Choice{rival};
  }

  /// `rival` stays, and `entry`, the next victim of the main queue, leaves.
  [[nodiscard]] bool outlasts(const Entry& rival, const Entry& entry) {
    if (lately(rival) > lately(entry)) return true;
    const bool stays_by_size = uses_lately(rival) > uses_lately(entry);
    return stays_by_size && ++stays_ > kStaysMax;
  }

  [[nodiscard]] unsigned uses_lately(const Entry& entry) const {
    return sketch_.estimate(Traits::hash(entry));
  }

  /// What a byte of the entry was worth lately.
  [[nodiscard]] double lately(const Entry& entry) const {
    return uses_lately(entry) * worth(entry);
  }

  [[nodiscard]] bool fills_main_with(const Entry& entry, size_t filled) const {
    if (!rule_.fills_main || filled >= kFilledMax || small_.entries.size() < 2) return false;
    return (main_.bytes + Traits::weight(entry)) * 100 <= bytes() * (100 - small_percent());
  }

  void move_to_main(Entry& entry) {
    pop(entry);
    push_back(entry, kMain);
  }

  void push_back(Entry& entry, uint8_t queue) {
    Traits::queue(entry) = queue;
    queue_of(queue).entries.push_back(entry);
    queue_of(queue).bytes += Traits::weight(entry);
    cold_ += is_cold(queue) ? 1 : 0;
  }

  void pop(Entry& entry) {
    const uint8_t queue = Traits::queue(entry);
    Part& part = queue_of(queue);
    if (&part == &main_ && &entry == &main_.entries.front()) stays_ = 0;
    cold_ -= is_cold(queue) ? 1 : 0;
    part.bytes -= Traits::weight(entry);
    part.entries.erase(part.entries.iterator_to(entry));
    Traits::queue(entry) = kNowhere;
  }

  [[nodiscard]] size_t ghosts_max() const { return std::max(kGhostsMin, size()); }

  FrequencySketch& sketch_;
  KeepRule rule_;
  Part small_;
  Part main_;
  size_t aside_ = 0;
  size_t cold_ = 0;            // in the small queue
  size_t second_chances_ = 0;  // since the last victim
  size_t stays_ = 0;           // of the next victim of the main queue, because of its size
  Ghosts ghosts_;
  std::minstd_rand random_;
};

}  // namespace cachey::store
