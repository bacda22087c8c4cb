#pragma once

#include <cstdint>

#include "store/eviction.h"
#include "store/s3_fifo_queue.h"

namespace cachey::store {

/// S3-FIFO (s3_fifo_queue.h) over pages in memory.
class S3Fifo : public EvictionPolicy {
 public:
  void insert(Evictable& entry) override {
    if (entry.cold()) {
      queue_.insert_cold(entry);
    } else {
      queue_.insert(entry);
    }
  }
  void remove(Evictable& entry) override { queue_.remove(entry); }
  [[nodiscard]] bool contains(const Evictable& entry) const override {
    return queue_.contains(entry);
  }
  [[nodiscard]] bool is_set_aside(const Evictable& entry) const override {
    return queue_.is_set_aside(entry);
  }
  void set_aside(Evictable& entry) override { queue_.set_aside(entry); }
  void put_back(Evictable& entry) override { queue_.put_back(entry); }
  [[nodiscard]] const GhostHits& ghost_hits() const override { return queue_.ghost_hits(); }
  [[nodiscard]] Victim<Evictable> victim(
      const std::function<Verdict(Evictable&)>& verdict) override {
    return queue_.victim(verdict);
  }

 private:
  struct Traits {
    using Queue = Evictable::List;
    static uint8_t& queue(Evictable& entry) { return entry.queue_; }
    static uint8_t queue(const Evictable& entry) { return entry.queue_; }
    static uint8_t use_count(const Evictable& entry) {
      return entry.uses_.load(std::memory_order_relaxed);
    }
    static void set_use_count(Evictable& entry, uint8_t uses) {
      entry.uses_.store(uses, std::memory_order_relaxed);
    }
    static bool waits(const Evictable& entry) { return entry.waits_for_disk(); }
    static uint64_t weight(const Evictable& entry) { return entry.memory_bytes(); }
    static uint64_t hash(const Evictable& entry) { return entry.content_hash(); }
  };

  S3FifoQueue<Evictable, Traits> queue_;
};

}  // namespace cachey::store
