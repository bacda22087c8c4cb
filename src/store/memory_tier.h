#pragma once

#include <atomic>
#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "rt/waiter.h"
#include "rt/worker.h"
#include "store/arena.h"
#include "store/evictable.h"
#include "store/eviction.h"

namespace cachey::store {

struct MemoryTierConfig {
  uint64_t limit_bytes = 4 * kGiB;  ///< pages, fills and their bookkeeping together
  std::chrono::milliseconds admission_timeout{5'000};  ///< how long a fill waits for its turn
  std::chrono::milliseconds reader_patience{
      1'000};                  ///< a reader stuck for longer does not hold a page
  size_t waiting_max = 4'096;  ///< fills that wait; past it they fail at once
};

/// Counts of the tier; read at any time, from any thread.
struct MemoryTierStats {
  std::atomic<uint64_t> insertions{0};
  std::atomic<uint64_t> evictions{0};
  std::atomic<uint64_t> discards{0};  ///< whole pages dropped though there was room for them
  std::atomic<uint64_t> refused{0};   ///< fills that found no room in time
  std::atomic<int64_t> pages{0};      ///< whole pages resident now
};

/// The memory tier: one budget for resident pages, fills in flight and bookkeeping.
///
/// A fill first asks for admission of the most it may need: all admissions together stay under the
/// limit, later ones wait in order, then fail (kOverloaded). When its size is known it allocates,
/// which evicts whole pages that nobody is reading; it fills the memory and publishes the page,
/// which from then on may be evicted, and ends its admission. What clients have not taken yet is
/// never held by a reader: it pins a page for one system call at a time, and looks the page up
/// again if it was evicted meanwhile.
///
/// Lock order: the tier's mutex is the last; nothing is called with it held but the policy.
/// Owned by main; outlives every page. Any thread, except where said.
class MemoryTier {
 public:
  MemoryTier(MemoryTierConfig config, std::unique_ptr<EvictionPolicy> policy, const Clock& clock);
  ~MemoryTier();

  /// A fill's share of the budget; given back when destroyed.
  class Admission {
   public:
    Admission(Admission&& other) noexcept;
    Admission& operator=(Admission&&) = delete;
    ~Admission();
    [[nodiscard]] uint64_t bytes() const { return bytes_; }
    /// Gives back what turned out not to be needed. REQUIRES: bytes <= bytes().
    void shrink_to(uint64_t bytes);

   private:
    friend class MemoryTier;
    Admission(MemoryTier& tier, uint64_t bytes) : tier_(&tier), bytes_(bytes) {}
    MemoryTier* tier_;
    uint64_t bytes_;
  };

  /// At once, or not at all (also while others wait).
  [[nodiscard]] std::optional<Admission> try_admit(uint64_t bytes);

  /// try_admit for what nobody waits for yet: leaves a quarter of the limit to what somebody does.
  [[nodiscard]] std::optional<Admission> admit_speculation(uint64_t bytes);

  /// Waits its turn. kOverloaded: none came in time, or too many wait already.
  [[nodiscard]] rt::Task<Result<Admission>> admit(rt::Worker& worker, uint64_t bytes);

  /// Gives `page` memory for `bytes`, evicting others where needed; waits while every page that
  /// could leave has a live reader. REQUIRES: admitted for as much; the page has no memory yet.
  [[nodiscard]] rt::Task<Result<void>> allocate(rt::Worker& worker, Evictable& page,
                                                uint64_t bytes);

  /// The page is whole; it may be evicted from now on. The tier keeps a reference until then.
  void publish(Evictable& page);

  /// Nobody will find the page again: its memory goes with its last reader, or by eviction before.
  /// Called again by the reader whose reading_ended() said so. The page may still be filled: its
  /// filler has it pinned, and publishes it all the same.
  void discard(Evictable& page);

  /// Bookkeeping elsewhere grew (or shrank) by so much for the sake of cached pages; the room for
  /// pages shrinks by as much.
  void charge(int64_t bytes);

  [[nodiscard]] uint64_t limit_bytes() const { return config_.limit_bytes; }
  /// What charge() has told.
  [[nodiscard]] int64_t charged_bytes() const { return charged_.load(std::memory_order_relaxed); }
  /// Extents in use, by whole pages and fills.
  [[nodiscard]] uint64_t used_bytes() const EXCLUDES(mutex_);
  [[nodiscard]] uint64_t admitted_bytes() const EXCLUDES(mutex_);
  /// Fills that wait for admission.
  [[nodiscard]] size_t waiting() const EXCLUDES(mutex_);
  [[nodiscard]] const MemoryTierStats& stats() const { return stats_; }

 private:
  friend class Evictable;
  struct Waiting;
  using Evicted = boost::container::small_vector<EvictablePtr, 8>;
  enum class LiveReaders : uint8_t { kSpare, kEvict };

  void reclaim(Evictable& page) EXCLUDES(mutex_);
  void free_if_unpinned(Evictable& page) EXCLUDES(mutex_);

  [[nodiscard]] std::optional<Admission> admit_under(uint64_t limit, uint64_t bytes)
      REQUIRES(mutex_);
  void give_back(uint64_t bytes) EXCLUDES(mutex_);
  [[nodiscard]] bool withdraw(Waiting& waiting) EXCLUDES(mutex_);
  [[nodiscard]] bool try_allocate(Evictable& page, uint64_t bytes, LiveReaders live_readers)
      EXCLUDES(mutex_);
  [[nodiscard]] bool evict_one(LiveReaders live_readers, Evicted& evicted) REQUIRES(mutex_);
  [[nodiscard]] bool empty_a_slab(LiveReaders live_readers, Evicted& evicted) REQUIRES(mutex_);
  void take_memory(Evictable& page, Evicted& evicted) REQUIRES(mutex_);
  void insert(Evictable& page) REQUIRES(mutex_);
  [[nodiscard]] bool try_claim(Evictable& page, MonoTime now, LiveReaders live_readers) const;

  const MemoryTierConfig config_;
  const Clock& clock_;
  MemoryTierStats stats_;
  std::atomic<int64_t> charged_{0};

  mutable Mutex mutex_;
  Arena arena_ GUARDED_BY(mutex_);
  std::unique_ptr<EvictionPolicy> policy_ GUARDED_BY(mutex_);
  uint64_t admitted_ GUARDED_BY(mutex_) = 0;
  rt::WaiterList waiting_ GUARDED_BY(mutex_);
  size_t waiting_count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey::store
