#include "cache/range_reader.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/units.h"

namespace cachey::cache {
namespace {

Error evicted_again() {
  return Error(ErrorKind::kOverloaded, "the page was evicted again and again before it was read");
}

/// Whether a retry a moment later may succeed.
bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::kOverloaded || kind == ErrorKind::kThrottled ||
         kind == ErrorKind::kTimeout || kind == ErrorKind::kUpstream;
}

}  // namespace

RangeReader::RangeReader(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange wanted,
                         Use use)
    : cache_(cache),
      worker_(worker),
      spec_(std::move(spec)),
      use_(use),
      began_(cache.clock().mono()),
      range_(wanted),
      position_(wanted.begin),
      looked_up_end_(current()),
      counted_end_(current()),
      entered_end_(current()),
      ahead_end_(wanted.begin) {
  CHECK(!wanted.empty() && wanted.end <= kObjectBytesMax);
}

RangeReader::~RangeReader() {
  CHECK(!pinned_);
  for (Slot& held : slots_) drop_page(held);
}

ByteRange RangeReader::part_of(uint32_t index) const {
  const uint64_t begin = uint64_t{index} * kPageBytes;
  return {std::max(range_.begin, begin), std::min(range_.end, begin + kPageBytes)};
}

void RangeReader::look_up(uint32_t index, uint64_t offset,
                          std::optional<store::MemoryTier::Admission> admission) {
  const FillOrder order = cache_.fills().order_for(offset);
  PageTable::Found found = cache_.table().find_or_create(spec_, index, order);
  const bool lost = slot(index).index == index && slot(index).lost;
  const bool on_disk =
      found.created && !lost && cache_.disk_reads().adopt_from_disk(worker_, *found.page);
  const Role role = found.created && !on_disk ? Role::kStarted : Role::kJoined;
  hold(index, std::move(found.page), role, cache_.clock().mono());
  if (on_disk) return;
  if (index == current()) cache_.fills().want(*slot(index).page, offset);
  if (role == Role::kJoined) return;
  cache_.fills().start(worker_, slot(index).page, spec_, offset, std::move(admission));
}

void RangeReader::hold(uint32_t index, PagePtr page, Role role, MonoTime now) {
  Slot& held = slot(index);
  CHECK(held.page == nullptr);
  if (held.index != index) held = Slot{};
  held.index = index;
  held.page = std::move(page);
  held.role = role;
  held.ahead = index > current();
  const Page::Phase phase = held.page->phase();
  const bool there = phase == Page::Phase::kWhole || phase == Page::Phase::kOnDisk;
  if (role == Role::kJoined && there) held.role = Role::kHit;
  held.page->reading_began(now);
  looked_up_end_ = std::max(looked_up_end_, index + 1);
  count(held);
  if (use_ == Use::kHead) return;
  const ByteRange part = part_of(index);
  const uint64_t begin = held.page->object_offset();
  cache_.read_ahead().note_request(worker_, *held.page, {part.begin - begin, part.end - begin},
                                   spec_);
}

void RangeReader::count(Slot& held) {
  if (held.index < counted_end_) return;
  counted_end_ = held.index + 1;
  KindMetrics& metrics = *spec_->metrics;
  metrics.access.add();
  switch (held.role) {
    case Role::kHit: {
      const uint64_t offset = held.index == current() ? offset_in_page() : 0;
      const bool in_memory = held.page->available_end(offset) > offset;
      metrics.cache_hit.add();
      (in_memory ? metrics.cache_hit_memory : metrics.cache_hit_disk).add();
      held.page->touch();
      if (in_memory) cache_.disk_reads().note_use(*held.page, began_);
      break;
    }
    case Role::kJoined:
      metrics.coalesced.add();
      held.page->touch();
      break;
    case Role::kStarted:
      break;
  }
}

void RangeReader::look_ahead() {
  if (use_ == Use::kHead) return;
  const auto last = static_cast<uint32_t>((range_.end - 1) / kPageBytes);
  const uint32_t reach =
      current() + (source_ == nullptr ? 1 : kLookAhead);  // less while the size is unknown
  for (uint32_t index = looked_up_end_; index <= std::min(last, reach); ++index) {
    if (PagePtr page = cache_.table().find(spec_->key.view(), index)) {
      hold(index, std::move(page), Role::kJoined, cache_.clock().mono());
      continue;
    }
    // Speculation never waits for memory. Without room the page is asked for at its turn.
    const uint64_t bytes = cache_.fills().bytes_needed(spec_->key.view(), index);
    std::optional<store::MemoryTier::Admission> admission =
        cache_.memory().admit_speculation(bytes);
    if (!admission) return;
    look_up(index, 0, std::move(admission));
  }
}

void RangeReader::drop_page(Slot& held) {
  if (held.page == nullptr) return;
  drop_piece(held);
  if (held.page->reading_ended()) {
    held.page->discard();
  } else {
    cache_.table().remove_if_idle(*held.page);
  }
  held.page.reset();
}

void RangeReader::drop_piece(Slot& held) {
  if (held.piece == nullptr) return;
  if (held.piece->reading_ended()) cache_.memory().discard(*held.piece);
  held.piece.reset();
}

bool RangeReader::start() {
  PagePtr page = cache_.table().find(spec_->key.view(), current());
  const bool whole = page != nullptr && page->phase() == Page::Phase::kWhole;
  if (whole && use_ == Use::kBody && page->try_pin()) {
    page->prefetch_rest(offset_in_page());
    page->unpin();
  }
  const std::optional<uint64_t> size =
      whole ? page->source()->info.size : cache_.table().object_size(spec_->key.view());
  if (size && range_.begin >= *size) {
    past_end_of_ = size;
    return true;
  }
  if (page != nullptr) {
    hold(current(), std::move(page), Role::kJoined, began_);
  } else {
    look_up(current(), offset_in_page(), std::nullopt);
  }
  look_ahead();
  const Page::Phase phase = slot(current()).page->phase();
  return phase != Page::Phase::kPending && phase != Page::Phase::kFailed;
}

Result<void> RangeReader::open_now() {
  if (past_end_of_) return std::unexpected(Error::range_not_satisfiable(past_end_of_));
  return head_arrived();
}

rt::Task<Result<void>> RangeReader::open() {
  if (past_end_of_) co_return open_now();
  Result<void> head = co_await settle_head();
  if (head) head = head_arrived();
  co_return head;
}

rt::Task<Result<void>> RangeReader::settle_head() {
  while (true) {
    Slot& held = slot(current());
    if (held.page == nullptr || held.index != current())
      look_up(current(), offset_in_page(), std::nullopt);
    const Page::Phase phase = held.page->phase();
    if (phase == Page::Phase::kPending) {
      cache_.fills().want(*held.page, offset_in_page());
      co_await held.page->wait_head(worker_);
      continue;
    }
    if (phase != Page::Phase::kFailed) co_return Result<void>();
    if (readable(*held.page)) co_return Result<void>();  // the page failed at a later byte
    if (!may_try_again(held)) co_return std::unexpected(held.page->error());
    ++held.tries;
    held.lost = held.lost || held.page->lost();
    drop_page(held);
  }
}

bool RangeReader::readable(const Page& page) const {
  const uint64_t offset = offset_in_page();
  return page.has_head() && !page.memory_gone() && !page.damaged() &&
         page.available_end(offset) > offset;
}

bool RangeReader::ready() const {
  const Slot& held = slots_[current() % slots_.size()];
  return held.page != nullptr && held.index == current() && readable(*held.page);
}

bool RangeReader::may_try_again(const Slot& held) const {
  if (held.page->lost()) return true;  // once: the next page is not from the disk
  // The client has bytes of the page that may be wrong: the answer must not be completed.
  if (held.page->damaged() && position_ != part_of(held.index).begin) return false;
  const ErrorKind kind = held.page->error().kind();
  // Speculation queues behind demand, and its time began before a reader wanted the page.
  if (held.ahead && may_pass(kind)) return true;  // once: the next page is not asked for ahead
  if (held.role != Role::kJoined || held.tries >= kTriesMax) return false;
  // The failure of a joined fill counts for this request only if a fill of its own would fail for
  // the same reason.
  const FetchSpecPtr leader = held.page->leader();
  const bool other_terms = leader == nullptr || !spec_->same_terms(*leader);
  const bool past_end_for_leader =
      held.page->fill_order() == FillOrder::kFromWanted && kind == ErrorKind::kRangeNotSatisfiable;
  // The leader's time began before this request's. kOverloaded: the leader's turn or memory did not
  // come in time.
  const bool out_of_time =
      held.tries == 0 && (kind == ErrorKind::kTimeout || kind == ErrorKind::kOverloaded);
  return other_terms || past_end_for_leader || out_of_time;
}

Result<void> RangeReader::head_arrived() {
  const Slot& first = slot(current());
  source_ = first.page->source();
  if (range_.begin >= source_->info.size) {
    return std::unexpected(Error::range_not_satisfiable(source_->info.size));
  }
  range_.end = std::min(range_.end, source_->info.size);
  first_status_.index = first.index;
  first_status_.source = source_;
  first_status_.cached_at = cached_at(first);
  entered_end_ = first.index + 1;
  spec_->metrics->success.add();
  for (Slot& held : slots_) {
    if (held.page == nullptr || &held == &first) continue;
    if (held.page->object_offset() >= range_.end) {
      drop_page(held);
    } else if (held.page->has_head() && !held.page->source()->info.same_version(source_->info)) {
      return fail(ErrorKind::kChanged, "the object changed between two of its pages; ask again");
    }
  }
  look_ahead();
  return {};
}

void RangeReader::enter_page() {
  Slot& held = slot(current());
  if (held.index < entered_end_) return;
  entered_end_ = held.index + 1;
  spec_->metrics->success.add();
  look_ahead();
  if (!keep_statuses_ || later_statuses_.size() >= kStatusesMax) return;
  later_statuses_.push_back(PageStatus{held.index, held.page->source(), cached_at(held)});
}

int64_t RangeReader::cached_at(const Slot& held) {
  const bool hit = held.role == Role::kHit || held.page->phase() == Page::Phase::kOnDisk;
  return hit ? held.page->cached_at() : 0;
}

size_t RangeReader::pin(std::span<iovec> parts) {
  if (at_end()) return 0;
  Slot& held = slot(current());
  if (held.page == nullptr || held.index != current()) return 0;
  Page& page = *held.page;
  if (!page.has_head() || page.damaged()) return 0;
  if (page.source() != source_ && !page.source()->info.same_version(source_->info)) return 0;
  if (page.on_disk()) return pin_piece(held, parts);
  const uint64_t offset = offset_in_page();
  const uint64_t available = page.available_end(offset);
  if (available <= offset || !page.try_pin()) return 0;
  pinned_ = true;
  enter_page();
  const uint64_t end = std::min(available, range_.end - page.object_offset());
  return page.gather(ByteRange{offset, end}, parts);
}

/// pin() for a page on disk.
size_t RangeReader::pin_piece(Slot& held, std::span<iovec> parts) {
  const uint64_t offset = offset_in_page();
  if (held.piece == nullptr || offset >= held.piece->range().end) {
    drop_piece(held);
    PiecePtr piece = held.page->piece_at(offset);
    if (piece == nullptr) return 0;
    held.piece = std::move(piece);
    held.piece->reading_began(cache_.clock().mono());
    held.piece->touch();
    load_ahead();
  }
  if (!held.piece->try_pin()) {
    drop_piece(held);
    return 0;
  }
  pinned_ = true;
  enter_page();
  const ByteRange there = held.piece->range();
  const uint64_t end = std::min(there.end, range_.end - held.page->object_offset());
  return held.piece->gather(ByteRange{offset - there.begin, end - there.begin}, parts);
}

void RangeReader::load_ahead() {
  const uint64_t end = std::min(range_.end, position_ + kReadAheadBytes);
  ahead_end_ = std::max(ahead_end_, position_);
  while (ahead_end_ < end) {
    const auto index = static_cast<uint32_t>(ahead_end_ / kPageBytes);
    const Slot& held = slot(index);
    if (held.page == nullptr || held.index != index) return;  // not asked for yet
    const uint64_t begin = ahead_end_ % kPageBytes;
    const uint64_t boundary = (begin / Pieces::kPieceBytesMax + 1) * Pieces::kPieceBytesMax;
    const ByteRange wanted{begin, std::min(boundary, range_.end - held.page->object_offset())};
    ahead_end_ = held.page->object_offset() + wanted.end;
    // The client's next request may start where this one ends.
    const LoadAhead ahead = ahead_end_ == range_.end ? LoadAhead::kIfInARow : LoadAhead::kNo;
    cache_.disk_reads().start(worker_, held.page, wanted, ahead);
  }
}

void RangeReader::release(uint64_t used) {
  CHECK(pinned_);
  Slot& held = slot(current());
  if (held.piece != nullptr) {
    held.piece->unpin();
  } else {
    held.page->unpin();
  }
  pinned_ = false;
  if (used == 0) return;
  held.tries = 0;
  position_ += used;
  if (at_end() || current() != held.index) return drop_page(held);
  const MonoTime now = cache_.clock().mono();
  held.page->reading_progressed(now);
  if (held.piece != nullptr) held.piece->reading_progressed(now);
}

rt::Task<Result<void>> RangeReader::wait() {
  while (true) {
    Result<void> head = co_await settle_head();
    if (!head) co_return head;
    Slot& held = slot(current());
    Page& page = *held.page;
    if (!page.source()->info.same_version(source_->info)) {
      co_return fail(ErrorKind::kChanged, "the object changed between two of its pages; ask again");
    }
    if (page.memory_gone()) {
      if (++held.tries > kTriesMax) co_return std::unexpected(evicted_again());
      drop_page(held);
      continue;
    }
    if (readable(page)) {
      // The page may be another one than open() saw, if the disk failed to give that one.
      if (position_ == range_.begin) first_status_.cached_at = cached_at(held);
      co_return Result<void>();
    }
    if (page.phase() == Page::Phase::kOnDisk) {
      if (++held.tries > kTriesMax) co_return std::unexpected(evicted_again());
      ahead_end_ = position_;  // pieces that were loaded ahead may be evicted
      load_ahead();
    }
    cache_.fills().want(page, offset_in_page());
    co_await page.wait_byte(worker_, offset_in_page());
  }
}

}  // namespace cachey::cache
