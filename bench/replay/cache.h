#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "replay/traces.h"
#include "store/entry_traits.h"
#include "store/s3_fifo_queue.h"

namespace cachey::bench {

/// A cache of `capacity` bytes with the policy of both tiers and their use counts, and no bytes.
class ReplayCache {
 public:
  /// An object that an insertion evicted.
  struct Evicted {
    Access access;
    bool used = false;       ///< during its stay
    bool from_main = false;  ///< it left the main queue, not the small one
  };

  ReplayCache(uint64_t capacity, size_t objects) : capacity_(capacity), entries_(objects) {}

  /// True: a hit. A miss inserts the object, and evicts others until the object fits.
  bool access(const Access& access) {
    if (has(access.object)) {
      use(access.object);
      return true;
    }
    insert(access, [](const Evicted&) {});
    return false;
  }

  [[nodiscard]] bool has(uint32_t object) const { return entries_[object].in; }
  [[nodiscard]] bool has_room(uint64_t bytes) const { return used_ + bytes <= capacity_; }
  [[nodiscard]] size_t size() const { return count_; }

  /// REQUIRES: has(object).
  void use(uint32_t object) {
    Entry& entry = entries_[object];
    entry.used = true;
    if (&entry != next_) {
      entry.uses = store::UseCount::used(entry.uses);
    } else {
      next_ = nullptr;
      policy_.insert(entry);
    }
  }

  /// Calls `evicted` for each object that leaves. REQUIRES: !has(access.object).
  template <typename OnEvicted>
  void insert(const Access& access, const OnEvicted& evicted) {
    for (used_ += access.bytes; used_ > capacity_;) {
      Entry* const entry = take_victim();
      if (entry == nullptr) break;
      entry->in = false;
      used_ -= entry->bytes;
      --count_;
      evicted(Evicted{{number(*entry), entry->bytes}, entry->used, entry->from_main});
    }
    Entry& entry = entries_[access.object];
    entry.bytes = access.bytes;
    entry.uses = 0;
    entry.used = false;
    entry.in = true;
    entry.hash = spread(access.object);
    policy_.insert(entry);
    if (++count_ == 1 && small_queue_ == 0) small_queue_ = entry.queue;
  }

  /// The object that the next insertion evicts, if it is not used before. REQUIRES: size() > 0.
  [[nodiscard]] uint32_t next_victim() {
    if (next_ == nullptr) next_ = take_victim();
    return number(*next_);
  }

 private:
  struct Entry {
    boost::intrusive::list_member_hook<> hook;
    uint64_t hash = 0;
    uint32_t bytes = 0;
    uint8_t uses = 0;
    uint8_t queue = 0;
    bool in = false;  // in a queue, or the next victim
    bool used = false;
    bool from_main = false;
  };
  using Traits = store::EntryTraits<Entry>;

  [[nodiscard]] uint32_t number(const Entry& entry) const {
    return static_cast<uint32_t>(&entry - entries_.data());
  }

  /// Null: there is no entry.
  Entry* take_victim() {
    if (next_ != nullptr) return std::exchange(next_, nullptr);
    const auto verdict = [this](Entry& entry) {
      entry.from_main = (entry.queue & small_queue_) == 0;
      return store::Verdict::kEvict;
    };
    while (true) {
      const auto found = policy_.victim(verdict);
      if (found.none() || found.entry != nullptr) return found.entry;
    }
  }

  const uint64_t capacity_;
  uint64_t used_ = 0;
  size_t count_ = 0;
  uint8_t small_queue_ = 0;  // the flag in Entry::queue: what never was in enters the small queue
  Entry* next_ = nullptr;    // see next_victim()
  std::vector<Entry> entries_;
  store::S3FifoQueue<Entry, Traits> policy_;
};

}  // namespace cachey::bench
