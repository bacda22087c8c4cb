#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/byte_range.h"
#include "base/units.h"
#include "cache/cache.h"
#include "cache/retry_rule.h"
#include "rt/worker.h"

namespace cachey::cache {

/// The pages of one reader's range that the reader holds: the page at its position, and those after
/// it up to kAheadBytes, at least kAheadPages and at most kAheadPagesMax of them. Asks for pages,
/// counts each once in the metrics, and loads the bytes of pages on disk ahead of the position.
/// Owned by the reader; the reader's worker only.
class PageWindow {
 public:
  enum class Use : uint8_t {
    kBody,  ///< the bytes will be read
    kHead,  ///< only the first page's head is needed; no other page is asked for
  };

  /// The number of pages of the usual size that are asked for ahead of the reader's page.
  static constexpr uint32_t kAheadPages = 2;
  static constexpr uint64_t kAheadBytes = kAheadPages * kPageBytes;
  /// Of smaller pages as many are asked for ahead as make the same bytes, but at most this number,
  /// because each costs a request to the store. 31 pages of 64 KiB are 2 MiB: the bytes that a
  /// store at 70 MB/s sends in 30 ms.
  static constexpr uint32_t kAheadPagesMax = 31;
  /// For pages on disk, this many bytes are loaded ahead of the position, up to the range's end.
  static constexpr uint64_t kReadAheadBytes = 2 * Pieces::kPieceBytesMax;

  /// Bounds the time that is_all_cached() takes: look-ups without a wait.
  static constexpr uint32_t kLooksMax = 4096;

  /// A page that the reader holds.
  struct Slot {
    Page* page = nullptr;            ///< null: not asked for, or dropped
    PagePtr own;                     ///< the reference to `page`, unless the page is hot
    HotPages::Entry* hot = nullptr;  ///< the worker's entry of `page`
    PiecePtr piece;                  ///< the piece being read, if the page is on disk
    PageRole role = PageRole::kHit;
    uint32_t index = 0;
    int tries = 0;       ///< times that the page was asked for again without a byte of progress
    bool lost = false;   ///< the disk did not give the page: the next one comes from the origin
    bool ahead = false;  ///< asked for before the position reached the page
  };

  /// REQUIRES: `range` is not empty.
  PageWindow(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange range, Use use);
  ~PageWindow();
  PageWindow(const PageWindow&) = delete;
  PageWindow& operator=(const PageWindow&) = delete;

  [[nodiscard]] const FetchSpec& spec() const { return *spec_; }
  [[nodiscard]] const FetchSpecPtr& shared_spec() const { return spec_; }
  [[nodiscard]] Use use() const { return use_; }
  [[nodiscard]] ByteRange range() const { return range_; }
  /// The part of page `index` that is in the range.
  [[nodiscard]] ByteRange part_of(uint32_t index) const;
  /// The reader wants the bytes of its range only, whether pages or parts of pages have them.
  [[nodiscard]] bool exact() const { return spec_->wishes.exact || spec_->wishes.only_if_cached; }
  /// Bytes that are not cached are fetched.
  [[nodiscard]] bool fetches() const { return use_ == Use::kBody && !spec_->wishes.only_if_cached; }

  /// The slot of page `index`, which may hold another page or none.
  [[nodiscard]] Slot& at(uint32_t index) {
    return many_ == nullptr ? few_[index % few_.size()] : (*many_)[index % many_->size()];
  }
  [[nodiscard]] const Slot& at(uint32_t index) const {
    return many_ == nullptr ? few_[index % few_.size()] : (*many_)[index % many_->size()];
  }
  [[nodiscard]] bool holds(uint32_t index) const {
    const Slot& slot = at(index);
    return slot.page != nullptr && slot.index == index;
  }
  /// One of the held pages is known to be of another version.
  [[nodiscard]] bool holds_other_version(const ObjectSource& version) const;

  /// Holds `page`, which is in the table. `now`: when the reader found the page.
  void hold(PagePtr page, MonoTime now);
  /// Holds the page of an entry of the worker's hot pages.
  void hold(HotPages::Entry& hot, MonoTime now);
  /// All bytes of the range, up to the object's end, are in memory or on the disk now. Only the
  /// first kLooksMax pages or parts of pages are checked.
  [[nodiscard]] bool is_all_cached() const;
  /// Asks for the page with `position`, which is the reader's. For kHead, and if only cached bytes
  /// are wanted, a page that neither memory nor disk has is not fetched; then no page is held
  /// afterwards, unless another request is fetching the page.
  void ask(uint64_t position);
  /// Asks for the pages after page `current` that begin before `object_size`. This is speculation:
  /// if no memory is free now, a page is not asked for until the position reaches the page.
  void look_ahead(uint32_t current, uint64_t object_size);
  /// The object's size is known: cuts the range, and drops the pages that begin past its end.
  void cut(uint64_t object_size);
  /// Page `current` has been replaced by one that may have another size. Drops the pages ahead that
  /// are of other versions than `version`. The range is again the one asked for, and pages may be
  /// asked for ahead again.
  void begin_anew(uint32_t current, const ObjectSource& version);

  void drop(Slot& slot);
  /// Drops a page that the request does not take (FetchSpec::takes), and takes the page out of the
  /// table: the next page is fetched.
  void replace(Slot& held);
  void drop_piece(Slot& slot);

  /// Starts disk reads of the kReadAheadBytes from `position` on, as far as pages are held.
  void load_ahead(uint64_t position);
  /// As load_ahead(), but also checks bytes that were loaded ahead before, because they may have
  /// been evicted. Returns the load of the byte at `position`. REQUIRES: the page there is held and
  /// on disk.
  [[nodiscard]] DiskReads::Load load(uint64_t position);

 private:
  enum class When : uint8_t { kNow, kAhead };
  void look_up(uint32_t index, uint64_t offset, When when, std::optional<FillMemory> memory);
  [[nodiscard]] bool look_up_part(uint64_t position, When when, std::optional<FillMemory>& memory);
  [[nodiscard]] DiskReads::Found adopt_from_disk(Page& page);
  void leave_others_fill(uint64_t position);
  [[nodiscard]] bool hold_part_on_disk(uint32_t index, DiskReads::FoundPart& on_disk, When when);
  [[nodiscard]] PagePtr find(uint64_t position) const;
  /// The page or part with the byte at `position` is held.
  [[nodiscard]] bool holds_byte(uint64_t position) const {
    const uint32_t index = spec_->page_size.index_of(position);
    return holds(index) && position < at(index).page->place().end &&
           position >= at(index).page->object_offset();
  }
  [[nodiscard]] bool wants_all_of(uint32_t index) const;
  [[nodiscard]] ByteRange missing_from(uint64_t position) const;
  void give_back(Page& page);
  struct Here {
    uint64_t end;  ///< in the object; may be past the object's end
    uint64_t object_size;
  };
  [[nodiscard]] std::optional<Here> here_from(uint64_t position) const;
  [[nodiscard]] std::optional<Here> here_on_disk(ByteRange wanted) const;
  void hold(PagePtr page, PageRole role, When when, MonoTime now);
  void note(Slot& held, MonoTime now);
  void count(Slot& held, MonoTime now);
  DiskReads::Load load_next();
  [[nodiscard]] std::span<Slot> slots() {
    return many_ == nullptr ? std::span<Slot>(few_) : std::span<Slot>(*many_);
  }
  [[nodiscard]] std::span<const Slot> slots() const {
    return many_ == nullptr ? std::span<const Slot>(few_) : std::span<const Slot>(*many_);
  }

  Cache& cache_;
  rt::Worker& worker_;
  const FetchSpecPtr spec_;
  const uint64_t asked_range_end_;  // before the cut at the object's end
  const Use use_;
  uint32_t found_index_ = 0;
  ByteRange range_;
  std::array<Slot, kAheadPages + 1> few_;
  std::unique_ptr<std::array<Slot, kAheadPagesMax + 1>> many_;  // instead of few_; null: few_ do
  uint32_t asked_end_;    // pages before this have been asked for
  uint32_t counted_end_;  // pages before this are in the metrics
  uint64_t ahead_end_;    // disk pages before this offset are loaded or loading
  // Page found_index_, which is at the position, if it was found on disk: for its first load.
  DiskReads::Found found_;
};

}  // namespace cachey::cache
