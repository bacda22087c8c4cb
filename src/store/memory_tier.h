#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/fine_histogram.h"
#include "base/mutex.h"
#include "base/watched_mutex.h"
#include "rt/worker.h"
#include "store/admission.h"
#include "store/evictable.h"
#include "store/eviction.h"
#include "store/first_touch.h"
#include "store/pin_rules.h"
#include "store/residents.h"

namespace cachey::store {

/// How long requests waited for memory; requests that need not wait do not count. Or no histograms.
struct MemoryWaits {
  FineHistogram starts;       ///< for the admission of a fill
  FineHistogram bodies;       ///< for the admission of a page's bytes
  FineHistogram pieces;       ///< for the admission of a piece of a page on disk
  FineHistogram allocations;  ///< admitted, for memory that nobody reads
};

struct MemoryTierConfig {
  uint64_t limit_bytes = 4 * kGiB;  ///< pages, fills and their bookkeeping together
  /// The most bytes of the limit for pages on their way from the store; 0: all that starts and
  /// pieces leave.
  uint64_t downloads_max_bytes = 0;
  std::chrono::milliseconds admission_timeout{5'000};  ///< of a fill: for admission, for memory
  std::chrono::milliseconds reader_patience{1'000};    ///< a reader that makes no progress is stuck
  size_t waiting_per_bucket_max = 4'096;  ///< requests for admission; more fail at once
  size_t waiting_max = 16'384;            ///< the same, of all buckets
  MemoryWaits waits{};
  bool touches_ahead = false;  ///< a thread touches free memory before fills need it (FirstTouch)
};

/// Counts of the tier; read at any time, from any thread.
struct MemoryTierStats {
  std::atomic<uint64_t> insertions{0};
  std::atomic<uint64_t> evictions{0};
  std::atomic<uint64_t> discards{0};  ///< whole pages that left by discard(), not by eviction
  std::atomic<uint64_t> refused{0};   ///< admitted, and got no memory in time
  std::atomic<int64_t> pages{0};      ///< whole pages in memory now
};

/// The memory tier: one budget for whole pages, running fills and their bookkeeping.
///
/// 1. A fill asks for admission for the bytes that it needs (Admissions). All admissions together
///    stay under the limit.
/// 2. The admitted fill allocates. This evicts whole pages, first those without readers.
/// 3. The fill writes the bytes, publishes the page, which may be evicted from then on, and ends
///    its admission.
///
/// A reader holds no memory while its client is slow: it pins a page for one system call at a time,
/// and looks the page up again if the page was evicted meanwhile.
///
/// The mutex is held for at most one step of Residents; an allocation that needs more steps lets
/// other work of its worker run in between.
///
/// Lock order: the tier's mutex is the last. Only the policy is called with the mutex held. Owned
/// by app::Process; outlives every page. Any thread; a `worker` passed in is the calling thread's
/// own.
class MemoryTier {
 public:
  MemoryTier(MemoryTierConfig config, std::unique_ptr<EvictionPolicy> policy, const Clock& clock);
  ~MemoryTier();

  /// Admissions for the bytes of pages that are fetched.
  [[nodiscard]] Admissions& bodies() { return bodies_; }
  [[nodiscard]] const Admissions& bodies() const { return bodies_; }
  /// Admissions for fills that have begun, kStartBytes each: for what a fill takes beside its page.
  /// 1 / kStartsShare of the limit.
  [[nodiscard]] Admissions& starts() { return starts_; }
  [[nodiscard]] const Admissions& starts() const { return starts_; }
  static constexpr uint64_t kStartBytes = 16 * kKiB;
  /// Admissions for the pieces of pages that are on disk: 1 / kPiecesShare of the limit, which
  /// fetched pages cannot take.
  [[nodiscard]] Admissions& pieces() { return pieces_; }
  [[nodiscard]] const Admissions& pieces() const { return pieces_; }

  /// Gives `page` memory for `bytes`, and evicts other pages if needed. Spares pages with a live
  /// reader for `reader_patience`, and waits if all pages have one. kOverloaded: no memory within
  /// `admission_timeout`. REQUIRES: an admission of as much; the page has no memory yet.
  [[nodiscard]] rt::Task<Result<void>> allocate(rt::Worker& worker, Evictable& page,
                                                uint64_t bytes);

  /// The page is whole and may be evicted from now on. The tier keeps a reference until the page
  /// leaves.
  void publish(Evictable& page);

  /// Keeps a page's memory for longer than one system call. A page that is held when its turn for
  /// eviction comes is the next candidate at the end of its last hold.
  class Hold {
   public:
    Hold(Hold&& other) noexcept : page_(std::move(other.page_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    friend class MemoryTier;
    explicit Hold(EvictablePtr page) : page_(std::move(page)) {}
    EvictablePtr page_;
  };
  /// Null: the page's memory is gone. REQUIRES: the page has had memory.
  [[nodiscard]] static std::optional<Hold> hold(EvictablePtr page);

  /// The page is no longer in the cache's index: its memory is freed when its last reader ends, or
  /// earlier by eviction. The last reader calls discard() again if reading_ended() returned true. A
  /// running fill of the page goes on, because the filler has pinned the page, and publishes it.
  void discard(Evictable& page);

  /// Bookkeeping for pages, elsewhere in the process, grew by `bytes` (negative: shrank). The room
  /// for pages shrinks by as much. Requests that wait for room look again when it grows.
  void charge(int64_t bytes);

  [[nodiscard]] uint64_t limit_bytes() const { return config_.limit_bytes; }
  /// The sum of all charge() calls.
  [[nodiscard]] int64_t charged_bytes() const { return charged_.load(std::memory_order_relaxed); }
  /// Bytes of the extents in use, by whole pages and by fills.
  [[nodiscard]] uint64_t used_bytes() const LOCK_FREE { return residents_.arena().used_bytes(); }
  /// The limit without what is charged; at least one page.
  [[nodiscard]] uint64_t room_bytes() const;
  /// Of all kinds of admissions.
  [[nodiscard]] uint64_t admitted_bytes() const;
  /// Requests that wait for admission.
  [[nodiscard]] size_t waiting() const;
  /// Requests that got no admission or no memory in time.
  [[nodiscard]] uint64_t refused() const;
  /// Requests that got no admission, by cause.
  [[nodiscard]] uint64_t refused(Admissions::Refusal cause) const;
  /// Pages of these rules are kept: see Residents::set_keep_limit(). Null: none. To be set before
  /// the first page. The rules outlive the tier.
  void keep_by(const PinRules* rules) { rules_ = rules; }
  /// Whether the rules name the page. Once the page has been published this is the way to change
  /// that.
  void set_keep(Evictable& page, bool keep);
  [[nodiscard]] KeptPages kept() const;
  [[nodiscard]] const MemoryTierStats& stats() const { return stats_; }
  /// How often evicted pages, and pieces of pages on disk, come back.
  [[nodiscard]] GhostHits::View ghost_hits() const LOCK_FREE {
    return residents_.ghost_hits().view();
  }
  /// An estimate: a fill of `bytes` will find memory that has been touched (FirstTouch) or was used
  /// before, or there is no FirstTouch.
  [[nodiscard]] bool has_touched(uint64_t bytes) const {
    return touched_bytes_.load(std::memory_order_relaxed) >= bytes;
  }
  /// How long the tier's mutex is held.
  [[nodiscard]] HoldTimes& hold_times() const { return mutex_.hold_times(); }

 private:
  friend class Evictable;
  /// The room for pages that are not kept.
  [[nodiscard]] uint64_t passing_bytes() const;
  [[nodiscard]] uint64_t starts_limit() const;
  [[nodiscard]] uint64_t bodies_limit() const;
  [[nodiscard]] uint64_t pieces_limit() const;
  static constexpr uint64_t kPiecesShare = 8;
  static constexpr uint64_t kStartsShare = 16;
  static constexpr uint64_t kStartsMin = 64;  // fills
  struct Allocation;
  using LiveReaders = Residents::LiveReaders;
  using Step = Residents::Step;

  void reclaim(Evictable& page) EXCLUDES(mutex_);
  void free_if_unpinned(Evictable& page) EXCLUDES(mutex_);

  /// Runs a step under the mutex, and then does what the step leaves to its caller.
  template <typename DoStep>
  Step run(const DoStep& step) EXCLUDES(mutex_);
  /// Restores the reserve of free slabs, beside the allocations.
  [[nodiscard]] rt::Task<void> keep_ahead(rt::Worker& worker);
  /// Gives free slabs back to the system, without the mutex.
  void uncommit(std::span<const uint32_t> slabs) LOCK_FREE;
  void touch(uint32_t slab) LOCK_FREE;
  /// Whether the thread that touches memory has work.
  [[nodiscard]] bool note_touched() REQUIRES(mutex_);
  void insert(Evictable& page) REQUIRES(mutex_);
  void note_kept() REQUIRES(mutex_);
  /// A step found no memory.
  void begin_wait(Allocation& allocation) REQUIRES(mutex_);
  /// Touches one slab. False: enough slabs have been touched.
  [[nodiscard]] bool touch_ahead() EXCLUDES(mutex_);

  const MemoryTierConfig config_;
  const Clock& clock_;
  MemoryTierStats stats_;
  std::atomic<int64_t> charged_{0};
  std::atomic<uint64_t> kept_bytes_{0};              // of whole pages
  std::atomic<uint64_t> touched_bytes_{UINT64_MAX};  // for new fills; the most, if that is enough
  const PinRules* rules_ = nullptr;
  Admissions starts_;
  Admissions bodies_;
  Admissions pieces_;

  mutable WatchedMutex mutex_;
  Residents residents_ GUARDED_BY(mutex_);
  // Of the allocations that wait, the one that keeps the memory that it has. The others give theirs
  // back, so that they do not keep it from each other.
  const Allocation* keeper_ GUARDED_BY(mutex_) = nullptr;
  std::optional<FirstTouch> first_touch_;  // its thread uses all of the above
};

}  // namespace cachey::store
