#pragma once

#include <algorithm>
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/cache_line.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/object_info.h"
#include "base/page_size.h"
#include "base/trace_context.h"
#include "cache/byte_set.h"
#include "cache/object_key.h"
#include "cache/piece.h"
#include "cache/wishes.h"
#include "origin/origin.h"
#include "origin/read/priority.h"
#include "rt/waiter.h"
#include "store/disk/page_at.h"
#include "store/memory_tier.h"

namespace cachey::cache {

class Page;
class PageTable;
struct KindMetrics;

/// What a request asks for, and how its misses are fetched. Shared by the request and the fills
/// that it starts.
struct FetchSpec {
  ObjectKey key;
  std::vector<std::string> buckets;  ///< in the client's order; not empty, no duplicates
  origin::RequestConfig config;
  KindMetrics* metrics = nullptr;
  std::string request_id;   ///< of the client's request, for the log; may be empty
  Wishes wishes;            ///< of this request alone
  PageSize page_size = {};  ///< of the object's kind: the same in all requests for the object
  /// The client is told why there is no object: see GetRequest::explain_absence. Looks at objects
  /// that the cache knows ask for the reason in any case.
  bool explain_absence = false;
  /// Among the clients of its kind, for shares of the store and of memory: a verified key or an
  /// address. Empty: all clients of the kind share.
  std::string client{};
  TraceContextPtr trace{};  ///< of the client's request

  /// A fill under `other` would fail for the same reasons as a fill under this spec.
  [[nodiscard]] bool same_terms(const FetchSpec& other) const {
    return buckets == other.buckets && config == other.config;
  }
  /// The request may be answered from the bucket of `source`.
  [[nodiscard]] bool takes(const ObjectSource& source) const {
    return !wishes.own_buckets || std::ranges::find(buckets, source.bucket) != buckets.end();
  }
  /// The request may be answered with bytes of the page. REQUIRES: has_head.
  [[nodiscard]] bool takes(const Page& page) const;
  /// The request may wait for the page, or for its bytes. If the page has failed, the request may
  /// also take the page's error.
  [[nodiscard]] bool may_hold(const Page& page) const;
};
using FetchSpecPtr = std::shared_ptr<const FetchSpec>;

/// Prefetches `source` into the CPU's caches, unless it is null.
inline void prefetch_source(const ObjectSource* source) { prefetch(source, sizeof(ObjectSource)); }

/// What a fill fetches first.
enum class FillOrder : uint8_t {
  kFromBegin,
  kFromWanted,  ///< at the first wanted byte; the bytes before it follow
};

/// One page of one object; or a part of a page, which exact readers fetch (Wishes::exact). A part
/// is a run of the page's bytes and an entry of its own: below, "page" means either, and offsets in
/// the page are offsets in the part. The first request makes the page. Then either exactly one fill
/// fetches the bytes until the page is whole, or the page is on disk and pieces of it are in
/// memory. References are held by the page table, the fill or the pieces, readers and, once the
/// page is whole, the memory tier.
///
///   pending --set_head--> filling --finish--> whole
///      |\---------fail---------+----> failed
///      \--set_on_disk--> on disk
///      \--end_look---------------> failed, with a head
///
/// A page on disk never fails. A piece of it may fail, for the readers that wait for that piece.
///
/// A page that has left the table is never found again, in any phase. Readers that hold the page go
/// on; new readers get another page. Any thread, unless a function says otherwise.
class Page final : public store::Evictable {
 public:
  enum class Phase : uint8_t { kPending, kFilling, kOnDisk, kWhole, kFailed };

  /// `leader`: the terms of the request that asked first; the fill uses them. The page has their
  /// page size.
  Page(PageTable& table, store::MemoryTier& memory, SharedKey::Ptr key, uint32_t index,
       uint64_t content_hash, FetchSpecPtr leader, FillOrder order);
  /// A part of page `index`. `place`: in the object, within that page, not empty.
  Page(PageTable& table, store::MemoryTier& memory, SharedKey::Ptr key, uint32_t index,
       uint64_t content_hash, FetchSpecPtr leader, ByteRange place);
  ~Page() override;

  [[nodiscard]] uint32_t index() const { return index_; }
  [[nodiscard]] KeyView key() const { return key_->view(); }
  [[nodiscard]] PageSize page_size() const { return page_size_; }
  /// The page's key on the disk, with the object.
  [[nodiscard]] store::PageAt at() const {
    return is_part_ ? store::PageAt::part(begin_, page_size_.exponent())
                    : store::PageAt::page(index_, page_size_.exponent());
  }
  /// The place of the first byte in the object.
  [[nodiscard]] uint64_t object_offset() const { return begin_; }
  [[nodiscard]] bool is_part() const { return is_part_; }
  /// The bytes that the page has if the object does not end in it.
  [[nodiscard]] uint64_t bytes_max() const { return bytes_max_; }
  /// The page's range in an object that has all of it.
  [[nodiscard]] ByteRange place() const { return {begin_, begin_ + bytes_max_}; }
  /// The bytes of the page in an object of this size; 0: the object ends before the page.
  [[nodiscard]] uint64_t bytes_of(uint64_t object_size) const {
    return std::min(bytes_max(), object_size - std::min(object_size, begin_));
  }
  [[nodiscard]] FillOrder fill_order() const { return fill_order_; }

  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }

  /// The version is known: the phase is filling, on disk or whole, or was before the page failed.
  /// Bytes that came before a failure stay readable, unless damaged().
  [[nodiscard]] bool has_head() const { return has_head_.load(std::memory_order_acquire); }
  /// Constant. REQUIRES: has_head.
  [[nodiscard]] const ObjectSourcePtr& source() const { return source_; }
  /// The version of another bucket, if some of the page's bytes are from there: a body was resumed
  /// at that bucket, or a part came from it. Null: all bytes are from source()'s bucket. REQUIRES:
  /// whole.
  [[nodiscard]] const ObjectSourcePtr& other_source() const { return other_source_; }
  /// All bytes of the page are from these buckets, and so are those that the fill will bring.
  /// REQUIRES: has_head.
  [[nodiscard]] bool is_all_of(std::span<const std::string> buckets) const EXCLUDES(mutex_);
  /// The fill, if there is one, asks these buckets alone.
  [[nodiscard]] bool is_filled_from(std::span<const std::string> buckets) const EXCLUDES(mutex_);
  /// The request that made the page wishes own_buckets.
  [[nodiscard]] bool for_own_buckets() const { return for_own_buckets_; }
  /// When the page became whole, in Unix seconds. REQUIRES: whole or on disk.
  [[nodiscard]] int64_t cached_at() const { return cached_at_; }
  /// REQUIRES: failed.
  [[nodiscard]] const Error& error() const { return *error_; }
  /// An answer of the store gave the head or the failure. This is the time when the question was
  /// sent. Later changes in the store are not in the answer. A page on disk has the beginning of
  /// time; a failure that no reader needs to ask for again has the end of time. REQUIRES: not
  /// pending.
  [[nodiscard]] MonoTime asked_at() const { return asked_at_; }
  /// The first byte of the page that the store was asked for. REQUIRES: not pending.
  [[nodiscard]] uint64_t asked_from() const { return asked_from_; }

  /// The page failed because its checksum is wrong: none of its bytes may be read any more.
  [[nodiscard]] bool damaged() const {
    return phase() == Phase::kFailed && error_->kind() == ErrorKind::kDamaged;
  }

  /// Prefetches the members that a hit reads into the CPU's caches.
  void prefetch() const { cachey::prefetch(static_cast<const void*>(this), kHotBytes); }
  /// Prefetches the first bytes of `range` and the version's text. Waits for the page's and the
  /// version's own members, which point to these. REQUIRES: whole and pinned; the range begins in
  /// the page.
  void prefetch_rest(ByteRange range) const;

  /// The terms of the fill. Null once the page is whole or on disk.
  [[nodiscard]] FetchSpecPtr leader() const EXCLUDES(mutex_);
  /// The fill goes on under other terms. `failure`: the fill failed under the former terms, and the
  /// readers that wait with these terms get this error.
  void set_leader(FetchSpecPtr leader, std::optional<Error> failure) EXCLUDES(mutex_);
  /// A reader waits for the head with other terms than those of the fill when the wait began.
  [[nodiscard]] bool has_others_waiting() const EXCLUDES(mutex_);

  /// Which 64ths of a page of page_size() readers wait for.
  [[nodiscard]] origin::WantedParts& wanted_parts() { return wanted_parts_; }
  /// The 64ths that a range of the page overlaps, as bits.
  [[nodiscard]] uint64_t parts_of(ByteRange range) const;

  /// A request asks for the bytes of `part`. Returns true exactly once: for the request that
  /// extends the gap-free prefix of requested bytes past the page's middle.
  [[nodiscard]] bool extend_requested(ByteRange part);
  /// That prefix has passed the middle.
  [[nodiscard]] bool requested_past_middle() const {
    return requested_end_.load() >= page_size_.bytes() / 2;
  }

  /// The end of the gap-free run of readable bytes from `offset` on, within one pin (the page or
  /// one piece); `offset` if that byte is missing.
  [[nodiscard]] uint64_t available_end(uint64_t offset) const EXCLUDES(mutex_);
  /// The page's bytes come from the disk. REQUIRES: has_head.
  [[nodiscard]] bool on_disk() const { return disk_bytes_ != 0; }
  /// The loaded piece that holds the byte, of a page on disk; null: none.
  [[nodiscard]] PiecePtr piece_at(uint64_t offset) const EXCLUDES(mutex_);

  // The waits of readers. Errors: kTimeout and kCancelled, if `until` ended the wait.

  /// Waits until the phase is no longer pending. `reader`: the terms of the request that waits;
  /// outlives the wait. Other errors: if the fill failed under these terms and goes on under other
  /// ones, that failure.
  [[nodiscard]] rt::Task<Result<void>> wait_head(rt::Worker& worker, const FetchSpec& reader,
                                                 rt::Until until);
  /// Waits until the byte at `offset` is readable or the page has failed. REQUIRES: has_head, and
  /// the page is not on disk.
  [[nodiscard]] rt::Task<Result<void>> wait_byte(rt::Worker& worker, uint64_t offset,
                                                 rt::Until until);
  /// Waits until the page is whole or has failed. REQUIRES: the page is not on disk.
  [[nodiscard]] rt::Task<Result<void>> wait_whole(rt::Worker& worker, rt::Until until);
  /// Waits until `piece` of this page is no longer loading; see Piece::state().
  [[nodiscard]] rt::Task<Result<void>> wait_piece(rt::Worker& worker, PiecePtr piece,
                                                  rt::Until until);

  // For the fill, in this order.
  void set_asked(MonoTime at, uint64_t from) {
    asked_at_ = at;
    asked_from_ = from;
  }
  /// Not null: the page is to have bytes of this bucket's version, too.
  void set_other_source(ObjectSourcePtr other);
  void set_head(ObjectSourcePtr source);
  void add(ByteRange range);
  /// `other`: see other_source().
  void finish(int64_t cached_at, ObjectSourcePtr other = nullptr);
  void fail(Error error);
  /// For a look (see Fills::look), instead of the functions above: the page fails, and has a head.
  void end_look(ObjectSourcePtr source);

  // For DiskReads, if the page is on disk.
  void set_on_disk(ObjectSourcePtr source, uint64_t bytes, int64_t cached_at);
  struct Missing {
    PiecePtr first;               ///< holds the first wanted byte; null: the page is not on disk
    bool first_is_added = false;  ///< else it was loaded or loading already
    std::vector<PiecePtr> added;  ///< the caller loads these
  };
  /// Adds pieces for the blocks that Pieces::to_load chooses for `wanted`, if they are not in
  /// memory.
  [[nodiscard]] Missing add_missing(ByteRange wanted, LoadAhead ahead) EXCLUDES(mutex_);
  /// The load of a piece has ended; if its bytes have come, its memory is published. False: the
  /// page does not have the piece, or not any more.
  [[nodiscard]] bool end_load(Piece& piece, Piece::State state) EXCLUDES(mutex_);
  void remove_piece(const Piece& piece) EXCLUDES(mutex_);
  /// The pieces that are loaded or loading.
  [[nodiscard]] std::vector<PiecePtr> pieces() const EXCLUDES(mutex_);

  /// The page has left the table: MemoryTier::discard for the page and its pieces.
  void discard() EXCLUDES(mutex_);
  /// On disk, with no pieces and no reader.
  [[nodiscard]] bool idle() const EXCLUDES(mutex_);

  /// A request uses the page: counts for eviction. Ends cold().
  void use() {
    touch();
    if (!cold()) return;
    set_cold(false);
    end_unread();
  }
  /// Adds the page's bytes to `sum` until the page is no longer cold() or is destroyed. REQUIRES:
  /// whole; `sum` outlives the page. Any thread; a second call changes nothing.
  void count_unread(std::atomic<int64_t>& sum) {
    std::atomic<int64_t>* nowhere = nullptr;
    if (!unread_in_.compare_exchange_strong(nowhere, &sum)) return;
    sum.fetch_add(static_cast<int64_t>(memory_bytes()));
    if (!cold()) end_unread();  // a reader came meanwhile
  }

  /// Whether to report a use in memory to the disk: at most once per kTouchDiskEvery.
  [[nodiscard]] bool due_to_touch_disk(MonoTime now);

  void on_evicted() noexcept override;

 private:
  friend class PageTable;
  struct Waiting;
  /// The memory of a page's bookkeeping, without texts: the page, its table entry, its version,
  /// allocator overhead; as if the page were the object's only one.
  static constexpr int64_t kBookkeepingBytes = 1024;
  /// With the texts of its names and, once has_head, of its version.
  [[nodiscard]] int64_t bookkeeping_bytes() const;
  void set_source(ObjectSourcePtr source);
  static constexpr size_t kHotBytes = 3 * kCacheLineBytes;
  static constexpr std::chrono::seconds kTouchDiskEvery{60};

  [[nodiscard]] uint64_t run_end(uint64_t offset) const REQUIRES(mutex_);
  void end_unread() {
    std::atomic<int64_t>* const sum = unread_in_.exchange(nullptr);
    if (sum != nullptr) sum->fetch_sub(static_cast<int64_t>(memory_bytes()));
  }
  void add_pieces(ByteRange gap, std::vector<PiecePtr>& added) REQUIRES(mutex_);
  struct Awaited;
  [[nodiscard]] rt::Task<Result<void>> wait(rt::Worker& worker, Awaited awaited, rt::Until until);
  [[nodiscard]] bool enqueue(Waiting& waiting) EXCLUDES(mutex_);
  [[nodiscard]] bool leave_list(Waiting& waiting) EXCLUDES(mutex_);
  void take_out(Waiting& waiting) REQUIRES(mutex_);
  [[nodiscard]] bool settled(const Waiting& waiting) const REQUIRES(mutex_);
  void wake_settled() EXCLUDES(mutex_);

  // The members that a hit reads come first, as in Evictable; see kHotBytes.
  std::atomic<Phase> phase_{Phase::kPending};
  std::atomic<bool> has_head_{false};
  const FillOrder fill_order_;
  const PageSize page_size_;
  const bool is_part_;
  const bool for_own_buckets_;
  std::atomic<bool> has_other_source_{false};  // before the head, so that it is known while filling
  const uint32_t index_;
  const uint64_t begin_;  // in the object
  // source_, cached_at_, disk_bytes_ and error_ are written before phase_, then constant.
  ObjectSourcePtr source_;
  int64_t cached_at_ = 0;
  uint64_t disk_bytes_ = 0;                 // the page's size if it is on disk, else 0
  std::atomic<int64_t> disk_touched_{0};    // MonoTime ticks of the last report
  std::atomic<uint64_t> requested_end_{0};  // the requested prefix of the page

  const SharedKey::Ptr key_;
  // Guarded by the table's shard mutex. Null until the version is known, which is before
  // set_head().
  ObjectSourcePtr version_;
  ObjectSourcePtr other_source_;  // written before phase_ is whole, then constant
  std::optional<Error> error_;
  MonoTime asked_at_{};  // this and the next are written before phase_, then constant
  uint64_t asked_from_ = 0;
  const uint64_t bytes_max_;
  origin::WantedParts wanted_parts_;
  std::atomic<std::atomic<int64_t>*> unread_in_{nullptr};  // null: counts nowhere
  PageTable& table_;
  store::MemoryTier& memory_;

  mutable Mutex mutex_;
  FetchSpecPtr leader_ GUARDED_BY(mutex_);
  uint32_t others_waiting_ GUARDED_BY(mutex_) = 0;
  ByteSet filled_ GUARDED_BY(mutex_);
  Pieces pieces_ GUARDED_BY(mutex_);
  rt::WaiterList waiters_ GUARDED_BY(mutex_);
};

using PagePtr = boost::intrusive_ptr<Page>;

inline bool FetchSpec::takes(const Page& page) const {
  return !wishes.own_buckets || page.is_all_of(buckets);
}

/// A reader of a page that passes no bytes to a client: the page's fill goes on as for any reader.
class PageReading {
 public:
  PageReading(PagePtr page, MonoTime now) : page_(std::move(page)) { page_->reading_began(now); }
  PageReading(const PageReading&) = delete;
  PageReading& operator=(const PageReading&) = delete;
  ~PageReading() {
    if (page_->reading_ended()) page_->discard();
  }

 private:
  const PagePtr page_;
};

}  // namespace cachey::cache
