#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "store/ghost_hits.h"
#include "store/ghosts.h"
#include "store/victim.h"

namespace cachey::store {

/// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by bytes.
/// A new entry enters the small queue, which has a tenth of the bytes. At the queue's end, an entry
/// that was used more than once moves to the main queue; another entry leaves, and its hash is
/// remembered for a while. An entry that comes back while its hash is remembered goes to the main
/// queue at once. So a scan passes through the small queue and leaves the main queue alone. A poor
/// choice for workloads of pure recency, if no entry is used twice within a tenth of the bytes.
///
/// An entry that cannot be evicted when its turn comes is set aside: the entry is in no queue until
/// put_back(), which makes the entry the next candidate of the queue that the entry was in. So the
/// search for a victim passes each such entry once, and the order of the others stays.
///
/// Owns no entries. Not synchronized. `Traits` gives access to an entry's parts:
///   Queue                      a boost::intrusive::list of entries
///   queue(e) -> uint8_t&       the queue that has the entry; 0: none
///   uses(e), set_uses(e, n)    the number of uses, up to a small maximum
///   weight(e), hash(e)         bytes, constant while the entry is in; identifies the content
/// While an entry is set aside, its owner may use the entry's hook of `Queue`.
template <typename Entry, typename Traits>
class S3FifoQueue {
 public:
  /// Entries that one call of victim() looks at.
  static constexpr size_t kLooksMax = 256;
  /// Entries that get a second chance for their uses in one search, which may be several calls.
  /// Then the next entry leaves in spite of its uses.
  static constexpr size_t kSecondChancesMax = 4096;

  S3FifoQueue() = default;
  ~S3FifoQueue() {
    small_.entries.clear();
    main_.entries.clear();
  }
  S3FifoQueue(const S3FifoQueue&) = delete;
  S3FifoQueue& operator=(const S3FifoQueue&) = delete;

  void insert(Entry& entry) {
    ghost_hits_.came(Traits::hash(entry));
    push_back(entry, ghosts_.take(Traits::hash(entry)) ? kMain : kSmall);
  }

  /// An entry that comes without a use: enters the small queue, whatever is remembered.
  void insert_cold(Entry& entry) { push_back(entry, kSmall); }

  /// REQUIRES: contains(entry). If the entry is set aside, its hook must not be in use any more.
  void remove(Entry& entry) {
    if (is_set_aside(entry)) {
      Traits::queue(entry) = kNowhere;
      --aside_;
    } else {
      pop(entry);
    }
  }

  /// In a queue, or set aside.
  [[nodiscard]] bool contains(const Entry& entry) const { return Traits::queue(entry) != kNowhere; }
  [[nodiscard]] bool is_set_aside(const Entry& entry) const {
    return (Traits::queue(entry) & kAside) != 0;
  }
  /// The number of entries that are set aside.
  [[nodiscard]] size_t aside() const { return aside_; }

  /// How often evicted entries come back.
  [[nodiscard]] const GhostHits& ghost_hits() const { return ghost_hits_; }

  /// REQUIRES: the entry is in a queue.
  void set_aside(Entry& entry) {
    CHECK(contains(entry) && !is_set_aside(entry));
    const uint8_t queue = Traits::queue(entry);
    pop(entry);
    Traits::queue(entry) = queue | kAside;
    ++aside_;
  }

  /// REQUIRES: the entry is set aside, and its hook is not in use.
  void put_back(Entry& entry) {
    CHECK(is_set_aside(entry));
    const auto queue = static_cast<uint8_t>(Traits::queue(entry) & ~kAside);
    Traits::queue(entry) = queue;
    --aside_;
    queue_of(queue).entries.push_front(entry);
    queue_of(queue).bytes += Traits::weight(entry);
  }

  /// Takes the entry to evict out of its queue: the first candidate for which `verdict` returned
  /// Verdict::kEvict. The others are set aside; `verdict` may use an entry's hook already.
  template <typename GetVerdict>
  [[nodiscard]] Victim<Entry> victim(const GetVerdict& verdict) {
    for (size_t looks = 0; looks < kLooksMax; ++looks) {
      if (small_.entries.empty() && main_.entries.empty()) return {};
      const bool from_small = takes_from_small();
      Entry& entry = (from_small ? small_ : main_).entries.front();
      const uint8_t uses = Traits::uses(entry);
      if (uses > (from_small ? 1 : 0) && second_chances_ < kSecondChancesMax) {
        ++second_chances_;
        pop(entry);
        Traits::set_uses(entry, from_small ? uint8_t{0} : static_cast<uint8_t>(uses - 1));
        push_back(entry, kMain);
      } else {
        set_aside(entry);
        if (verdict(entry) == Verdict::kSetAside) continue;
        remove(entry);
        ghost_hits_.evicted(Traits::hash(entry), Traits::weight(entry), size(), bytes());
        if (from_small) ghosts_.remember(Traits::hash(entry), ghosts_max());
        second_chances_ = 0;
        return {.entry = &entry, .looks = looks + 1};
      }
    }
    return {.again = true, .looks = kLooksMax};
  }

 private:
  enum : uint8_t { kNowhere = 0, kSmall = 1, kMain = 2, kAside = 4 };  // kAside: beside its queue
  static constexpr uint64_t kSmallShare = 10;  // the small queue has 1 / kSmallShare of the bytes
  static constexpr size_t kGhostsMin = 256;

  struct Part {
    typename Traits::Queue entries;
    uint64_t bytes = 0;
  };

  [[nodiscard]] Part& queue_of(uint8_t queue) { return queue == kSmall ? small_ : main_; }

  /// The small queue's turn. The other queue's turn comes if a queue is empty. REQUIRES: one of the
  /// queues has an entry.
  [[nodiscard]] bool takes_from_small() const {
    if (small_.entries.empty() || main_.entries.empty()) return main_.entries.empty();
    return small_.bytes * kSmallShare >= small_.bytes + main_.bytes;
  }

  void push_back(Entry& entry, uint8_t queue) {
    Traits::queue(entry) = queue;
    queue_of(queue).entries.push_back(entry);
    queue_of(queue).bytes += Traits::weight(entry);
  }

  void pop(Entry& entry) {
    Part& part = queue_of(Traits::queue(entry));
    part.bytes -= Traits::weight(entry);
    part.entries.erase(part.entries.iterator_to(entry));
    Traits::queue(entry) = kNowhere;
  }

  [[nodiscard]] size_t size() const {
    return small_.entries.size() + main_.entries.size() + aside_;
  }
  [[nodiscard]] uint64_t bytes() const { return small_.bytes + main_.bytes; }
  [[nodiscard]] size_t ghosts_max() const { return std::max(kGhostsMin, size()); }

  Part small_;
  Part main_;
  size_t aside_ = 0;
  size_t second_chances_ = 0;  // since the last victim
  Ghosts ghosts_;
  GhostHits ghost_hits_;
};

}  // namespace cachey::store
