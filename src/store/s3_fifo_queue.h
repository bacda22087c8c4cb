#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace cachey::store {

/// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by bytes.
/// A new entry enters the small queue, which has a tenth of the bytes. At the queue's end, an entry
/// that was used more than once moves to the main queue; another entry leaves, and its hash is
/// remembered for a while. An entry that comes back while its hash is remembered goes to the main
/// queue at once. So a scan passes through the small queue and leaves the main queue alone. A poor
/// choice for workloads of pure recency, if no entry is used twice within a tenth of the bytes.
///
/// Owns no entries. Not synchronized. `Traits` gives access to an entry's parts:
///   Queue                      a boost::intrusive::list of entries
///   queue(e) -> uint8_t&       the queue that has the entry; 0: none
///   uses(e), set_uses(e, n)    the number of uses, up to a small maximum
///   weight(e), hash(e)         bytes; identifies the content
template <typename Entry, typename Traits>
class S3FifoQueue {
 public:
  S3FifoQueue() = default;
  ~S3FifoQueue() {
    small_.clear();
    main_.clear();
  }
  S3FifoQueue(const S3FifoQueue&) = delete;
  S3FifoQueue& operator=(const S3FifoQueue&) = delete;

  void insert(Entry& entry) {
    push(entry, ghosts_.erase(Traits::hash(entry)) > 0 ? kMain : kSmall);
  }

  /// REQUIRES: contains(entry).
  void remove(Entry& entry) { pop(entry); }

  [[nodiscard]] bool contains(const Entry& entry) const { return Traits::queue(entry) != kNowhere; }

  /// Removes and returns the entry to evict, for which `may_evict` returned true. Null: a bounded
  /// search found none.
  template <typename MayEvict>
  [[nodiscard]] Entry* victim(const MayEvict& may_evict) {
    size_t refused = 0;
    for (size_t looked_at = 0; refused < kRefusedMax; ++looked_at) {
      const bool patient = looked_at < kSecondChancesMax;
      const bool from_small = !small_.empty() && (main_.empty() || small_bytes_ * kSmallShare >=
                                                                       small_bytes_ + main_bytes_);
      if (!from_small && main_.empty()) return nullptr;
      Entry& entry = from_small ? small_.front() : main_.front();
      const uint8_t uses = Traits::uses(entry);
      pop(entry);
      if (patient && from_small && uses > 1) {
        Traits::set_uses(entry, 0);
        push(entry, kMain);
      } else if (patient && !from_small && uses > 0) {
        Traits::set_uses(entry, static_cast<uint8_t>(uses - 1));
        push(entry, kMain);
      } else if (!may_evict(entry)) {
        ++refused;
        push(entry, from_small ? kSmall : kMain);
      } else {
        if (from_small) remember(Traits::hash(entry));
        return &entry;
      }
    }
    return nullptr;
  }

 private:
  enum : uint8_t { kNowhere, kSmall, kMain };
  static constexpr uint64_t kSmallShare = 10;  // the small queue has 1 / kSmallShare of the bytes
  static constexpr size_t kRefusedMax = 512;   // entries that may_evict() refuses, per search
  static constexpr size_t kSecondChancesMax =
      4096;  // per search; later entries leave in spite of uses
  static constexpr size_t kGhostsMin = 256;

  void push(Entry& entry, uint8_t queue) {
    Traits::queue(entry) = queue;
    (queue == kSmall ? small_ : main_).push_back(entry);
    (queue == kSmall ? small_bytes_ : main_bytes_) += Traits::weight(entry);
  }

  void pop(Entry& entry) {
    const bool in_small = Traits::queue(entry) == kSmall;
    (in_small ? small_bytes_ : main_bytes_) -= Traits::weight(entry);
    Queue& queue = in_small ? small_ : main_;
    queue.erase(queue.iterator_to(entry));
    Traits::queue(entry) = kNowhere;
  }

  void remember(uint64_t hash) {
    ghosts_.insert(hash);
    ghost_order_.push_back(hash);
    const size_t ghosts_max = std::max(kGhostsMin, small_.size() + main_.size());
    while (ghost_order_.size() > ghosts_max) {
      ghosts_.erase(ghost_order_.front());
      ghost_order_.pop_front();
    }
  }

  using Queue = typename Traits::Queue;
  Queue small_;
  Queue main_;
  uint64_t small_bytes_ = 0;
  uint64_t main_bytes_ = 0;
  boost::unordered_flat_set<uint64_t> ghosts_;
  std::deque<uint64_t> ghost_order_;
};

}  // namespace cachey::store
