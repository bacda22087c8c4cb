#include "cache/inspection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>

#include "base/units.h"

namespace cachey::cache {
namespace {

constexpr size_t kPagesInAHold = 256;

void note_version(ObjectSummary& summary, const ObjectSource& source) {
  if (!summary.size) summary.size = source.info.size;
  if (summary.etag.empty()) summary.etag = source.info.etag;
}

/// Adds what memory has of the page.
void add_page(ObjectSummary& summary, const Page& page) {
  const Page::Phase phase = page.phase();
  if (page.has_head()) note_version(summary, *page.source());
  const auto note = [&summary](const store::Evictable& memory) {
    ++summary.memory.pages;
    summary.memory.bytes += memory.memory_bytes();
    summary.last_read = std::max(summary.last_read, memory.last_read());
    summary.pinned = summary.pinned || memory.is_kept();
  };
  if (phase == Page::Phase::kWhole && !page.memory_gone()) note(page);
  if (phase == Page::Phase::kPending || phase == Page::Phase::kFilling) ++summary.fills;
  if (phase != Page::Phase::kOnDisk) return;
  for (const PiecePtr& piece : page.pieces()) {
    if (piece->state() == Piece::State::kLoaded && !piece->memory_gone()) note(*piece);
  }
}

/// Appends a run, or lengthens the last one. False: there are too many.
bool add_run(ObjectDetails& details, ObjectRun run) {
  if (!details.runs.empty()) {
    ObjectRun& last = details.runs.back();
    if (last.where == run.where && !last.is_part && !run.is_part &&
        last.range.end == run.range.begin) {
      last.range.end = run.range.end;
      return true;
    }
  }
  if (details.runs.size() == Inspection::kRunsMax) {
    details.has_more = true;
    return false;
  }
  details.runs.push_back(run);
  return true;
}

void add_runs(ObjectDetails& details, const Page& page) {
  const uint64_t begin = page.object_offset();
  const Page::Phase phase = page.phase();
  if (phase == Page::Phase::kWhole && !page.memory_gone()) {
    const ByteRange range{begin, begin + page.memory_bytes()};
    (void)add_run(details, {ObjectRun::Where::kMemory, page.is_part(), range});
  } else if (phase == Page::Phase::kPending || phase == Page::Phase::kFilling) {
    (void)add_run(details, {ObjectRun::Where::kFilling, page.is_part(), page.place()});
  } else if (phase == Page::Phase::kOnDisk) {
    for (const PiecePtr& piece : page.pieces()) {
      if (piece->state() != Piece::State::kLoaded || piece->memory_gone()) continue;
      const ByteRange range{begin + piece->range().begin, begin + piece->range().end};
      (void)add_run(details, {ObjectRun::Where::kMemory, page.is_part(), range});
    }
  }
}

}  // namespace

void ListingCharge::reach(uint64_t bytes) {
  constexpr int64_t kStep = 256 * kKiB;
  const auto wanted = static_cast<int64_t>(bytes);
  if (wanted <= bytes_) return;
  const int64_t grow = std::max(kStep, wanted - bytes_);
  memory_->charge(grow);
  bytes_ += grow;
}

/// The first objects after a name. Objects past `limit_` or `bytes_max_` are dropped from the end.
/// An object that was dropped never comes again: what is listed ends before `end_`.
class Inspection::Collector {
 public:
  using Name = std::pair<std::string, std::string>;
  using NameView = std::pair<std::string_view, std::string_view>;
  Collector(KeyScope scope, Name after, size_t limit, store::MemoryTier& memory)
      : scope_(std::move(scope)),
        after_(std::move(after)),
        limit_(limit),
        bytes_max_(std::min<uint64_t>(memory.limit_bytes() / kListingShare, kListingBytesMax)),
        listing_{.objects = {}, .charge = ListingCharge(memory)} {}

  /// Null: the object is not asked for, or is past the end.
  [[nodiscard]] ObjectSummary* find(std::string_view kind, std::string_view object) {
    if (!scope_.has(kind, object)) return nullptr;
    const NameView name(kind, object);
    if (name <= NameView(after_) || (end_ && name >= NameView(*end_))) return nullptr;
    ObjectSummaries& objects = listing_.objects;
    const auto [place, is_new] = objects.try_emplace(Name(kind, object));
    if (!is_new) return &place->second;
    bytes_ += bytes_of(place->first);
    bool is_kept = true;
    while (objects.size() > 1 && (objects.size() > limit_ || bytes_ > bytes_max_)) {
      const auto last = std::prev(objects.end());
      is_kept = is_kept && last != place;
      bytes_ -= bytes_of(last->first);
      end_ = last->first;
      objects.erase(last);
    }
    listing_.charge.reach(bytes_);
    return is_kept ? &place->second : nullptr;
  }

  [[nodiscard]] Listing take(bool is_complete) {
    listing_.has_more = end_.has_value();
    listing_.is_complete = is_complete;
    return std::move(listing_);
  }

 private:
  /// About what an object takes; an entity tag may be longer.
  [[nodiscard]] static uint64_t bytes_of(const Name& name) {
    constexpr uint64_t kNode = sizeof(ObjectSummaries::value_type) + 64 + 48;  // links; a tag
    return kNode + name.first.size() + name.second.size();
  }

  const KeyScope scope_;
  const Name after_;
  const size_t limit_;
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;       // of listing_.objects
  std::optional<Name> end_;  // the first object that was dropped
  Listing listing_;
};

rt::Task<Result<Listing>> Inspection::list(rt::Worker& worker, KeyScope scope,
                                           std::pair<std::string, std::string> after,
                                           size_t limit) {
  Collector collector(std::move(scope), std::move(after), limit, memory_);
  co_await list_memory(worker, collector);
  bool is_complete = true;
  if (disk_ != nullptr) {
    std::function<void(const store::DiskTier::Named&)> visit =
        [&collector](const store::DiskTier::Named& named) {
          ObjectSummary* summary = collector.find(named.kind, named.object);
          if (summary == nullptr) return;
          note_version(*summary, *named.entry.object->source);
          ++summary->disk.pages;
          summary->disk.bytes += named.entry.bytes;
          summary->pinned = summary->pinned || named.entry.kept != 0;
        };
    std::function<bool()> is_over = [this] { return is_over_.load(); };
    is_complete = co_await disk_->visit_names(worker, std::move(visit), std::move(is_over));
  }
  if (is_over_.load()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  co_return collector.take(is_complete);
}

rt::Task<void> Inspection::list_memory(rt::Worker& worker, Collector& collector) {
  LookWalk walk;
  bool more = true;
  while (more && !is_over_.load()) {
    std::vector<PagePtr> pages;
    more = table_.look_at_some(walk, pages);
    for (const PagePtr& page : pages) {
      const KeyView key = page->key();
      if (ObjectSummary* summary = collector.find(key.kind, key.object)) add_page(*summary, *page);
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

rt::Task<Result<ObjectDetails>> Inspection::look(rt::Worker& worker, ObjectKey key, PageSize size) {
  ObjectDetails details;
  LookWalk walk = table_.walk_of(key.view());
  bool any = !walk.large.empty();
  while (!walk.large.empty() && !details.has_more) {
    std::vector<PagePtr> pages;
    (void)table_.look_at_some(walk, pages);
    for (const PagePtr& page : pages) {
      add_page(details.summary, *page);
      add_runs(details, *page);
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  if (disk_ != nullptr) {
    const ObjectSourcePtr version = disk_->version_of(key.kind, key.object);
    if (version != nullptr) {
      any = true;
      note_version(details.summary, *version);
      co_await look_at_disk(worker, key, size, details);
    }
  }
  if (!any) co_return fail(ErrorKind::kNotFound, "the cache has nothing of this object");
  co_return details;
}

rt::Task<void> Inspection::look_at_disk(rt::Worker& worker, const ObjectKey& key, PageSize size,
                                        ObjectDetails& details) {
  const uint64_t pages = size.pages_of({0, details.summary.size.value_or(0)});
  const uint64_t end = std::min<uint64_t>(pages, kPagesMax);
  details.has_more = details.has_more || end < pages;
  for (uint64_t first = 0; first < end && !is_over_.load(); first += kPagesInAHold) {
    const std::vector<uint32_t> bytes =
        disk_->bytes_of_pages(key.kind, key.object, static_cast<uint32_t>(first),
                              std::min<size_t>(kPagesInAHold, end - first), size.exponent());
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == 0) continue;
      ++details.summary.disk.pages;
      details.summary.disk.bytes += bytes[i];
      const uint64_t begin = size.begin_of(static_cast<uint32_t>(first + i));
      (void)add_run(details, {ObjectRun::Where::kDisk, false, {begin, begin + bytes[i]}});
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

}  // namespace cachey::cache
