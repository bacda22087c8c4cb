#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "replay/traces.h"
#include "store/s3_fifo_queue.h"

namespace cachey::bench {

/// A cache of `capacity` bytes with the policy of both tiers and their use counts, and no bytes.
class ReplayCache {
 public:
  ReplayCache(uint64_t capacity, size_t objects) : capacity_(capacity), entries_(objects) {}

  /// True: a hit. A miss inserts the object, and evicts others until the object fits.
  bool access(const Access& access) {
    Entry& entry = entries_[access.object];
    if (entry.queue != 0) {
      entry.uses = store::UseCount::used(entry.uses);
      return true;
    }
    for (used_ += access.bytes; used_ > capacity_;) {
      const auto found = policy_.victim([](Entry&) { return store::Verdict::kEvict; });
      if (found.none()) break;
      if (found.entry != nullptr) used_ -= found.entry->bytes;
    }
    entry.bytes = access.bytes;
    entry.uses = 0;
    entry.hash = spread(access.object);
    policy_.insert(entry);
    return false;
  }

 private:
  struct Entry {
    boost::intrusive::list_member_hook<> hook;
    uint64_t hash = 0;
    uint32_t bytes = 0;
    uint8_t uses = 0;
    uint8_t queue = 0;
  };
  struct Traits {
    using Queue = boost::intrusive::list<
        Entry,
        boost::intrusive::member_hook<Entry, boost::intrusive::list_member_hook<>, &Entry::hook>>;
    static uint8_t& queue(Entry& entry) { return entry.queue; }
    static uint8_t queue(const Entry& entry) { return entry.queue; }
    static bool waits(const Entry&) { return false; }
    static uint8_t use_count(const Entry& entry) { return entry.uses; }
    static void set_use_count(Entry& entry, uint8_t uses) { entry.uses = uses; }
    static uint64_t weight(const Entry& entry) { return entry.bytes; }
    static uint64_t hash(const Entry& entry) { return entry.hash; }
  };

  const uint64_t capacity_;
  uint64_t used_ = 0;
  std::vector<Entry> entries_;
  store::S3FifoQueue<Entry, Traits> policy_;
};

}  // namespace cachey::bench
