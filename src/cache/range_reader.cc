#include "cache/range_reader.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/reader_errors.h"

namespace cachey::cache {
namespace {
std::unexpected<Error> evicted_again() {
  return fail(ErrorKind::kOverloaded, "the page was evicted again and again before it was read");
}

std::unexpected<Error> no_memory() {
  return fail(ErrorKind::kOverloaded, "no memory to read the page from disk; try again soon");
}
}  // namespace

RangeReader::RangeReader(Cache& cache, rt::Worker& worker, FetchSpecPtr spec, ByteRange wanted,
                         Use use)
    : cache_(cache),
      worker_(worker),
      began_(cache.clock().mono()),
      own_time_from_(began_),
      position_(wanted.begin),
      window_(cache, worker, std::move(spec), wanted, use),
      entered_end_(current()) {
  CHECK(wanted.end <= kObjectBytesMax);
}

RangeReader::~RangeReader() { CHECK(!pinned_); }

MonoTime RangeReader::head_deadline() const {
  const std::optional<std::chrono::milliseconds> own = cache_.fills().time_to_head(window_.spec());
  if (!own) return MonoTime::max();
  const bool is_open = source_ != nullptr && !opening_;
  return (is_open ? cache_.clock().mono() : own_time_from_) + *own;
}

rt::Task<Result<void>> RangeReader::settle_head(std::stop_token client_left) {
  const rt::Until until(head_deadline(), std::move(client_left));
  while (true) {
    if (!window_.holds(current())) window_.ask(position_);
    if (!window_.holds(current())) {
      if (only_if_cached()) co_return not_cached(window_.spec().wishes);
      co_return Result<void>();
    }
    Slot& held = window_.at(current());
    const Page::Phase phase = held.page->phase();
    if (!window_.spec().may_hold(*held.page)) {
      if (++held.tries > kTriesMax) co_return changed_between_pages();
      keep_version(held);
      window_.replace(held);
      continue;
    }
    if (phase == Page::Phase::kPending) {
      cache_.fills().want(*held.page, offset_in(*held.page));
      Result<void> waited = co_await held.page->wait_head(worker_, window_.spec(), until);
      if (!waited) co_return waited;
      continue;
    }
    if (phase != Page::Phase::kFailed) co_return Result<void>();
    if (readable(*held.page)) co_return Result<void>();  // the page failed at a later byte
    if (!may_ask_again(held)) {
      const Error& error = held.page->error();
      // The answer's version has the page, and the origin does not.
      const bool is_bound = source_ != nullptr && !opening_;
      if (is_bound && error.kind() == ErrorKind::kRangeNotSatisfiable)
        co_return changed_between_pages();
      co_return std::unexpected(error);
    }
    ++held.tries;
    leave(held);
  }
}

bool RangeReader::may_ask_again(const Slot& failed) const {
  PageFailure failure = failure_of(*failed.page);
  failure.role = failed.role;
  failure.ahead = failed.ahead;
  const uint64_t began_at = std::max(part_of(failed.index).begin, failed.page->object_offset());
  failure.bytes_taken = position_ != began_at;
  failure.tries = failed.tries;
  return may_try_again(failure);
}

/// What the page says of its failure. REQUIRES: failed.
PageFailure RangeReader::failure_of(const Page& page) const {
  const FetchSpecPtr leader = page.leader();
  PageFailure failure;
  failure.error = page.error().kind();
  failure.hurried = page.error().cause() == ErrorCause::kHurried;
  failure.other_terms = leader == nullptr || !window_.spec().same_terms(*leader);
  const std::optional<uint64_t> size = page.error().object_size();
  failure.asked_behind = page.asked_from() > offset_in(page) && !(size && position_ >= *size);
  failure.old_news = page.asked_at() < began_;
  return failure;
}

bool RangeReader::readable(const Page& page) const {
  const uint64_t offset = offset_in(page);
  return page.has_head() && window_.spec().takes(page) && !page.memory_gone() && !page.damaged() &&
         page.available_end(offset) > offset;
}

bool RangeReader::ready() const {
  return window_.holds(current()) && readable(*window_.at(current()).page);
}

bool RangeReader::fits(const Page& page) const {
  const ObjectSourcePtr& source = page.source();
  if (!window_.spec().takes(page)) return false;
  if (source.get() == source_) return true;
  return source_->same_version(*source) && later_sources_.fits(*source);
}

void RangeReader::enter_page() {
  Slot& held = window_.at(current());
  if (held.page->is_part() && held.page->source().get() != source_)
    later_sources_.add(held.page->source());
  if (held.index < entered_end_) return;
  entered_end_ = held.index + 1;
  window_.spec().metrics->success.add();
  if (held.page->source().get() != source_) later_sources_.add(held.page->source());
  window_.look_ahead(held.index, source_->info.size);
  if (!keep_statuses_ || later_statuses_.size() >= kStatusesMax) return;
  later_statuses_.push_back(PageStatus{held.index, held.page->source(), cached_at(held)});
}

/// The answer's version outlives the page.
void RangeReader::keep_version(const Slot& held) {
  if (!at_end() && held.page->has_head() && held.page->source().get() == source_)
    kept_source_ = held.page->source();
}

void RangeReader::leave(Slot& held) {
  keep_version(held);
  window_.drop(held);
}

int64_t RangeReader::cached_at(const Slot& held) {
  const bool hit = held.role == PageRole::kHit || held.page->phase() == Page::Phase::kOnDisk;
  return hit ? held.page->cached_at() : 0;
}

size_t RangeReader::pin(std::span<iovec> parts) {
  if (at_end() || !window_.holds(current())) return 0;
  Slot& held = window_.at(current());
  Page& page = *held.page;
  if (!page.has_head() || page.damaged() || !fits(page)) return 0;
  if (page.on_disk()) return pin_piece(held, parts);
  const uint64_t offset = offset_in(page);
  const uint64_t available = page.available_end(offset);
  if (available <= offset) return 0;
  const bool hot = held.hot != nullptr && held.hot->pinned();
  if (!hot && !page.try_pin()) return 0;
  pinned_ = true;
  enter_page();
  const uint64_t end = std::min(available, range().end - page.object_offset());
  return page.gather(ByteRange{offset, end}, parts);
}

/// pin() for a page on disk.
size_t RangeReader::pin_piece(Slot& held, std::span<iovec> parts) {
  const uint64_t offset = offset_in(*held.page);
  if (held.piece == nullptr || offset >= held.piece->range().end) {
    window_.drop_piece(held);
    PiecePtr piece = held.page->piece_at(offset);
    if (piece == nullptr) return 0;
    held.piece = std::move(piece);
    const bool read_before = held.piece->last_read() != MonoTime();
    held.piece->reading_began(cache_.clock().mono());
    if (read_before) held.piece->touch();  // else its load is the first use
    window_.load_ahead(position_);
  }
  if (!held.piece->try_pin()) {
    window_.drop_piece(held);
    return 0;
  }
  pinned_ = true;
  enter_page();
  const ByteRange there = held.piece->range();
  const uint64_t end = std::min(there.end, range().end - held.page->object_offset());
  return held.piece->gather(ByteRange{offset - there.begin, end - there.begin}, parts);
}

void RangeReader::release(uint64_t used) {
  CHECK(pinned_);
  Slot& held = window_.at(current());
  if (held.piece != nullptr) {
    held.piece->unpin();
  } else if (held.hot == nullptr || !held.hot->pinned()) {
    held.page->unpin();
  }
  pinned_ = false;
  if (used == 0) return;
  held.tries = 0;
  position_ += used;
  if (at_end() || current() != held.index || is_past(*held.page)) return leave(held);
  const MonoTime now = cache_.clock().mono();
  held.page->reading_progressed(now);
  if (held.piece != nullptr) held.piece->reading_progressed(now);
}

rt::Task<Result<void>> RangeReader::wait(std::stop_token client_left) {
  while (true) {
    Result<void> head = co_await settle_head(client_left);
    if (!head) co_return head;
    Slot& held = window_.at(current());
    Page& page = *held.page;
    if (opening_ && page.source().get() != source_) co_return Result<void>();
    if (!fits(page)) co_return changed_between_pages();
    if (page.memory_gone()) {
      if (++held.tries > kTriesMax) co_return evicted_again();
      leave(held);
      continue;
    }
    if (readable(page)) {
      // The page may be another one than take_version() saw, if the disk failed to give that one.
      if (position_ == range().begin) first_cached_at_ = cached_at(held);
      co_return Result<void>();
    }
    const MonoTime begun = opening_ ? cache_.clock().mono() : MonoTime();
    if (page.phase() == Page::Phase::kOnDisk) {
      Result<void> loaded = co_await wait_piece(held, client_left);
      if (!loaded) co_return loaded;
    } else {
      cache_.fills().want(page, offset_in(page));
      const rt::Until until(MonoTime::max(), client_left);
      Result<void> waited = co_await page.wait_byte(worker_, offset_in(page), until);
      if (!waited) co_return waited;
    }
    if (opening_) own_time_from_ += cache_.clock().mono() - begun;
  }
}

/// Loads the piece at the position, and waits for the load's end. Success: look again.
rt::Task<Result<void>> RangeReader::wait_piece(Slot& held, std::stop_token client_left) {
  if (held.tries >= kTriesMax) co_return evicted_again();
  const DiskReads::Load load = window_.load(position_);
  if (position_ == range().begin) waited_for_disk_ = true;
  rt::Until until(MonoTime::max(), std::move(client_left));
  Result<void> waited = co_await held.page->wait_piece(worker_, load.piece, std::move(until));
  if (!waited) co_return waited;
  const Piece::State state = load.piece->state();
  PageFailure failure;
  failure.error = ErrorKind::kOverloaded;
  failure.role = load.joined ? PageRole::kJoined : PageRole::kStarted;
  failure.not_given = state == Piece::State::kNotGiven;
  failure.tries = held.tries;
  if (state != Piece::State::kLoaded && !may_try_again(failure)) co_return no_memory();
  ++held.tries;
  if (failure.not_given) {
    held.lost = true;
    leave(held);
  }
  co_return Result<void>();
}

}  // namespace cachey::cache
