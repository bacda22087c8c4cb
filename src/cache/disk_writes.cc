#include "cache/disk_writes.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cache/disk_memory.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

constexpr auto kProgressEvery = 1s;
constexpr auto kRoomPoll = 10ms;  // until the disk's queue has room again
constexpr size_t kYieldEvery =
    64;  // pages; offering one that the disk has already does not suspend

/// A page of the table, or a run of one of its parts, that waits to be written. Keeps the page, but
/// not its memory: the policy spares the page for a while (Evictable::waits_for_disk).
class PageSource final : public store::DiskWriteSource {
 public:
  /// `run`: in the page.
  PageSource(PageTable& table, store::MemoryTier& memory, PagePtr page, ByteRange run)
      : table_(table), memory_(memory), page_(std::move(page)), run_(run) {
    page_->writing_began();
  }
  PageSource(const PageSource&) = delete;
  PageSource& operator=(const PageSource&) = delete;
  ~PageSource() override { page_->writing_ended(); }

  [[nodiscard]] uint64_t bytes() const override { return run_.size(); }

  [[nodiscard]] store::DiskPage page() const override {
    store::DiskPage made;
    made.kind = page_->key().kind;
    made.object = page_->key().object;
    made.at = page_->is_part() ? store::PageAt::part(page_->object_offset() + run_.begin,
                                                     page_->page_size().exponent())
                               : page_->at();
    made.bytes = run_.size();
    const ObjectSourcePtr source = newest_source();
    made.info = source->info;
    made.bucket = source->bucket;
    made.cached_at = page_->cached_at();
    return made;
  }

  [[nodiscard]] std::optional<store::DiskPageMemory> take() override {
    if (!table_.has(*page_)) return std::nullopt;  // evicted, or replaced by a newer version
    if (run_.begin != 0) return copy_of(*page_, run_, memory_);
    store::DiskTier::Keep keep = pin_for_disk(page_, std::nullopt);
    if (keep == nullptr) return std::nullopt;
    return store::DiskPageMemory{units_of(*page_, run_.size()), std::move(keep)};
  }

 private:
  /// The page's version, with the attributes that the store said last. A page with bytes of two
  /// buckets is one of the second bucket on the disk: readers that want the first one's alone do
  /// not take the page.
  [[nodiscard]] ObjectSourcePtr newest_source() const {
    const ObjectSourcePtr& other = page_->other_source();
    const ObjectSourcePtr& own = other != nullptr ? other : page_->source();
    ObjectSourcePtr known = table_.version_in(page_->key(), own->bucket);
    return known != nullptr && known->same_version(*own) ? known : own;
  }

  PageTable& table_;
  store::MemoryTier& memory_;
  const PagePtr page_;
  const ByteRange run_;
};

bool tells_the_same(const ObjectSource& told, const ObjectSource& now) {
  return told.same_version(now) && !tells_news(now.info.attributes, told.info.attributes);
}

}  // namespace

void DiskWrites::start(rt::Worker& worker, PagePtr page) {
  if (disk_ == nullptr) return;
  const uint64_t end = page->memory_bytes();
  const uint64_t border =
      page->is_part() ? store::PageAt::part_border(page->page_size().exponent()) : kPageBytes;
  for (uint64_t begin = 0; begin < end;) {
    const uint64_t to_border = border - (page->object_offset() + begin) % border;
    const ByteRange run{begin, std::min(begin + to_border, end)};
    disk_->offer(worker, std::make_unique<PageSource>(table_, memory_, page, run));
    begin = run.end;
  }
}

rt::Task<store::DiskWrite> DiskWrites::write(rt::Worker& worker, PagePtr page) {
  if (disk_ == nullptr) co_return store::DiskWrite::kDropped;
  PageSource source(table_, memory_, page, ByteRange{0, page->memory_bytes()});
  co_return co_await disk_->write(worker, source);
}

void DiskWrites::observe(rt::Worker& worker, KeyView key, const ObjectSource& version) {
  if (disk_ == nullptr) return;
  // Repeats until the table's version is the one that was passed on. So the last call on the disk,
  // from any worker, has the table's version and attributes.
  ObjectSourcePtr told;
  while (true) {
    ObjectSourcePtr now = table_.version_in(key, version.bucket);
    if (now == nullptr) now = table_.ruling(key);
    if (now == nullptr && told == nullptr)
      return disk_->observe(worker, key.kind, key.object, version);
    if (now == nullptr || (told != nullptr && tells_the_same(*told, *now))) return;
    disk_->observe(worker, key.kind, key.object, *now);
    told = std::move(now);
  }
}

bool DiskWrites::has(KeyView key) const {
  return disk_ != nullptr && disk_->version_of(key.kind, key.object) != nullptr;
}

void DiskWrites::drop(rt::Worker& worker, KeyView key, std::string_view bucket) {
  if (disk_ != nullptr) disk_->remove(worker, key.kind, key.object, bucket);
}

rt::Task<bool> DiskWrites::flush(rt::Worker& worker, MonoTime deadline) {
  if (disk_ == nullptr) co_return true;
  const auto report = [](uint64_t bytes_left) {
    log::info("writing to disk", {{"bytes_left", bytes_left}});
  };
  bool durable = co_await disk_->flush(worker, deadline, report);
  if (!durable) co_return false;
  const bool offered = co_await offer_all(worker, deadline);
  if (!offered) co_return false;
  durable = co_await disk_->flush(worker, deadline, report);
  co_return durable;
}

/// Offers the pages that were dropped from the write queue, or that came while the index was read.
/// The disk skips pages that it has.
rt::Task<bool> DiskWrites::offer_all(rt::Worker& worker, MonoTime deadline) {
  std::vector<PagePtr> pages = table_.whole_pages();
  MonoTime reported = clock_.mono();
  while (!pages.empty()) {
    const MonoTime now = clock_.mono();
    if (now >= deadline) co_return false;
    if (now - reported >= kProgressEvery) {
      log::info("writing to disk", {{"pages_left", pages.size()}});
      reported = now;
    }
    if (!disk_->has_room(pages.back()->memory_bytes())) {
      co_await worker.timers().sleep(kRoomPoll);
      continue;
    }
    start(worker, std::move(pages.back()));
    pages.pop_back();
    if (pages.size() % kYieldEvery == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  co_return true;
}

}  // namespace cachey::cache
