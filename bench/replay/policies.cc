#include "replay/policies.h"

#include <boost/intrusive/list.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/hash.h"
#include "store/s3_fifo_queue.h"

namespace cachey::bench {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

/// Doubly linked lists of object numbers; an object is in at most one list. Front: the oldest.
struct Links {
  explicit Links(size_t objects) : next(objects, kNone), previous(objects, kNone) {}
  std::vector<uint32_t> next;
  std::vector<uint32_t> previous;
};

class Queue {
 public:
  explicit Queue(Links& links) : links_(links) {}

  void push_back(uint32_t object) {
    links_.previous[object] = back_;
    links_.next[object] = kNone;
    (back_ == kNone ? front_ : links_.next[back_]) = object;
    back_ = object;
  }
  void erase(uint32_t object) {
    const uint32_t before = links_.previous[object];
    const uint32_t after = links_.next[object];
    (before == kNone ? front_ : links_.next[before]) = after;
    (after == kNone ? back_ : links_.previous[after]) = before;
  }
  [[nodiscard]] uint32_t front() const { return front_; }
  [[nodiscard]] uint32_t after(uint32_t object) const { return links_.next[object]; }

 private:
  Links& links_;
  uint32_t front_ = kNone;
  uint32_t back_ = kNone;
};

/// LRU, or FIFO if a hit moves nothing.
class Recency final : public ReplayPolicy {
 public:
  Recency(uint64_t capacity, size_t objects, bool hits_move)
      : capacity_(capacity), hits_move_(hits_move), sizes_(objects), links_(objects) {}

  bool access(const Access& access) override {
    if (sizes_[access.object] != 0) {
      if (hits_move_) {
        queue_.erase(access.object);
        queue_.push_back(access.object);
      }
      return true;
    }
    for (used_ += access.bytes; used_ > capacity_ && queue_.front() != kNone;) {
      const uint32_t victim = queue_.front();
      queue_.erase(victim);
      used_ -= std::exchange(sizes_[victim], 0);
    }
    sizes_[access.object] = access.bytes;
    queue_.push_back(access.object);
    return false;
  }

 private:
  const uint64_t capacity_;
  const bool hits_move_;
  uint64_t used_ = 0;
  std::vector<uint32_t> sizes_;  // 0: not in
  Links links_;
  Queue queue_{links_};
};

/// SIEVE (Zhang et al., NSDI 2024): one queue, and a hand that skips entries used since its last
/// pass.
class Sieve final : public ReplayPolicy {
 public:
  Sieve(uint64_t capacity, size_t objects)
      : capacity_(capacity), sizes_(objects), used_since_(objects), links_(objects) {}

  bool access(const Access& access) override {
    if (sizes_[access.object] != 0) {
      used_since_[access.object] = true;
      return true;
    }
    for (used_ += access.bytes; used_ > capacity_ && queue_.front() != kNone;) evict();
    sizes_[access.object] = access.bytes;
    used_since_[access.object] = false;
    queue_.push_back(access.object);
    return false;
  }

 private:
  void evict() {
    if (hand_ == kNone) hand_ = queue_.front();
    while (used_since_[hand_]) {
      used_since_[hand_] = false;
      hand_ = queue_.after(hand_);
      if (hand_ == kNone) hand_ = queue_.front();
    }
    const uint32_t victim = hand_;
    hand_ = queue_.after(victim);
    queue_.erase(victim);
    used_ -= std::exchange(sizes_[victim], 0);
  }

  const uint64_t capacity_;
  uint64_t used_ = 0;
  uint32_t hand_ = kNone;
  std::vector<uint32_t> sizes_;
  std::vector<bool> used_since_;
  Links links_;
  Queue queue_{links_};
};

/// S3-FIFO by the first algorithm of its paper, with bytes instead of counts.
class PaperS3Fifo final : public ReplayPolicy {
 public:
  PaperS3Fifo(uint64_t capacity, size_t objects)
      : capacity_(capacity), entries_(objects), links_(objects), ghost_links_(objects) {}

  bool access(const Access& access) override {
    Entry& entry = entries_[access.object];
    if (entry.where != kOut) {
      if (entry.uses < 3) ++entry.uses;
      return true;
    }
    while (small_bytes_ + main_bytes_ + access.bytes > capacity_ &&
           small_bytes_ + main_bytes_ > 0) {
      if (small_bytes_ * 10 >= capacity_ || main_bytes_ == 0) {
        evict_small();
      } else {
        evict_main();
      }
    }
    entry = {access.bytes, entry.ghost ? kMain : kSmall, 0, entry.ghost};
    if (entry.ghost) forget(access.object);
    (entry.where == kMain ? main_ : small_).push_back(access.object);
    (entry.where == kMain ? main_bytes_ : small_bytes_) += access.bytes;
    main_count_ += entry.where == kMain;
    return false;
  }

 private:
  enum Where : uint8_t { kOut, kSmall, kMain };
  struct Entry {
    uint32_t bytes = 0;
    Where where = kOut;
    uint8_t uses = 0;
    bool ghost = false;
  };

  void evict_small() {
    const uint32_t oldest = small_.front();
    Entry& entry = entries_[oldest];
    small_.erase(oldest);
    small_bytes_ -= entry.bytes;
    if (entry.uses > 1) {
      entry.where = kMain;
      entry.uses = 0;
      main_.push_back(oldest);
      main_bytes_ += entry.bytes;
      ++main_count_;
      return;
    }
    entry.where = kOut;
    entry.ghost = true;
    ghosts_.push_back(oldest);
    for (++ghost_count_; ghost_count_ > main_count_ + 1;) forget(ghosts_.front());
  }

  void evict_main() {
    const uint32_t oldest = main_.front();
    Entry& entry = entries_[oldest];
    main_.erase(oldest);
    if (entry.uses > 0) {
      --entry.uses;
      main_.push_back(oldest);
      return;
    }
    main_bytes_ -= entry.bytes;
    --main_count_;
    entry.where = kOut;
  }

  void forget(uint32_t object) {
    ghosts_.erase(object);
    entries_[object].ghost = false;
    --ghost_count_;
  }

  const uint64_t capacity_;
  std::vector<Entry> entries_;
  Links links_;
  Links ghost_links_;
  Queue small_{links_};
  Queue main_{links_};
  Queue ghosts_{ghost_links_};
  uint64_t small_bytes_ = 0;
  uint64_t main_bytes_ = 0;
  uint64_t main_count_ = 0;
  uint64_t ghost_count_ = 0;
};

/// The queue that both tiers use, with their use counts.
class Cachey final : public ReplayPolicy {
 public:
  Cachey(uint64_t capacity, size_t objects) : capacity_(capacity), entries_(objects) {}

  bool access(const Access& access) override {
    Entry& entry = entries_[access.object];
    if (entry.queue != 0) {
      if (entry.uses < kUsesMax) ++entry.uses;
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
  static constexpr uint8_t kUsesMax = 3;
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
    static uint8_t uses(const Entry& entry) { return entry.uses; }
    static void set_uses(Entry& entry, uint8_t uses) { entry.uses = uses; }
    static uint64_t weight(const Entry& entry) { return entry.bytes; }
    static uint64_t hash(const Entry& entry) { return entry.hash; }
  };

  const uint64_t capacity_;
  uint64_t used_ = 0;
  std::vector<Entry> entries_;
  store::S3FifoQueue<Entry, Traits> policy_;
};

/// Belady's MIN: evicts the object that is requested again last, possibly the new one. The optimum
/// if all sizes are equal, else a good bound.
class Belady final : public ReplayPolicy {
 public:
  Belady(uint64_t capacity, size_t objects, std::span<const Access> trace)
      : capacity_(capacity), next_(trace.size()), entries_(objects) {
    std::vector<uint64_t> seen(objects, kNever);
    for (size_t at = trace.size(); at-- > 0;) {
      next_[at] = std::exchange(seen[trace[at].object], at);
    }
  }

  bool access(const Access& access) override {
    Entry& entry = entries_[access.object];
    const bool hit = entry.bytes != 0;
    if (hit) by_next_.erase({entry.next, access.object});
    if (!hit) used_ += entry.bytes = access.bytes;
    entry.next = next_[at_++];
    by_next_.emplace(entry.next, access.object);
    while (used_ > capacity_) {
      const auto latest = std::prev(by_next_.end());
      used_ -= std::exchange(entries_[latest->second].bytes, 0);
      by_next_.erase(latest);
    }
    return hit;
  }

 private:
  static constexpr uint64_t kNever = UINT64_MAX;
  struct Entry {
    uint32_t bytes = 0;  // 0: not in
    uint64_t next = kNever;
  };

  const uint64_t capacity_;
  uint64_t used_ = 0;
  size_t at_ = 0;
  std::vector<uint64_t> next_;  // per access: the next access to its object
  std::vector<Entry> entries_;
  std::set<std::pair<uint64_t, uint32_t>> by_next_;
};

}  // namespace

std::vector<std::string> replay_policies() {
  return {"cachey", "s3-fifo", "sieve", "lru", "fifo", "belady"};
}

std::unique_ptr<ReplayPolicy> make_replay_policy(const std::string& name, uint64_t capacity,
                                                 size_t objects, std::span<const Access> trace) {
  if (name == "cachey") return std::make_unique<Cachey>(capacity, objects);
  if (name == "s3-fifo") return std::make_unique<PaperS3Fifo>(capacity, objects);
  if (name == "sieve") return std::make_unique<Sieve>(capacity, objects);
  if (name == "lru") return std::make_unique<Recency>(capacity, objects, true);
  if (name == "fifo") return std::make_unique<Recency>(capacity, objects, false);
  if (name == "belady") return std::make_unique<Belady>(capacity, objects, trace);
  throw std::invalid_argument("no such policy: " + name);
}

}  // namespace cachey::bench
