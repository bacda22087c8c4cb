#pragma once

#include <sys/uio.h>

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>
#include <span>

#include "base/byte_range.h"
#include "base/clock.h"
#include "store/arena.h"

namespace cachey::store {

class MemoryTier;

/// A page's bytes in memory, with the state that eviction needs. The cache derives its pages from
/// this class. Reference-counted. The memory goes back to the arena when the tier evicts the page,
/// when the page is doomed and unpinned, or with the last reference, whichever is first.
///
/// The bytes may be used only between a successful try_pin() and its unpin(); the filler may use
/// them until it publishes the page. A pin lasts for one system call, never across a co_await,
/// except the few pins of the cache's hot pages, which last some 10 ms. MemoryTier::hold() is for
/// longer. A reader that stays longer calls reading_began(): eviction then prefers other pages.
class Evictable : public boost::intrusive_ref_counter<Evictable> {
 public:
  virtual ~Evictable();
  Evictable(const Evictable&) = delete;
  Evictable& operator=(const Evictable&) = delete;

  /// The page was evicted and its memory is gone: the cache must forget the page. The tier calls
  /// this on any thread, without a lock.
  virtual void on_evicted() noexcept = 0;

  /// False: the memory is gone or doomed. Any thread.
  [[nodiscard]] bool try_pin();
  void unpin();

  /// True: each try_pin() fails from now on. Any thread.
  [[nodiscard]] bool memory_gone() const {
    return (pins_.load(std::memory_order_acquire) & (kGone | kDoomed)) != 0;
  }

  /// Writes the places of bytes [range.begin, range.end) to `out` and returns the number of
  /// entries. Stops when `out` is full. REQUIRES: pinned, and the range is within memory_bytes().
  [[nodiscard]] size_t gather(ByteRange range, std::span<iovec> out) const;

  /// The bytes from `offset` to the end of its extent or of the page. REQUIRES: the caller is the
  /// filler.
  [[nodiscard]] std::span<std::byte> writable(uint64_t offset) const;

  /// Payload bytes in memory; before the allocation, the weight given to the constructor.
  [[nodiscard]] uint64_t memory_bytes() const { return bytes_; }

  /// A reader begins to read this page, or makes progress, at time `now`. Lock-free.
  void reading_began(MonoTime now);
  void reading_progressed(MonoTime now);
  /// A reader stops. True: the page is unwanted and has no reader any more; the caller must call
  /// MemoryTier::discard().
  [[nodiscard]] bool reading_ended();

  [[nodiscard]] bool has_reader() const { return readers_.load() > 0; }
  /// MemoryTier::discard() was called: the page is no longer in the cache's index.
  [[nodiscard]] bool unwanted() const { return unwanted_.load(std::memory_order_acquire); }

  /// True if the page has readers and one made progress within the last `patience`.
  [[nodiscard]] bool has_live_reader(MonoTime now, std::chrono::nanoseconds patience) const;

  /// The last progress of any reader; the beginning of time: there was none. Lock-free.
  [[nodiscard]] MonoTime last_read() const {
    return MonoTime(MonoTime::duration(progress_.load(std::memory_order_relaxed)));
  }

  /// Counts a use, for the eviction policy. Lock-free.
  void touch();

  /// No client has read the page: it was fetched for later readers. The policy inserts a page that
  /// is cold when it is published as an entry without a use. Lock-free.
  [[nodiscard]] bool cold() const { return cold_.load(std::memory_order_relaxed); }
  void set_cold(bool cold) { cold_.store(cold, std::memory_order_relaxed); }

  /// The page begins, or ends, to wait for the disk and to be written; once a writer. Lock-free.
  void writing_began() { writers_.fetch_add(1, std::memory_order_relaxed); }
  void writing_ended() { writers_.fetch_sub(1, std::memory_order_relaxed); }
  /// If the page leaves now, the disk does not get the page.
  [[nodiscard]] bool waits_for_disk() const {
    return writers_.load(std::memory_order_relaxed) != 0;
  }

  /// PinRules name the page's object: the page is kept, if the tier's limit allows. To be set
  /// before the page has memory; then by MemoryTier::set_keep().
  [[nodiscard]] bool keep() const { return keep_.load(std::memory_order_relaxed); }
  void set_keep(bool keep) { keep_.store(keep, std::memory_order_relaxed); }
  /// The page's memory counts as kept: no eviction takes it.
  [[nodiscard]] bool is_kept() const { return kept_.load(std::memory_order_relaxed); }

  /// Identifies the content, not this object, for a policy that remembers evicted pages.
  [[nodiscard]] uint64_t content_hash() const { return content_hash_; }

 protected:
  /// `bytes`: the weight for the policy until the page has memory, if it ever has.
  explicit Evictable(uint64_t content_hash, uint64_t bytes = 0)
      : bytes_(bytes), content_hash_(content_hash) {}

 private:
  friend class MemoryTier;
  friend class Residents;
  friend class S3Fifo;

  static constexpr uint32_t kGone = 1u << 31;    // no memory any more
  static constexpr uint32_t kDoomed = 1u << 30;  // no new pins; the last unpin() frees the memory

  /// Turns pins_ to kGone if there are no pins. True: the caller must release the extents.
  [[nodiscard]] bool try_take();

  // The members that a read uses come first, side by side, so that a read touches few cache lines.
  std::atomic<uint32_t> pins_{0};
  std::atomic<uint32_t> readers_{0};
  std::atomic<uint8_t> uses_{0};       // a UseCount
  std::atomic<bool> unwanted_{false};  // not in the cache's index; leaves with its last reader
  std::atomic<bool> cold_{false};
  std::atomic<bool> keep_{false};
  std::atomic<bool> kept_{false};     // written under the tier's mutex
  uint8_t queue_ = 0;                 // the policy's, as hook_
  std::atomic<uint16_t> writers_{0};  // runs of a part wait one by one
  std::atomic<int64_t> progress_{0};  // MonoTime ticks: the last progress of any reader
  uint64_t bytes_;
  Extents extents_;

  const uint64_t content_hash_;
  MemoryTier* tier_ = nullptr;  // set with the memory
  // Guarded by the tier's mutex. The hook is the policy's, or of the pages that are set aside or
  // kept.
  boost::intrusive::list_member_hook<> hook_;
  MonoTime aside_since_{};
  uint32_t holds_ = 0;
  bool in_kept_ = false;     // in the list of the pages that are kept
  bool over_limit_ = false;  // counts as named and not kept

  using List = boost::intrusive::list<
      Evictable, boost::intrusive::member_hook<Evictable, boost::intrusive::list_member_hook<>,
                                               &Evictable::hook_>>;
};

using EvictablePtr = boost::intrusive_ptr<Evictable>;

}  // namespace cachey::store
