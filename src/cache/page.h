#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cache_line.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/object_info.h"
#include "cache/byte_set.h"
#include "cache/object_key.h"
#include "cache/piece.h"
#include "origin/origin.h"
#include "origin/read/priority.h"
#include "rt/waiter.h"
#include "store/memory_tier.h"

namespace cachey::cache {

class PageTable;
struct KindMetrics;

/// Where and how a request's misses are fetched. Shared by the request and the fills it starts.
struct FetchSpec {
  ObjectKey key;
  std::vector<std::string> buckets;  ///< client's preference first; not empty, no duplicates
  origin::RequestConfig config;
  KindMetrics* metrics = nullptr;
  std::string request_id;  ///< of the request that asked, for the log; empty: it has none

  /// A fill under `other` fails for the same reasons as one under this.
  [[nodiscard]] bool same_terms(const FetchSpec& other) const {
    return buckets == other.buckets && config == other.config;
  }
};
using FetchSpecPtr = std::shared_ptr<const FetchSpec>;

/// Null is nothing to fetch.
inline void prefetch_source(const ObjectSource* source) { prefetch(source, sizeof(ObjectSource)); }

/// Where the fill of a page begins.
enum class FillOrder : uint8_t {
  kFromBegin,
  kFromWanted,  ///< the byte that is wanted first; what comes before it follows
};

/// One page of one object, from the moment somebody asks for it: either first being filled, by
/// exactly one fill, then whole; or on disk, and in memory as far as it is read. Referenced by the
/// page table, by the fill, by readers and, once whole, by the memory tier; or by its pieces.
///
///   pending --set_head--> filling --finish--> whole
///      |\---------fail---------+----> failed
///      \--set_on_disk--> on disk --lose--^
///
/// A page that has left the table is never found again, whatever its phase: readers that hold it go
/// on, new ones get another page. Any thread, except where said.
class Page final : public store::Evictable {
 public:
  enum class Phase : uint8_t { kPending, kFilling, kOnDisk, kWhole, kFailed };

  /// `leader` is the request that asked first; the fill goes by its terms.
  Page(PageTable& table, store::MemoryTier& memory, SharedKey::Ptr key, uint32_t index,
       uint64_t content_hash, FetchSpecPtr leader, FillOrder order);
  ~Page() override;

  [[nodiscard]] uint32_t index() const { return index_; }
  [[nodiscard]] KeyView key() const { return key_->view(); }
  [[nodiscard]] uint64_t object_offset() const { return uint64_t{index_} * kPageBytes; }
  [[nodiscard]] FillOrder fill_order() const { return fill_order_; }

  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }

  /// The version is known and the memory had: phase is filling, on disk or whole, or was before it
  /// failed. What had come in before a failure can still be read, but for damaged().
  [[nodiscard]] bool has_head() const { return has_head_.load(std::memory_order_acquire); }
  /// REQUIRES: has_head. Constant then.
  [[nodiscard]] const ObjectSourcePtr& source() const { return source_; }
  /// Unix seconds. REQUIRES: whole or on disk.
  [[nodiscard]] int64_t cached_at() const { return cached_at_; }
  /// REQUIRES: failed.
  [[nodiscard]] const Error& error() const { return *error_; }
  /// It failed because the disk could not give its bytes: the origin can. REQUIRES: failed.
  [[nodiscard]] bool lost() const { return lost_; }

  /// It failed because its bytes are not those that the origin announced: none of them is to be
  /// read any more.
  [[nodiscard]] bool damaged() const {
    return phase() == Phase::kFailed && error_->kind() == ErrorKind::kDamaged;
  }

  /// Has what a hit touches of the page itself fetched into the CPU's caches.
  void prefetch() const { cachey::prefetch(static_cast<const void*>(this), kHotBytes); }
  /// And what it refers to: its bytes from `offset` on, its version's text. Waits for the page
  /// itself and for its version.
  /// REQUIRES: whole and pinned.
  void prefetch_rest(uint64_t offset) const;

  /// The terms of the fill, until it has ended well.
  [[nodiscard]] FetchSpecPtr leader() const EXCLUDES(mutex_);

  /// Who waits for which of its 64 parts.
  [[nodiscard]] origin::WantedParts& wanted_parts() { return wanted_parts_; }
  /// The parts that a range of the page has a share in.
  [[nodiscard]] static uint64_t parts_of(ByteRange range);

  /// A request asks for these bytes of the page. True, once, for the one with which the bytes asked
  /// for without a gap from the page's begin pass its middle.
  [[nodiscard]] bool extend_requested(ByteRange part);
  /// They have.
  [[nodiscard]] bool requested_past_middle() const {
    return requested_end_.load() >= kPageBytes / 2;
  }

  /// Where the bytes that are there from `offset` on end, as far as one pin reaches.
  [[nodiscard]] uint64_t available_end(uint64_t offset) const EXCLUDES(mutex_);
  /// Its bytes come from the disk. REQUIRES: has_head.
  [[nodiscard]] bool on_disk() const { return disk_bytes_ != 0; }
  /// What holds the byte where it came from the disk; null: nothing does.
  [[nodiscard]] PiecePtr piece_at(uint64_t offset) const EXCLUDES(mutex_);

  /// Until the phase is no longer pending.
  [[nodiscard]] rt::Task<void> wait_head(rt::Worker& worker);
  /// Until the byte at `offset` is there or the page has failed; of a page on disk: as long as it
  /// is being loaded. REQUIRES: the head has come.
  [[nodiscard]] rt::Task<void> wait_byte(rt::Worker& worker, uint64_t offset);

  // The fill's side, in this order.
  void set_head(ObjectSourcePtr source);
  void add(ByteRange range);
  void finish(int64_t cached_at);
  void fail(Error error);

  // In place of a fill, for a page that the disk has.
  void set_on_disk(ObjectSourcePtr source, uint64_t bytes, int64_t cached_at);
  /// New pieces for what is not in memory of `wanted`, and more as Pieces::to_load says; for the
  /// caller to load.
  [[nodiscard]] std::vector<PiecePtr> add_missing(ByteRange wanted, LoadAhead ahead)
      EXCLUDES(mutex_);
  /// The piece's bytes have come; its memory is published. False: nobody wants them any more.
  [[nodiscard]] bool add(const Piece& piece) EXCLUDES(mutex_);
  /// The disk does not give its bytes; `error` where that is not the disk's fault.
  void lose(std::optional<Error> error);
  void remove_piece(const Piece& piece) EXCLUDES(mutex_);

  /// Nobody will find the page again: as MemoryTier::discard, for its pieces too.
  void discard() EXCLUDES(mutex_);
  /// On disk, with nothing in memory and nobody at it.
  [[nodiscard]] bool idle() const EXCLUDES(mutex_);

  /// Whether the disk should be told that the page is used in memory: seldom enough to cost
  /// nothing.
  [[nodiscard]] bool due_to_touch_disk(MonoTime now);

  void on_evicted() noexcept override;

 private:
  friend class PageTable;
  struct Waiting;
  /// What every page costs beside its memory, but for the text of its names: itself, its entry in
  /// the table, its version, allocator overhead; as if it were its object's only one.
  static constexpr int64_t kBookkeepingBytes = 1024;
  [[nodiscard]] int64_t bookkeeping_bytes() const {
    const KeyView names = key();
    return kBookkeepingBytes + static_cast<int64_t>(names.kind.size() + names.object.size());
  }
  static constexpr size_t kHotBytes = 3 * kCacheLineBytes;
  static constexpr std::chrono::seconds kTouchDiskEvery{60};

  [[nodiscard]] uint64_t run_end(uint64_t offset) const REQUIRES(mutex_);
  [[nodiscard]] bool enqueue(Waiting& waiting) EXCLUDES(mutex_);
  [[nodiscard]] bool settled(const Waiting& waiting) const REQUIRES(mutex_);
  void wake_settled() EXCLUDES(mutex_);

  // What a hit touches comes first, as in Evictable.
  std::atomic<Phase> phase_{Phase::kPending};
  std::atomic<bool> has_head_{false};
  bool lost_ = false;  // as error_
  const FillOrder fill_order_;
  const uint32_t index_;
  ObjectSourcePtr source_;  // this and the next four: written before phase_ says so, constant after
  int64_t cached_at_ = 0;
  uint64_t disk_bytes_ = 0;                 // of the page, where it is on disk
  std::atomic<int64_t> disk_touched_{0};    // MonoTime ticks
  std::atomic<uint64_t> requested_end_{0};  // requests have asked for all bytes before it

  const SharedKey::Ptr key_;
  ObjectSourcePtr
      version_;  // the table's, under its lock; null: not known yet. Known before the head is set
  std::optional<Error> error_;
  origin::WantedParts wanted_parts_;
  PageTable& table_;
  store::MemoryTier& memory_;

  mutable Mutex mutex_;
  FetchSpecPtr leader_ GUARDED_BY(mutex_);
  ByteSet filled_ GUARDED_BY(mutex_);
  Pieces pieces_ GUARDED_BY(mutex_);
  rt::WaiterList waiters_ GUARDED_BY(mutex_);
};

using PagePtr = boost::intrusive_ptr<Page>;

}  // namespace cachey::cache
