#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/tier.h"
#include "base/version_set.h"
#include "cache/cache.h"
#include "cache/condition.h"
#include "cache/page_window.h"
#include "rt/worker.h"

namespace cachey::cache {

/// The bucket and age of a page of an answer, after the first page.
struct PageStatus {
  uint32_t index = 0;
  ObjectSourcePtr source;
  int64_t cached_at = 0;  ///< Unix seconds; 0: fetched by this request, or by a fill that it joined
};

/// Reads a range of an object for one request. Asks for the pages in order, a little ahead of the
/// position; joins fills that are under way; makes sure that the bytes of each bucket are of one
/// object version, and all of one size.
///
///   RangeReader reader(cache, worker, spec, wanted, RangeReader::Use::kBody);
///   opened = reader.try_open();                  // without waiting, if the first bytes are there
///   if (!opened) opened = co_await reader.open();
///   while (!reader.at_end()) {
///     count = reader.pin(parts);                 // the bytes that are readable now
///     if (count == 0) { co_await reader.wait(); continue; }
///     n = writer.offer(parts[0..count]);
///     reader.release(n);                         // before the next co_await
///   }
///
/// Pins no memory between release() and pin(). A page that was evicted meanwhile is asked for
/// again. Made, used and destroyed on one worker, which outlives the reader.
class RangeReader {
 public:
  using Use = PageWindow::Use;
  /// The most statuses of later pages that are kept; the pages after those get no trailers.
  static constexpr size_t kStatusesMax = 4096;

  /// REQUIRES: `wanted` is not empty and within kObjectBytesMax.
  RangeReader(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange wanted, Use use);
  ~RangeReader();
  RangeReader(const RangeReader&) = delete;
  RangeReader& operator=(const RangeReader&) = delete;

  /// The version that the reader opens must fulfil `condition`. To be called before try_open().
  void set_condition(const Condition* condition) { condition_ = condition; }

  /// Asks for the first pages. Success: version, size and range are known, and for kBody the first
  /// byte is readable. Errors: kChanged, kNotCached. Nothing: open() must wait. To be called once,
  /// first.
  [[nodiscard]] std::optional<Result<void>> try_open() {
    return try_open(spec()->key.view().hash());
  }
  /// `key_hash`: of the spec's key.
  [[nodiscard]] std::optional<Result<void>> try_open(uint64_t key_hash);
  /// Waits for the bytes that try_open() did not find. If the first page is lost before its first
  /// byte is readable, the page that comes instead decides the version; condition and range are
  /// judged again. Errors: those of wait(), kRangeNotSatisfiable, kPreconditionFailed, and kChanged
  /// if the object has not the size that the client knows. A version from memory or the disk may
  /// serve a request, but never refuses one: before a refusal the store is asked, after the reader
  /// was made. REQUIRES: try_open() returned nothing.
  [[nodiscard]] rt::Task<Result<void>> open(std::stop_token client_left = {});

  [[nodiscard]] const FetchSpecPtr& spec() const { return window_.shared_spec(); }
  /// When the reader was made.
  [[nodiscard]] MonoTime began() const { return began_; }

  // From here on REQUIRES: the reader is open.

  /// kHolds; or kNotModified: the reader has no range.
  [[nodiscard]] Verdict verdict() const { return verdict_; }
  /// REQUIRES: not at_end().
  [[nodiscard]] const ObjectSource& source() const { return *source_; }
  /// As source(), shared, with the time at which the store was asked (Page::asked_at). REQUIRES: no
  /// byte was released.
  [[nodiscard]] ObjectSourcePtr shared_source() const;
  [[nodiscard]] MonoTime asked_at() const;
  /// The range that will be read: the range asked for, cut at the object's end.
  [[nodiscard]] ByteRange range() const { return window_.range(); }
  [[nodiscard]] bool hit() const { return first_cached_at_ != 0; }
  /// The source of the first byte; final once the first byte is readable.
  [[nodiscard]] Tier tier() const {
    if (!hit()) return Tier::kMiss;
    return waited_for_disk_ ? Tier::kDisk : Tier::kMemory;
  }
  /// When the first page came into the cache, in Unix seconds; 0: fetched by this request, or by a
  /// fill that it joined.
  [[nodiscard]] int64_t first_cached_at() const { return first_cached_at_; }
  /// The statuses of the pages read after the first, in order. REQUIRES: keep_statuses() was called
  /// before reading.
  [[nodiscard]] std::span<const PageStatus> later_statuses() const { return later_statuses_; }
  void keep_statuses() { keep_statuses_ = true; }
  /// The part of page `index` that is in this answer.
  [[nodiscard]] ByteRange part_of(uint32_t index) const { return window_.part_of(index); }

  /// The bytes that release() was told of.
  [[nodiscard]] uint64_t sent_bytes() const { return position_ - range().begin; }
  [[nodiscard]] bool at_end() const { return position_ >= window_.range().end; }

  /// Pins the readable bytes of the page at the position, and lists them. 0: none; call wait().
  [[nodiscard]] size_t pin(std::span<iovec> parts);
  /// Unpins, and advances the position by the bytes that were used.
  void release(uint64_t used);

  /// Waits until pin() can return bytes. An error ends this answer only: kChanged, kOverloaded
  /// (evicted again and again), kTimeout (the page's head did not come within the request's own
  /// limits), kCancelled (`client_left` was requested, on the worker's thread), kNotCached (the
  /// client wants cached bytes only, and some are gone), or the error of the page's fill.
  [[nodiscard]] rt::Task<Result<void>> wait(std::stop_token client_left = {});

 private:
  using Slot = PageWindow::Slot;

  [[nodiscard]] PageSize page_size() const { return window_.spec().page_size; }
  [[nodiscard]] uint32_t current() const { return page_size().index_of(position_); }
  /// The place of the position in this page or part.
  [[nodiscard]] uint64_t offset_in(const Page& page) const {
    return position_ - page.object_offset();
  }
  /// The range from the position on, as offsets in this page: its end may be behind the page.
  [[nodiscard]] ByteRange rest_in(const Page& page) const {
    return {offset_in(page), window_.range().end - page.object_offset()};
  }
  /// The position has left the part of its page that was read.
  [[nodiscard]] bool is_past(const Page& page) const {
    return page.is_part() && position_ >= page.place().end;
  }

  [[nodiscard]] std::optional<Result<void>> try_look_up(KeyView key, uint64_t hash);
  [[nodiscard]] Verdict judge(const ObjectInfo& version) const {
    return condition_ == nullptr ? Verdict::kHolds : condition_->judge(version);
  }
  [[nodiscard]] bool only_if_cached() const { return window_.spec().wishes.only_if_cached; }
  /// The range begins inside this version, and the version has the size that the client knows.
  [[nodiscard]] bool is_satisfiable(const ObjectInfo& version) const {
    const std::optional<uint64_t>& said = window_.spec().wishes.object_size;
    return position_ < version.size && (!said || *said == version.size);
  }
  /// Why this version refuses the request; nothing: it does not.
  [[nodiscard]] std::optional<Error> refusal(const ObjectInfo& version) const;
  /// The page's version refuses the request, but the store was asked for it before the request.
  [[nodiscard]] bool refuses_by_old_news(const Page& page) const;
  /// The page's version may stand in this answer. REQUIRES: has_head.
  [[nodiscard]] bool fits(const Page& page) const;
  /// The answer has a body.
  [[nodiscard]] bool needs_byte() const {
    return window_.use() == Use::kBody && verdict_ == Verdict::kHolds;
  }
  /// The byte at the position is readable: pin() will return it, unless it is evicted first.
  [[nodiscard]] bool ready() const;
  /// The byte at the position is readable in this page.
  [[nodiscard]] bool readable(const Page& page) const;
  [[nodiscard]] size_t pin_piece(Slot& held, std::span<iovec> parts);
  void enter_page();
  void keep_version(const Slot& held);
  /// Drops the page at the position, or the one before.
  void leave(Slot& held);
  /// When the page came into the cache; 0 if it is fetched for this request.
  [[nodiscard]] static int64_t cached_at(const Slot& held);
  /// The first page has its head: its version is the answer's, and its size cuts the range.
  [[nodiscard]] Result<void> take_version();
  /// take_version() for the version that a look has seen.
  [[nodiscard]] Result<void> take_version(const ObjectSource& source, int64_t came_at);
  [[nodiscard]] rt::Task<Result<void>> find_version(std::stop_token client_left);
  void forget_version();
  [[nodiscard]] rt::Task<Result<ObjectSourcePtr>> look(std::stop_token client_left);
  [[nodiscard]] PageFailure failure_of(const Page& page) const;
  [[nodiscard]] bool may_ask_again(const Slot& failed) const;
  /// Waits until the current page has its head. Fails if no page can be had.
  [[nodiscard]] rt::Task<Result<void>> settle_head(std::stop_token client_left);
  [[nodiscard]] rt::Task<Result<void>> wait_piece(Slot& held, std::stop_token client_left);
  /// When a wait for the head of the current page ends, if the wait begins now. The answer's head
  /// has the time of Fills::time_to_head() once, however many pages are lost meanwhile; waits for
  /// bytes are not part of it. In a body the head of each page has that time.
  [[nodiscard]] MonoTime head_deadline() const;

  Cache& cache_;
  rt::Worker& worker_;
  const MonoTime began_;
  MonoTime own_time_from_;  // began_, and what open() waited for bytes
  uint64_t position_;
  const Condition* condition_ = nullptr;
  const ObjectSource* source_ = nullptr;  // of the first page; null: not open
  ObjectSourcePtr kept_source_;           // once the first page is dropped, if there are others
  VersionSet later_sources_;              // of later pages from other buckets
  PageWindow window_;
  uint32_t entered_end_;  // pages before this have their status
  bool pinned_ = false;
  bool opening_ = false;          // open() waits: no caller knows the version yet
  bool waited_for_disk_ = false;  // for the first byte
  Verdict verdict_ = Verdict::kHolds;
  bool keep_statuses_ = false;
  int64_t first_cached_at_ = 0;
  std::vector<PageStatus> later_statuses_;
};

}  // namespace cachey::cache
