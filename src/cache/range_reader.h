#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "cache/cache.h"
#include "rt/worker.h"

namespace cachey::cache {

/// Where a page of an answer came from.
struct PageStatus {
  uint32_t index = 0;
  ObjectSourcePtr source;
  int64_t cached_at =
      0;  ///< Unix seconds; 0: this request, or one it was coalesced with, fetched it
};

/// One request's way through a range of an object: asks for its pages in order, a little ahead of
/// the one it is at, joins fills that are under way, and sees to it that all bytes are of one
/// object version.
///
///   RangeReader reader(cache, worker, spec, wanted);
///   co_await reader.open();                       // the first page's head: version, size, range
///   while (!reader.at_end()) {
///     count = reader.pin(parts);                  // what is there now
///     if (count == 0) { co_await reader.wait(); continue; }
///     n = writer.offer(parts[0..count]);
///     reader.release(n);                          // before anything is awaited
///   }
///
/// Holds no memory between release and pin: a page that was evicted meanwhile is asked for again.
/// Made, used and destroyed on one worker, which outlives it.
class RangeReader {
 public:
  /// Pages looked up ahead of the one being read.
  static constexpr uint32_t kLookAhead = 2;
  /// Of what the disk has, this much is loaded ahead of the position, and no further than the end
  /// of the range.
  static constexpr uint64_t kReadAheadBytes = 2 * Pieces::kPieceBytesMax;
  /// Statuses kept of pages after the first; a longer answer has no trailers for the rest.
  static constexpr size_t kStatusesMax = 4096;

  enum class Use : uint8_t {
    kBody,  ///< the bytes will be read
    kHead,  ///< only what open() tells: no page but the first is asked for
  };

  /// REQUIRES: `wanted` is not empty and within kObjectBytesMax.
  RangeReader(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange wanted, Use use);
  ~RangeReader();
  RangeReader(const RangeReader&) = delete;
  RangeReader& operator=(const RangeReader&) = delete;

  /// Asks for the first pages. True where open() would return at once: call it all the same.
  [[nodiscard]] bool start();
  /// Waits for the first page's head. REQUIRES: start() was called.
  [[nodiscard]] rt::Task<Result<void>> open();
  /// What open() does where start() said true.
  [[nodiscard]] Result<void> open_now();

  /// When it was made.
  [[nodiscard]] MonoTime began() const { return began_; }

  // REQUIRES: opened, from here on.

  [[nodiscard]] const ObjectSource& source() const { return *source_; }
  /// What will be read: the range asked for, cut at the object's end.
  [[nodiscard]] ByteRange range() const { return range_; }
  [[nodiscard]] bool hit() const { return first_status_.cached_at != 0; }
  [[nodiscard]] const PageStatus& first_status() const { return first_status_; }
  /// Of the pages after the first that were read, in order. REQUIRES: keep_statuses() before
  /// reading.
  [[nodiscard]] std::span<const PageStatus> later_statuses() const { return later_statuses_; }
  void keep_statuses() { keep_statuses_ = true; }
  /// The part of page `index` that is in this answer.
  [[nodiscard]] ByteRange part_of(uint32_t index) const;

  [[nodiscard]] bool at_end() const { return position_ >= range_.end; }

  /// The byte at the position is there: pin() will find it, unless it is evicted before.
  [[nodiscard]] bool ready() const;

  /// Pins the bytes that are there at the position (of one page) and lists them. 0: none; wait().
  [[nodiscard]] size_t pin(std::span<iovec> parts);
  /// Unpins, and moves on by the bytes that were used.
  void release(uint64_t used);

  /// Until pin finds something. Errors end the answer: kChanged, and what the page's fill failed
  /// with.
  [[nodiscard]] rt::Task<Result<void>> wait();

 private:
  enum class Role : uint8_t { kHit, kJoined, kStarted };
  struct Slot {  // a page that this request holds
    PagePtr page;
    PiecePtr piece;  // the one being read, of a page on disk
    Role role = Role::kHit;
    uint32_t index = 0;
    int tries = 0;
    bool lost = false;   // the disk did not give it: from the origin, then
    bool ahead = false;  // asked for as speculation, before its turn
  };
  /// How often a page is asked for anew without a byte of progress, because its fill failed under
  /// another request's terms or because it was evicted.
  static constexpr int kTriesMax = 4;

  [[nodiscard]] Slot& slot(uint32_t index) { return slots_[index % slots_.size()]; }
  [[nodiscard]] uint32_t current() const { return static_cast<uint32_t>(position_ / kPageBytes); }
  [[nodiscard]] uint64_t offset_in_page() const { return position_ % kPageBytes; }

  void look_up(uint32_t index, uint64_t offset,
               std::optional<store::MemoryTier::Admission> admission);
  void hold(uint32_t index, PagePtr page, Role role, MonoTime now);
  void look_ahead();
  void drop_page(Slot& held);
  void drop_piece(Slot& held);
  [[nodiscard]] size_t pin_piece(Slot& held, std::span<iovec> parts);
  /// Sees to it that what comes next is on its way from the disk.
  void load_ahead();
  void count(Slot& held);
  void enter_page();
  /// The byte at the position is there, in this page's memory.
  [[nodiscard]] bool readable(const Page& page) const;
  /// When the page came into the cache; 0 where it comes for this request.
  [[nodiscard]] static int64_t cached_at(const Slot& held);
  [[nodiscard]] bool may_try_again(const Slot& held) const;
  [[nodiscard]] Result<void> head_arrived();
  /// Until the current page's head is there, or there is none to be had.
  [[nodiscard]] rt::Task<Result<void>> settle_head();

  Cache& cache_;
  rt::Worker& worker_;
  const FetchSpecPtr spec_;
  const Use use_;
  const MonoTime began_;
  ByteRange range_;
  uint64_t position_;
  std::optional<uint64_t> past_end_of_;  // the known size that the range is past
  ObjectSourcePtr source_;
  std::array<Slot, kLookAhead + 1> slots_;
  uint32_t looked_up_end_;  // pages before this have been asked for
  uint32_t counted_end_;    // pages before this are in the metrics
  uint32_t entered_end_;    // pages before this have their status
  uint64_t ahead_end_;      // what the disk has before this is loaded, or on its way
  bool pinned_ = false;
  bool keep_statuses_ = false;
  PageStatus first_status_;
  std::vector<PageStatus> later_statuses_;
};

}  // namespace cachey::cache
