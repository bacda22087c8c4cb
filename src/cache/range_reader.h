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

/// The origin and age of one page of an answer.
struct PageStatus {
  uint32_t index = 0;
  ObjectSourcePtr source;
  int64_t cached_at = 0;  ///< Unix seconds; 0: fetched by this request, or by a fill that it joined
};

/// Reads a range of an object for one request. Asks for the pages in order, a little ahead of the
/// position; joins fills that are under way; makes sure that all bytes are of one object version.
///
///   RangeReader reader(cache, worker, spec, wanted);
///   co_await reader.open();         // waits for the first page's head: version, size, range
///   while (!reader.at_end()) {
///     count = reader.pin(parts);    // the bytes that are readable now
///     if (count == 0) { co_await reader.wait(); continue; }
///     n = writer.offer(parts[0..count]);
///     reader.release(n);            // before the next co_await
///   }
///
/// Pins no memory between release() and pin(). A page that was evicted meanwhile is asked for
/// again. Made, used and destroyed on one worker, which outlives the reader.
class RangeReader {
 public:
  /// Pages looked up ahead of the one being read.
  static constexpr uint32_t kLookAhead = 2;
  /// For pages on disk, this many bytes are loaded ahead of the position, up to the range's end.
  static constexpr uint64_t kReadAheadBytes = 2 * Pieces::kPieceBytesMax;
  /// The most statuses of later pages that are kept; the pages after those get no trailers.
  static constexpr size_t kStatusesMax = 4096;

  enum class Use : uint8_t {
    kBody,  ///< the bytes will be read
    kHead,  ///< only the first page's head is needed; no other page is asked for
  };

  /// REQUIRES: `wanted` is not empty and within kObjectBytesMax.
  RangeReader(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange wanted, Use use);
  ~RangeReader();
  RangeReader(const RangeReader&) = delete;
  RangeReader& operator=(const RangeReader&) = delete;

  /// Asks for the first pages. True: open() would return at once; call open_now() or open() next.
  [[nodiscard]] bool start();
  /// Waits for the first page's head. REQUIRES: start() was called.
  [[nodiscard]] rt::Task<Result<void>> open();
  /// As open(), without suspending. REQUIRES: start() returned true.
  [[nodiscard]] Result<void> open_now();

  /// When the reader was made.
  [[nodiscard]] MonoTime began() const { return began_; }

  // From here on REQUIRES: open() has succeeded.

  [[nodiscard]] const ObjectSource& source() const { return *source_; }
  /// The range that will be read: the range asked for, cut at the object's end.
  [[nodiscard]] ByteRange range() const { return range_; }
  [[nodiscard]] bool hit() const { return first_status_.cached_at != 0; }
  [[nodiscard]] const PageStatus& first_status() const { return first_status_; }
  /// The statuses of the pages read after the first, in order. REQUIRES: keep_statuses() was called
  /// before reading.
  [[nodiscard]] std::span<const PageStatus> later_statuses() const { return later_statuses_; }
  void keep_statuses() { keep_statuses_ = true; }
  /// The part of page `index` that is in this answer.
  [[nodiscard]] ByteRange part_of(uint32_t index) const;

  [[nodiscard]] bool at_end() const { return position_ >= range_.end; }

  /// The byte at the position is readable: pin() will return it, unless it is evicted first.
  [[nodiscard]] bool ready() const;

  /// Pins the readable bytes at the position, of one page, and lists them. 0: none; call wait().
  [[nodiscard]] size_t pin(std::span<iovec> parts);
  /// Unpins, and advances the position by the bytes that were used.
  void release(uint64_t used);

  /// Waits until pin() can return bytes. Errors end the answer: kChanged, kOverloaded (evicted
  /// again and again), or the error of the page's fill.
  [[nodiscard]] rt::Task<Result<void>> wait();

 private:
  enum class Role : uint8_t { kHit, kJoined, kStarted };
  struct Slot {  // a page that the reader holds
    PagePtr page;
    PiecePtr piece;  // the piece being read, if the page is on disk
    Role role = Role::kHit;
    uint32_t index = 0;
    int tries = 0;
    bool lost = false;   // the disk failed to give the page: the next one comes from the origin
    bool ahead = false;  // asked for before the position reached the page
  };
  /// How often a page is asked for again without a byte of progress, after its fill failed under
  /// another request's terms or after it was evicted.
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
  /// Starts disk reads of the next kReadAheadBytes.
  void load_ahead();
  void count(Slot& held);
  void enter_page();
  /// The byte at the position is readable in this page.
  [[nodiscard]] bool readable(const Page& page) const;
  /// When the page came into the cache; 0 if it is fetched for this request.
  [[nodiscard]] static int64_t cached_at(const Slot& held);
  [[nodiscard]] bool may_try_again(const Slot& held) const;
  [[nodiscard]] Result<void> head_arrived();
  /// Waits until the current page has its head. Fails if no page can be had.
  [[nodiscard]] rt::Task<Result<void>> settle_head();

  Cache& cache_;
  rt::Worker& worker_;
  const FetchSpecPtr spec_;
  const Use use_;
  const MonoTime began_;
  ByteRange range_;
  uint64_t position_;
  std::optional<uint64_t> past_end_of_;  // the object's size, if the range is past it
  ObjectSourcePtr source_;
  std::array<Slot, kLookAhead + 1> slots_;
  uint32_t looked_up_end_;  // pages before this have been asked for
  uint32_t counted_end_;    // pages before this are in the metrics
  uint32_t entered_end_;    // pages before this have their status
  uint64_t ahead_end_;      // disk pages before this offset are loaded or loading
  bool pinned_ = false;
  bool keep_statuses_ = false;
  PageStatus first_status_;
  std::vector<PageStatus> later_statuses_;
};

}  // namespace cachey::cache
