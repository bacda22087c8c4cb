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

/// A page's bytes in memory, and what eviction must know of them. The cache derives its page from
/// it. Reference-counted; the memory goes back to the arena when the tier evicts it, when it is
/// doomed and unpinned, or with the last reference, whichever is first.
///
/// The bytes may be touched only between a try_pin that said yes and its unpin (by the filler:
/// until it publishes). A pin is for the length of a system call, never across a co_await; who
/// reads for longer says so by a Reading, which makes eviction look elsewhere first.
class Evictable : public boost::intrusive_ref_counter<Evictable> {
 public:
  virtual ~Evictable();
  Evictable(const Evictable&) = delete;
  Evictable& operator=(const Evictable&) = delete;

  /// The memory is gone; forget the page. Called by the tier without locks held, on any thread.
  virtual void on_evicted() noexcept = 0;

  /// False: the memory is gone or about to go. Any thread.
  [[nodiscard]] bool try_pin();
  void unpin();

  /// No pin will be had any more. Any thread.
  [[nodiscard]] bool memory_gone() const {
    return (pins_.load(std::memory_order_acquire) & (kGone | kDoomed)) != 0;
  }

  /// Bytes [range.begin, range.end) of the page as gather list; returns how many entries were
  /// written and cuts what does not fit. REQUIRES: pinned, and the range within memory_bytes().
  [[nodiscard]] size_t gather(ByteRange range, std::span<iovec> out) const;

  /// The writable bytes from `offset` to the end of the extent it falls into. REQUIRES: the filler.
  [[nodiscard]] std::span<std::byte> writable(uint64_t offset) const;

  /// Payload bytes that the memory holds; 0 before it is allocated.
  [[nodiscard]] uint64_t memory_bytes() const { return bytes_; }

  /// A reader is at this page, and last made progress now. Lock-free.
  void reading_began(MonoTime now);
  void reading_progressed(MonoTime now);
  /// True: the page is unwanted and this was its last reader; tell the tier to discard it.
  [[nodiscard]] bool reading_ended();

  [[nodiscard]] bool has_reader() const { return readers_.load() > 0; }

  /// Somebody reads it and was not stuck for longer than `patience`.
  [[nodiscard]] bool has_live_reader(MonoTime now, std::chrono::nanoseconds patience) const;

  /// Counts a use, for the eviction policy. Lock-free.
  void touch();

  /// Identifies the content (not this object) to a policy that remembers what it evicted.
  [[nodiscard]] uint64_t content_hash() const { return content_hash_; }

 protected:
  /// `bytes`: what it weighs before (or without) memory of its own.
  explicit Evictable(uint64_t content_hash, uint64_t bytes = 0)
      : bytes_(bytes), content_hash_(content_hash) {}

 private:
  friend class MemoryTier;
  friend class S3Fifo;

  static constexpr uint32_t kGone = 1u << 31;    // no memory any more
  static constexpr uint32_t kDoomed = 1u << 30;  // no new pins; the last unpin frees the memory
  static constexpr uint8_t kUsesMax = 3;

  /// Takes the memory away if nobody has it pinned.
  [[nodiscard]] bool try_take();

  // What a read touches comes first, side by side: among many pages each line of memory is a wait.
  std::atomic<uint32_t> pins_{0};
  std::atomic<uint32_t> readers_{0};
  std::atomic<uint8_t> uses_{0};
  std::atomic<bool> unwanted_{false};  // nobody will find it any more; goes with its last reader
  uint8_t queue_ = 0;                  // as hook_
  std::atomic<int64_t> progress_{0};   // MonoTime ticks of the last progress of any reader
  uint64_t bytes_;
  Extents extents_;

  const uint64_t content_hash_;
  MemoryTier* tier_ = nullptr;                 // set with the memory
  boost::intrusive::list_member_hook<> hook_;  // the policy's, under the tier's mutex
};

using EvictablePtr = boost::intrusive_ptr<Evictable>;

}  // namespace cachey::store
