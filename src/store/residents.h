#pragma once

#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "store/arena.h"
#include "store/evictable.h"
#include "store/eviction.h"
#include "store/pin_rules.h"

namespace cachey::store {

/// The pages that have memory, and the choice of the pages that lose it. A page is filling (held or
/// kept, unknown to the policy), or a candidate for eviction, or set aside: found pinned or read
/// when its turn came; or kept, see set_keep_limit(). The extents of candidates are movable, those
/// of kept pages are kept, all others are held.
///
/// A page that is set aside comes back as the next candidate of its queue: at the end of its last
/// hold(), or after `reader_patience` if it has none. Idle pages come back sooner if there is no
/// candidate left.
///
/// Work is done in steps of at most kEvictionsMax evictions, about 100 us, so that the mutex is
/// never held for long. A step also ends once the policy has looked at kLooksMax pages: most of
/// them may have uses, and stay. Not synchronized: the memory tier's mutex guards all calls.
class Residents {
 public:
  static constexpr size_t kEvictionsMax = 64;  // in one step
  /// In one step; the last search may look at as many as the policy does in one call.
  static constexpr size_t kLooksMax = 512;

  enum class Step : uint8_t {
    kDone,
    kAgain,  ///< the next step goes on
    kNone,   ///< each page with memory is held, pinned or read
  };
  /// kSpare: pages with a live reader are not evicted.
  enum class LiveReaders : uint8_t { kSpare, kEvict };
  /// Pages that lost their memory; the caller calls on_evicted() without the mutex.
  using Evicted = boost::container::small_vector<EvictablePtr, 8>;

  /// Memory for a page, on its way: the extents that steps have taken so far are kept.
  struct Request {
    Evictable& page;
    const uint64_t bytes;
    Extents extents{};
    bool keep = false;  // the extents are kept ones
  };

  Residents(uint64_t capacity, std::unique_ptr<EvictionPolicy> policy,
            std::chrono::nanoseconds reader_patience);
  /// REQUIRES: no page has a hold().
  ~Residents();
  Residents(const Residents&) = delete;
  Residents& operator=(const Residents&) = delete;

  /// Takes extents, and evicts if there are too few: by the policy's order until enough is free,
  /// then, if the free memory lies in pieces, slab by slab, the emptiest first. So for 16 MiB at
  /// most twice as many bytes are evicted, and the content of one slab. kDone: `request.page` has
  /// the memory.
  [[nodiscard]] Step allocate(Request& request, MonoTime now, LiveReaders live_readers,
                              Evicted& evicted);
  /// True: fewer slabs are free than Arena::reserve_slabs(), and the caller must call keep_ahead()
  /// until it returns another step than kAgain.
  [[nodiscard]] bool start_keeping_ahead();
  /// Evicts until the reserve is free, so that the next large page need not wait.
  [[nodiscard]] Step keep_ahead(MonoTime now, Evicted& evicted);
  /// Gives back the extents of an allocation that was given up.
  void give_back(Request& request);

  /// The page may be evicted from now on. Adds a reference to the page.
  void insert(Evictable& page);
  /// The page is no candidate any more, and keeps its memory. Returns insert()'s reference.
  [[nodiscard]] EvictablePtr remove(Evictable& page);
  [[nodiscard]] bool contains(const Evictable& page) const {
    return page.in_kept_ || policy_->contains(page);
  }
  [[nodiscard]] const GhostHits& ghost_hits() const { return policy_->ghost_hits(); }

  /// Pages with Evictable::keep() are kept while all of them take at most these bytes, slabs that
  /// they share with others included; but at most half of the arena's limit, and so that one page
  /// of the largest size fits beside them. Past the limit a page is evicted as any other. If the
  /// limit shrinks, the pages that were kept first lose their protection.
  void set_keep_limit(uint64_t bytes) { keep_limit_ = bytes; }
  /// Changes Evictable::keep(). If the page has memory, that memory becomes kept, or no longer
  /// kept.
  void set_keep(Evictable& page, bool keep);
  [[nodiscard]] KeptPages kept() const { return kept_pages_; }

  /// Frees the memory of a page that is not in, unless it is pinned.
  void release_if_unpinned(Evictable& page);
  /// Frees the memory of a page that is not in and has no pin for certain.
  void release(Evictable& page);

  /// Pins the page until end_hold(). False: its memory is gone.
  [[nodiscard]] bool hold(Evictable& page);
  void end_hold(Evictable& page);

  /// Slabs past the limit are given back one by one, see Arena::take_past_limit().
  void set_limit(uint64_t bytes);
  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] const Arena& arena() const { return arena_; }

 private:
  [[nodiscard]] static bool pinned(const Evictable& page);
  [[nodiscard]] bool idle(const Evictable& page, MonoTime now, LiveReaders live_readers) const;

  [[nodiscard]] uint64_t keep_max() const;
  [[nodiscard]] uint64_t keep_slabs_max() const;
  [[nodiscard]] bool has_room_to_keep(uint64_t bytes, uint32_t slabs) const;
  void count_kept(uint64_t bytes, bool kept);
  void count_over_limit(Evictable& page, bool over);
  void start_keeping(Request& request);
  void stop_keeping(Request& request);
  /// Of a page with memory that is in no list.
  void set_kept(Evictable& page, bool kept);
  void let_go(Evictable& page);
  void let_go_past_limit();

  [[nodiscard]] bool take(Request& request, Arena::Effort effort);
  [[nodiscard]] Step allocate_as_asked(Request& request, MonoTime now, LiveReaders live_readers,
                                       Evicted& evicted);
  [[nodiscard]] Step make_room(const Request& request, Arena::Effort effort,
                               LiveReaders live_readers, MonoTime now, Evicted& evicted);
  [[nodiscard]] bool is_free_in_pieces(uint64_t bytes) const;
  /// What is past the limit is given back first, without the mutex.
  [[nodiscard]] bool ends_step(const Evicted& evicted) const {
    return arena_.has_past_limit() || evicted.size() >= kEvictionsMax || looks_ >= kLooksMax;
  }
  [[nodiscard]] Step evict_one(MonoTime now, LiveReaders live_readers, Evicted& evicted);
  [[nodiscard]] Step drain(MonoTime now, LiveReaders live_readers, Evicted& evicted);
  [[nodiscard]] Step strip(MonoTime now, LiveReaders live_readers, Evicted& evicted);
  [[nodiscard]] Step start_draining(MonoTime now, LiveReaders live_readers);
  void take_memory(Evictable& page, Evicted& evicted);

  /// The policy has set the page aside.
  void note_aside(Evictable& page, MonoTime now);
  void put_back(Evictable& page);
  void put_back_due(MonoTime now);
  [[nodiscard]] bool put_back_idle(MonoTime now, LiveReaders live_readers);

  const std::chrono::nanoseconds reader_patience_;
  Arena arena_;
  const std::unique_ptr<EvictionPolicy> policy_;
  Evictable::List aside_;  // the pages that are set aside without a hold, by time
  Evictable::List kept_;   // by time
  uint64_t keep_limit_ = 0;
  uint64_t kept_bytes_ = 0;  // of extents, with those of requests on their way
  KeptPages kept_pages_;
  bool keeping_ahead_ = false;
  size_t looks_ = 0;             // of the policy, in this step
  size_t stripped_ = 0;          // of Arena::held_owners()
  size_t stripped_in_vain_ = 0;  // slabs, since the last page
  size_t drained_ = 0;           // of Arena::draining_owners()
  MonoTime looked_spare_{};      // last times that put_back_idle() looked at all
  MonoTime looked_evict_{};
};

}  // namespace cachey::store
