#include "cache/purges.h"

#include <boost/asio/post.hpp>
#include <functional>

namespace cachey::cache {
namespace {

constexpr size_t kDiscardedAtOnce = 64;

/// No fill of the page brings bytes of another bucket than that of the version that it knows.
bool is_of_known_version(const Page& page) {
  if (!page.has_head()) return false;
  const std::string& bucket = page.source()->bucket;
  return page.phase() != Page::Phase::kFilling || page.is_filled_from({&bucket, 1});
}

}  // namespace

std::optional<Purges::Turn> Purges::begin(const KeyScope& scope) {
  return scope.is_object() ? Turn::take(objects_, kObjectsAtOnce) : Turn::take(walks_, 1);
}

rt::Task<Result<Purged>> Purges::purge(rt::Worker& worker, KeyScope scope, Turn turn) {
  const Turn until_here(std::move(turn));
  Purged purged;
  co_await take_pages(worker, scope, purged);
  Result<store::DiskPurged> on_disk;
  if (disk_ != nullptr) {
    std::function<bool()> is_over = [this] { return is_over_.load(); };
    on_disk = co_await disk_->purge(worker, scope, std::move(is_over));
    table_.note_purge();  // before the pages, so that none is adopted behind the walk
    co_await take_pages(worker, scope, purged);
  }
  table_.note_purge();
  co_await drop_heads(worker, scope);
  fills_.forget_absences(scope);
  if (!on_disk) co_return std::unexpected(std::move(on_disk.error()));
  if (is_over_.load()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  purged.pages += on_disk->pages;
  purged.bytes += on_disk->bytes;
  co_return purged;
}

rt::Task<Purged> Purges::fence_unknown(rt::Worker& worker, const ObjectKey& key) {
  Purged found;
  const KeyScope object = KeyScope::object(key.kind, key.object);
  std::vector<PagePtr> looks = table_.take_looks(object);
  co_await discard(worker, std::move(looks), found);
  LookWalk walk = table_.walk_of(key.view());
  while (!walk.large.empty() && !is_over_.load()) {
    std::vector<PagePtr> pages;
    (void)table_.look_at_some(walk, pages);
    for (const PagePtr& page : pages) {
      if (is_of_known_version(*page)) {
        if (page->phase() != Page::Phase::kFilling) count(*page, found);
        continue;
      }
      count(*page, found);
      table_.remove(*page);
      page->discard();
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  if (disk_ == nullptr) co_return found;
  const store::DiskPurged on_disk = disk_->count(key.kind, key.object);
  found.pages += on_disk.pages;
  found.bytes += on_disk.bytes;
  co_return found;
}

rt::Task<bool> Purges::empty_memory(rt::Worker& worker, Turn turn) {
  const Turn until_here(std::move(turn));
  const KeyScope all = KeyScope::all();
  Purged purged;
  table_.note_purge();
  co_await take_pages(worker, all, purged);
  co_await drop_heads(worker, all);
  fills_.forget_absences(all);
  co_return !is_over_.load();
}

rt::Task<void> Purges::take_pages(rt::Worker& worker, const KeyScope& scope, Purged& purged) {
  if (scope.is_object()) {
    std::vector<PagePtr> pages = table_.take_object(scope);
    co_return co_await discard(worker, std::move(pages), purged);
  }
  TableWalk walk;
  bool more = true;
  while (more && !is_over_.load()) {
    std::vector<PagePtr> pages;
    more = table_.take_some(scope, walk, pages);
    co_await discard(worker, std::move(pages), purged);
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

rt::Task<void> Purges::discard(rt::Worker& worker, std::vector<PagePtr> pages, Purged& purged) {
  for (size_t i = 0; i < pages.size(); ++i) {
    count(*pages[i], purged);
    pages[i]->discard();
    pages[i].reset();
    if ((i + 1) % kDiscardedAtOnce == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

/// What the disk has, it counts itself.
void Purges::count(const Page& page, Purged& purged) const {
  switch (page.phase()) {
    case Page::Phase::kPending:
    case Page::Phase::kFilling:
      ++purged.fenced;
      break;
    case Page::Phase::kWhole: {
      const KeyView key = page.key();
      if (disk_ != nullptr && disk_->has(key.kind, key.object, page.at())) break;
      ++purged.pages;
      purged.bytes += page.memory_bytes();
      break;
    }
    case Page::Phase::kOnDisk:
    case Page::Phase::kFailed:
      break;
  }
}

rt::Task<void> Purges::drop_heads(rt::Worker& worker, const KeyScope& scope) {
  if (scope.is_object()) {
    const KeyView key{scope.kind(), scope.text()};
    heads_.drop(key, key.hash());
    co_return;
  }
  ChainWalk walk;
  while (!is_over_.load() && heads_.drop_some(scope, walk)) {
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

}  // namespace cachey::cache
