// How a reader finds the version that answers.

#include <fmt/format.h>

#include <utility>

#include "cache/object_look.h"
#include "cache/range_reader.h"
#include "cache/reader_errors.h"

namespace cachey::cache {

std::optional<Result<void>> RangeReader::try_open(uint64_t key_hash) {
  if (only_if_cached() && !window_.is_all_cached()) return not_cached(window_.spec().wishes);
  const KeyView key = window_.spec().key.view();
  HotPages* const hot_pages = cache_.hot_pages(worker_);
  HotPages::Entry* const hot =
      hot_pages == nullptr ? nullptr : hot_pages->find(key, key_hash, current());
  if (hot == nullptr || condition_ != nullptr) return try_look_up(key, key_hash);
  const Page& page = *hot->page();
  if (!window_.spec().takes(page) || !is_satisfiable(page.source()->info))
    return try_look_up(key, key_hash);
  if (window_.use() == Use::kBody) page.prefetch_rest(rest_in(page));
  window_.hold(*hot, began_);
  return take_version();
}

/// try_open() for a page that is not hot.
std::optional<Result<void>> RangeReader::try_look_up(KeyView key, uint64_t hash) {
  PagePtr page = window_.exact() ? cache_.table().find_for_exact(key, hash, current(), position_)
                                 : cache_.table().find(key, hash, current());
  const bool whole = page != nullptr && page->phase() == Page::Phase::kWhole;
  if (whole && window_.use() == Use::kBody && page->try_pin()) {
    page->prefetch_rest(rest_in(*page));
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
  for (int takes = 0; takes <= kTriesMax; ++takes) {
    if (source_ == nullptr) {
      Result<void> found = co_await find_version(client_left);
      if (!found || !needs_byte() || ready()) co_return found;
    }
    opening_ = true;
    Result<void> waited = co_await wait(client_left);
    opening_ = false;
    if (!waited || window_.at(current()).page->source().get() == source_) co_return waited;
    forget_version();
  }
  co_return changed_between_pages();
}

/// The first page was lost before its first byte, and another one has come.
void RangeReader::forget_version() {
  source_ = nullptr;
  kept_source_ = nullptr;
  verdict_ = Verdict::kHolds;
  first_cached_at_ = 0;
  waited_for_disk_ = false;
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
  if (entered_end_ != current()) {
    window_.begin_anew(current(), source);
  } else if (!window_.spec().wishes.warm) {
    window_.spec().metrics->success.add();
  }
  entered_end_ = current() + 1;
  window_.cut(size);
  if (window_.holds_other_version(*source_)) return changed_between_pages();
  window_.look_ahead(current(), size);
  return {};
}

ObjectSourcePtr RangeReader::shared_source() const {
  return kept_source_ != nullptr ? kept_source_ : window_.at(current()).page->source();
}

/// Without a page a look has seen the version: it is news of this reader.
MonoTime RangeReader::asked_at() const {
  return window_.holds(current()) ? window_.at(current()).page->asked_at() : began_;
}

}  // namespace cachey::cache
