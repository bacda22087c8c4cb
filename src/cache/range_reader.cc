#include "cache/range_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/units.h"
#include "cache/object_look.h"

namespace cachey::cache {
namespace {
std::unexpected<Error> changed_between_pages() {
  return fail(ErrorKind::kChanged, "the object changed between two of its pages; ask again");
}

std::unexpected<Error> evicted_again() {
  return fail(ErrorKind::kOverloaded, "the page was evicted again and again before it was read");
}

std::unexpected<Error> not_cached(const Wishes& wishes) {
  return std::unexpected(
      wishes.not_cached("only-if-cached: not all bytes of the range are in the cache"));
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
      position_(wanted.begin),
      window_(cache, worker, std::move(spec), wanted, use),
      entered_end_(current()) {
  CHECK(wanted.end <= kObjectBytesMax);
}

RangeReader::~RangeReader() { CHECK(!pinned_); }

std::optional<Result<void>> RangeReader::try_open() {
  if (only_if_cached() && !window_.is_all_cached()) return not_cached(window_.spec().wishes);
  const KeyView key = window_.spec().key.view();
  const uint64_t hash = key.hash();
  HotPages* const hot_pages = cache_.hot_pages(worker_);
  HotPages::Entry* const hot =
      hot_pages == nullptr ? nullptr : hot_pages->find(key, hash, current());
  if (hot == nullptr || condition_ != nullptr) return try_look_up(key, hash);
  const Page& page = *hot->page();
  if (!window_.spec().takes(page) || !is_satisfiable(page.source()->info))
    return try_look_up(key, hash);
  if (window_.use() == Use::kBody) page.prefetch_rest(offset_in(page));
  window_.hold(*hot, began_);
  return take_version();
}

/// try_open() for a page that is not hot.
std::optional<Result<void>> RangeReader::try_look_up(KeyView key, uint64_t hash) {
  PagePtr page = window_.exact() ? cache_.table().find_for_exact(key, hash, current(), position_)
                                 : cache_.table().find(key, hash, current());
  const bool whole = page != nullptr && page->phase() == Page::Phase::kWhole;
  if (whole && window_.use() == Use::kBody && page->try_pin()) {
    page->prefetch_rest(offset_in(*page));
    page->unpin();
    HotPages* const hot_pages = page->is_part() ? nullptr : cache_.hot_pages(worker_);
    if (hot_pages != nullptr) hot_pages->note(*page, hash, began_);
  }
  const std::optional<uint64_t> size =
      whole ? page->source()->info.size : cache_.fills().object_size(window_.spec());
  if (page != nullptr) {
    window_.hold(std::move(page), began_);
  } else {
    window_.ask(position_);
    if (!window_.holds(current())) return std::nullopt;
  }
  const Page& first = *window_.at(current()).page;
  const Page::Phase phase = first.phase();
  if (phase == Page::Phase::kPending || phase == Page::Phase::kFailed) {
    if (size) window_.look_ahead(current(), *size);
    return std::nullopt;
  }
  if (!window_.spec().takes(first) || refuses_by_old_news(first)) return std::nullopt;
  Result<void> opened = take_version();
  if (opened && needs_byte() && !ready()) return std::nullopt;
  return opened;
}

std::optional<Error> RangeReader::refusal(const ObjectInfo& version) const {
  switch (judge(version)) {
    case Verdict::kHolds:
      break;
    case Verdict::kFails:
      return Error(ErrorKind::kPreconditionFailed,
                   "the object's version does not fulfil the request's preconditions");
    case Verdict::kNotModified:
      return std::nullopt;
  }
  if (is_satisfiable(version)) return std::nullopt;
  if (position_ >= version.size) return Error::range_not_satisfiable(version.size);
  return Error(ErrorKind::kChanged,
               fmt::format("C0-Object-Size: the object has {} bytes", version.size));
}

bool RangeReader::refuses_by_old_news(const Page& page) const {
  return page.asked_at() < began_ && refusal(page.source()->info).has_value();
}

rt::Task<Result<void>> RangeReader::open(std::stop_token client_left) {
  if (source_ == nullptr) {
    Result<void> opened = co_await find_version(client_left);
    if (!opened || !needs_byte() || ready()) co_return opened;
  }
  co_return co_await wait(std::move(client_left));
}

/// Finds a version that may answer the request, or that may refuse it.
rt::Task<Result<void>> RangeReader::find_version(std::stop_token client_left) {
  for (int looks = 0;; ++looks) {
    Result<void> settled = co_await settle_head(client_left);
    if (!settled) co_return settled;
    const bool held = window_.holds(current());
    if (held && !refuses_by_old_news(*window_.at(current()).page)) co_return take_version();
    if (looks == kTriesMax) co_return changed_between_pages();
    if (only_if_cached()) co_return not_cached(window_.spec().wishes);
    Result<ObjectSourcePtr> seen = co_await look(client_left);
    if (!seen) co_return std::unexpected(std::move(seen.error()));
    if (held) leave(window_.at(current()));  // what the look saw may be another version
    const bool decides = window_.use() == Use::kHead || refusal((*seen)->info).has_value();
    if (decides) {
      kept_source_ = std::move(*seen);
      co_return take_version(*kept_source_, 0);
    }
  }
}

/// Asks the store for the object's version. The reader wants a byte that the version must have: the
/// last one of the page that is known.
rt::Task<Result<ObjectSourcePtr>> RangeReader::look(std::stop_token client_left) {
  uint64_t wanted = position_;
  if (window_.holds(current())) {
    const Page& known = *window_.at(current()).page;
    const uint64_t bytes = page_size().bytes_of(known.index(), known.source()->info.size);
    wanted = page_size().begin_of(known.index()) + bytes - 1;
  }
  std::optional<Absence> absent = cache_.fills().known_absence(window_.spec());
  if (absent) co_return std::unexpected(std::move(absent->error));
  rt::Until until(head_deadline(), std::move(client_left));
  co_return co_await look_at(cache_, worker_, window_.shared_spec(), began_, std::move(until),
                             wanted);
}

Result<void> RangeReader::take_version() {
  const Slot& first = window_.at(current());
  return take_version(*first.page->source(), cached_at(first));
}

Result<void> RangeReader::take_version(const ObjectSource& source, int64_t came_at) {
  source_ = &source;
  const uint64_t size = source_->info.size;
  if (condition_ != nullptr) verdict_ = condition_->judge(source.info);
  if (verdict_ == Verdict::kNotModified) return {};
  if (std::optional<Error> refused = refusal(source.info)) return std::unexpected(*refused);
  first_cached_at_ = came_at;
  entered_end_ = current() + 1;
  if (!window_.spec().wishes.warm) window_.spec().metrics->success.add();
  window_.cut(size);
  if (window_.holds_other_version(*source_)) return changed_between_pages();
  window_.look_ahead(current(), size);
  return {};
}

ObjectSourcePtr RangeReader::shared_source() const {
  return kept_source_ != nullptr ? kept_source_ : window_.at(current()).page->source();
}

/// A version that a look has seen is news of this reader.
MonoTime RangeReader::asked_at() const {
  return kept_source_ != nullptr ? began_ : window_.at(current()).page->asked_at();
}

MonoTime RangeReader::head_deadline() const {
  const std::optional<std::chrono::milliseconds> own = cache_.fills().time_to_head(window_.spec());
  if (!own) return MonoTime::max();
  return (source_ == nullptr ? began_ : cache_.clock().mono()) + *own;
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
      if (source_ != nullptr && error.kind() == ErrorKind::kRangeNotSatisfiable)
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

void RangeReader::leave(Slot& held) {
  if (!at_end() && held.page->has_head() && held.page->source().get() == source_)
    kept_source_ = held.page->source();
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
    held.piece->reading_began(cache_.clock().mono());
    held.piece->touch();
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
    if (page.phase() == Page::Phase::kOnDisk) {
      Result<void> loaded = co_await wait_piece(held, client_left);
      if (!loaded) co_return loaded;
      continue;
    }
    cache_.fills().want(page, offset_in(page));
    const rt::Until until(MonoTime::max(), client_left);
    Result<void> waited = co_await page.wait_byte(worker_, offset_in(page), until);
    if (!waited) co_return waited;
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
