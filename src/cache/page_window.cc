#include "cache/page_window.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/units.h"

namespace cachey::cache {

PageWindow::PageWindow(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange range,
                       Use use)
    : cache_(cache),
      worker_(worker),
      spec_(std::move(spec)),
      asked_range_end_(range.end),
      use_(use),
      range_(range),
      asked_end_(spec_->page_size.index_of(range.begin)),
      counted_end_(asked_end_),
      ahead_end_(range.begin) {
  CHECK(!range.empty());
  const PageSize size = spec_->page_size;
  if (size != PageSize() && size.pages_of(range) > few_.size()) {
    many_ = std::make_unique<std::array<Slot, kAheadPagesMax + 1>>();
  }
}

PageWindow::~PageWindow() {
  for (Slot& slot : slots()) drop(slot);
}

ByteRange PageWindow::part_of(uint32_t index) const {
  const ByteRange page = spec_->page_size.range_of(index);
  return {std::max(range_.begin, page.begin), std::min(range_.end, page.end)};
}

bool PageWindow::holds_other_version(const ObjectSource& version) const {
  return std::ranges::any_of(slots(), [&version](const Slot& slot) {
    return slot.page != nullptr && slot.page->has_head() &&
           !slot.page->source()->same_version(version);
  });
}

void PageWindow::hold(PagePtr page, MonoTime now) {
  hold(std::move(page), PageRole::kJoined, When::kNow, now);
}

bool PageWindow::is_all_cached() const {
  uint64_t position = range_.begin;
  uint64_t end = range_.end;
  for (uint32_t looks = 0; position < end && looks < kLooksMax; ++looks) {
    const std::optional<Here> here = here_from(position);
    if (!here) return false;
    end = std::min(end, here->object_size);
    position = here->end;
  }
  return range_.begin < end;
}

/// What of the page with this byte is in memory or on the disk. Nothing: the byte is not.
std::optional<PageWindow::Here> PageWindow::here_from(uint64_t position) const {
  const uint32_t index = spec_->page_size.index_of(position);
  const uint64_t page_end = spec_->page_size.range_of(index).end;
  const PagePtr page = find(position);
  if (page == nullptr) {
    const std::optional<uint64_t> size =
        cache_.disk_reads().object_size_if_here(worker_, *spec_, index);
    if (size) return Here{page_end, *size};
    return exact() ? here_on_disk({position, position + 1}) : std::nullopt;
  }
  if (!page->has_head() || page->phase() == Page::Phase::kFailed) return std::nullopt;
  if (!spec_->takes(*page)) return std::nullopt;
  const uint64_t size = page->source()->info.size;
  if (use_ == Use::kHead || position >= size) return Here{page_end, size};
  if (page->on_disk()) return Here{page->place().end, size};
  const uint64_t begin = page->object_offset();
  const uint64_t here_end = begin + page->available_end(position - begin);
  return here_end > position ? std::optional<Here>({here_end, size}) : std::nullopt;
}

/// here_from() for a part on the disk.
std::optional<PageWindow::Here> PageWindow::here_on_disk(ByteRange wanted) const {
  const DiskReads::Found part = cache_.disk_reads().find_part(worker_, *spec_, wanted).part;
  if (part == nullptr) return std::nullopt;
  const ObjectSourcePtr ruling = cache_.table().ruling(spec_->key.view());
  if (ruling != nullptr && ruling->info.size != part->info().size) return std::nullopt;
  return Here{part->range().end, part->info().size};
}

void PageWindow::ask(uint64_t position) {
  const PageSize size = spec_->page_size;
  look_up(size.index_of(position), size.offset_of(position), When::kNow, std::nullopt);
}

void PageWindow::look_up(uint32_t index, uint64_t offset, When when,
                         std::optional<FillMemory> memory) {
  const uint64_t position = spec_->page_size.begin_of(index) + offset;
  if (at(index).index == index && at(index).tries >= kTriesMax) leave_others_fill(position);
  if (exact() && look_up_part(position, when, memory)) return;
  const FillOrder order = cache_.fills().order_for(offset);
  PageTable::Found found = cache_.table().find_or_create(spec_, index, order);
  const bool lost = at(index).index == index && at(index).lost;
  DiskReads::Found on_disk;
  if (found.created && !lost) on_disk = adopt_from_disk(*found.page);
  if (!fetches() && found.created && on_disk == nullptr) return give_back(*found.page);
  const PageRole role =
      found.created && on_disk == nullptr ? PageRole::kStarted : PageRole::kJoined;
  hold(std::move(found.page), role, when, cache_.clock().mono());
  if (on_disk != nullptr) {
    if (when == When::kAhead) return;  // a slow client must not keep the page's space on the disk
    found_ = std::move(on_disk);
    found_index_ = index;
    return;
  }
  if (when == When::kNow) cache_.fills().want(*at(index).page, offset);
  if (role == PageRole::kJoined) return;
  const uint64_t page_begin = at(index).page->object_offset();
  const ByteRange wanted{offset, part_of(index).end - page_begin};
  cache_.fills().start(worker_, at(index).own, spec_, wanted, std::move(memory));
}

DiskReads::Found PageWindow::adopt_from_disk(Page& page) {
  const store::DiskUse use = spec_->wishes.warm ? store::DiskUse::kNone : store::DiskUse::kUse;
  return cache_.disk_reads().adopt_from_disk(worker_, page, use);
}

/// What has the byte at `position`, whole or not; null: neither a page nor, for an exact reader, a
/// part.
PagePtr PageWindow::find(uint64_t position) const {
  const uint32_t index = spec_->page_size.index_of(position);
  const KeyView key = spec_->key.view();
  return exact() ? cache_.table().find_for_exact(key, key.hash(), index, position)
                 : cache_.table().find(key, index);
}

/// The range has all of the page, as far as the object's size is known.
/// The page that look_up() made is not fetched. Readers that have found the page meanwhile make
/// another one.
void PageWindow::give_back(Page& page) {
  cache_.table().remove(page);
  page.fail(Error(ErrorKind::kCancelled, "the page itself was not asked for"));
  if (page.index() < counted_end_ || spec_->wishes.warm) return;
  counted_end_ = page.index() + 1;
  spec_->metrics->access.add();
}

/// If a fill under other terms is pending for the page, it goes on for its own readers: its page
/// leaves the table.
void PageWindow::leave_others_fill(uint64_t position) {
  const PagePtr page = find(position);
  if (page == nullptr || page->phase() != Page::Phase::kPending) return;
  const FetchSpecPtr leader = page->leader();
  if (leader != nullptr && !leader->same_terms(*spec_)) cache_.table().remove(*page);
}

void PageWindow::hold(PagePtr page, PageRole role, When when, MonoTime now) {
  const uint32_t index = page->index();
  Slot& slot = at(index);
  CHECK(slot.page == nullptr);
  if (slot.index != index) slot = Slot{};
  slot.index = index;
  slot.page = page.get();
  slot.own = std::move(page);
  slot.role = role;
  slot.ahead = when == When::kAhead;
  const Page::Phase phase = slot.page->phase();
  const bool there = phase == Page::Phase::kWhole || phase == Page::Phase::kOnDisk;
  if (role == PageRole::kJoined && there) slot.role = PageRole::kHit;
  slot.page->reading_began(now);
  note(slot, now);
}

void PageWindow::hold(HotPages::Entry& hot, MonoTime now) {
  const uint32_t index = hot.page()->index();
  Slot& slot = at(index);
  CHECK(slot.page == nullptr);
  slot = Slot{};
  slot.index = index;
  slot.page = hot.page();
  slot.hot = &hot;
  cache_.hot_pages(worker_)->begin_reading(hot);
  note(slot, now);
}

/// The page is held from now on.
void PageWindow::note(Slot& held, MonoTime now) {
  asked_end_ = std::max(asked_end_, held.index + 1);
  count(held, now);
  if (use_ == Use::kHead || exact()) return;
  const ByteRange part = part_of(held.index);
  const uint64_t begin = held.page->object_offset();
  cache_.read_ahead().note_request(worker_, *held.page, {part.begin - begin, part.end - begin},
                                   spec_);
}

void PageWindow::count(Slot& held, MonoTime now) {
  if (held.index < counted_end_ || spec_->wishes.warm) return;
  counted_end_ = held.index + 1;
  KindMetrics& metrics = *spec_->metrics;
  metrics.access.add();
  switch (held.role) {
    case PageRole::kHit: {
      const uint64_t first = std::max(part_of(held.index).begin, held.page->object_offset());
      const uint64_t offset = first - held.page->object_offset();
      const bool in_memory = held.page->available_end(offset) > offset ||
                             held.page->phase() == Page::Phase::kWhole;  // past the object's end
      metrics.cache_hit.add();
      (in_memory ? metrics.cache_hit_memory : metrics.cache_hit_disk).add();
      held.page->use();
      if (in_memory) cache_.disk_reads().note_use(*held.page, now);
      break;
    }
    case PageRole::kJoined:
      metrics.coalesced.add();
      held.page->use();
      break;
    case PageRole::kStarted:
      break;
  }
}

void PageWindow::look_ahead(uint32_t current, uint64_t object_size) {
  if (use_ == Use::kHead) return;
  const uint64_t end = std::min(range_.end, object_size);
  const PageSize size = spec_->page_size;
  const uint64_t pages_ahead =
      std::clamp<uint64_t>(kAheadBytes / size.bytes(), 1, slots().size() - 1);
  const uint64_t reach = current + pages_ahead;
  for (uint32_t index = asked_end_; index <= reach && size.begin_of(index) < end; ++index) {
    const uint64_t begin = size.begin_of(index);
    if (holds(index)) {  // after begin_anew()
      asked_end_ = index + 1;
      continue;
    }
    if (PagePtr page = find(begin)) {
      hold(std::move(page), PageRole::kJoined, When::kAhead, cache_.clock().mono());
      continue;
    }
    std::optional<FillMemory> memory = cache_.fills().try_reserve(
        *spec_, exact() ? missing_from(begin) : spec_->page_size.range_of(index));
    if (!memory) return;
    look_up(index, 0, When::kAhead, std::move(memory));
  }
}

void PageWindow::cut(uint64_t object_size) {
  range_.end = std::min(range_.end, object_size);
  for (Slot& slot : slots()) {
    if (slot.page != nullptr && slot.page->object_offset() >= range_.end) drop(slot);
  }
}

void PageWindow::begin_anew(uint32_t current, const ObjectSource& version) {
  range_.end = asked_range_end_;
  asked_end_ = current + 1;
  for (Slot& slot : slots()) {
    if (slot.page == nullptr || slot.index == current || !slot.page->has_head()) continue;
    if (!slot.page->source()->same_version(version)) drop(slot);
  }
}

void PageWindow::drop(Slot& slot) {
  if (slot.page == nullptr) return;
  drop_piece(slot);
  if (found_ != nullptr && found_index_ == slot.index) found_ = nullptr;
  slot.page = nullptr;
  if (slot.hot != nullptr) {
    cache_.hot_pages(worker_)->end_reading(*std::exchange(slot.hot, nullptr));
    return;
  }
  const PagePtr page = std::move(slot.own);
  if (page->reading_ended()) {
    page->discard();
  } else {
    cache_.table().remove_if_idle(*page);
  }
}

void PageWindow::replace(Slot& held) {
  const PagePtr page(held.page);
  cache_.table().remove(*page);
  const Page::Phase phase = page->phase();
  const bool is_filled = phase == Page::Phase::kPending || phase == Page::Phase::kFilling;
  if (!is_filled) page->discard();  // a fill goes on for its readers
  held.lost = true;
  drop(held);
}

void PageWindow::drop_piece(Slot& slot) {
  if (slot.piece == nullptr) return;
  if (slot.piece->reading_ended()) cache_.memory().discard(*slot.piece);
  slot.piece.reset();
}

void PageWindow::load_ahead(uint64_t position) {
  const uint64_t end = std::min(range_.end, position + kReadAheadBytes);
  ahead_end_ = std::max(ahead_end_, position);
  while (ahead_end_ < end && holds_byte(ahead_end_)) load_next();
}

DiskReads::Load PageWindow::load(uint64_t position) {
  ahead_end_ = position;
  DiskReads::Load first = load_next();
  load_ahead(position);
  return first;
}

/// Loads the bytes from ahead_end_ to the border of a piece.
DiskReads::Load PageWindow::load_next() {
  const uint32_t index = spec_->page_size.index_of(ahead_end_);
  const PagePtr page(at(index).page);
  const uint64_t begin = ahead_end_ - page->object_offset();
  const uint64_t boundary = (begin / Pieces::kPieceBytesMax + 1) * Pieces::kPieceBytesMax;
  const uint64_t end = std::min(range_.end, page->place().end) - page->object_offset();
  const ByteRange wanted{begin, std::min(boundary, end)};
  ahead_end_ = page->object_offset() + wanted.end;
  // The client's next request may start where this one ends.
  const LoadAhead ahead = ahead_end_ == range_.end ? LoadAhead::kIfInARow : LoadAhead::kNo;
  DiskReads::Found found;
  if (found_index_ == index) found = std::exchange(found_, nullptr);
  return cache_.disk_reads().start(worker_, page, wanted, ahead, spec_, std::move(found));
}

}  // namespace cachey::cache
