#include "cache/disk_writes.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cache/disk_memory.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

constexpr auto kProgressEvery = 1s;
constexpr size_t kYieldEvery = 64;  // pages; writing one that the disk has already does not suspend

store::DiskPage disk_page(const Page& page) {
  store::DiskPage made;
  made.kind = page.key().kind;
  made.object = page.key().object;
  made.page = page.index();
  made.bytes = page.memory_bytes();
  made.info = page.source()->info;
  made.bucket = page.source()->bucket;
  made.cached_at = page.cached_at();
  return made;
}

}  // namespace

void DiskWrites::start(rt::Worker& worker, PagePtr page, store::Admission admission) {
  if (disk_ == nullptr) return;
  store::DiskTier::Keep keep = pin_for_disk(page, std::move(admission));
  if (keep == nullptr) return;  // evicted or discarded already
  worker.tasks().spawn(write(worker, std::move(page), std::move(keep)));
}

void DiskWrites::observe(rt::Worker& worker, KeyView key) {
  if (disk_ == nullptr) return;
  // Repeats until the table's version is the one that was passed on. So the last call on the disk,
  // from any worker, has the table's version.
  ObjectSourcePtr told;
  while (ObjectSourcePtr now = table_.current(key)) {
    if (told != nullptr && told->info.same_version(now->info)) return;
    disk_->observe(worker, key.kind, key.object, now->info);
    told = std::move(now);
  }
}

void DiskWrites::drop(rt::Worker& worker, KeyView key) {
  if (disk_ != nullptr) disk_->remove(worker, key.kind, key.object);
}

rt::Task<void> DiskWrites::write(rt::Worker& worker, PagePtr page, store::DiskTier::Keep keep) {
  if (!table_.has(*page)) co_return;  // replaced by a newer version
  store::DiskPage written = disk_page(*page);
  std::vector<iovec> from = units_of(*page);
  co_await disk_->write(worker, std::move(written), std::move(from), std::move(keep));
  // A newer version may have come as the write began.
  const ObjectSourcePtr now = table_.current(page->key());
  if (now != nullptr && !now->info.same_version(page->source()->info)) observe(worker, page->key());
}

rt::Task<bool> DiskWrites::flush(rt::Worker& worker, MonoTime deadline) {
  if (disk_ == nullptr) co_return true;
  const auto report = [](uint64_t bytes_left) {
    log::info("writing to disk", {{"bytes_left", bytes_left}});
  };
  bool durable = co_await disk_->flush(worker, deadline, report);
  if (!durable) co_return false;
  // Pages that were dropped from the write queue, or that came while the index was read. The disk
  // skips pages that it has.
  std::vector<PagePtr> pages = table_.whole_pages();
  MonoTime reported = clock_.mono();
  while (!pages.empty()) {
    const MonoTime now = clock_.mono();
    if (now >= deadline) co_return false;
    if (now - reported >= kProgressEvery) {
      log::info("writing to disk", {{"pages_left", pages.size()}});
      reported = now;
    }
    const PagePtr page = std::move(pages.back());
    pages.pop_back();
    store::DiskTier::Keep keep = pin_for_disk(page, std::nullopt);
    if (keep != nullptr) co_await write(worker, page, std::move(keep));
    if (pages.size() % kYieldEvery == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  durable = co_await disk_->flush(worker, deadline, report);
  co_return durable;
}

}  // namespace cachey::cache
