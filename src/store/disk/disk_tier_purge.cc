// How the tier removes the pages of a set of objects for good.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <limits>
#include <utility>

#include "base/log.h"
#include "store/disk/disk_tier.h"

namespace cachey::store {
namespace {

constexpr std::chrono::milliseconds kPurgePoll{10};
constexpr uint64_t kAllBlocks = std::numeric_limits<uint64_t>::max();

std::unexpected<Error> not_durable(const char* why) { return fail(ErrorKind::kInternal, why); }

}  // namespace

/// A purge of the catalog, from its construction to end().
class DiskTier::Purging {
 public:
  Purging(DiskIndex& index, const KeyScope& scope) : index_(index) {
    const MutexLock lock(index_.mutex);
    index_.catalog->begin_purge(scope);
    index_.end_all_writes();
  }
  ~Purging() {
    if (!ended_) (void)end();
  }
  Purging(const Purging&) = delete;
  Purging& operator=(const Purging&) = delete;

  DiskPurged end() {
    ended_ = true;
    const MutexLock lock(index_.mutex);
    return index_.catalog->end_purge();
  }

 private:
  DiskIndex& index_;
  bool ended_ = false;
};

bool DiskTier::has(std::string_view kind, std::string_view object, PageAt at) {
  if (!recovered()) return false;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  return index_.catalog->find(id, at) != nullptr;
}

DiskPurged DiskTier::count(std::string_view kind, std::string_view object) {
  if (!recovered()) return {};
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  return index_.catalog->count(id);
}

rt::Task<Result<DiskPurged>> DiskTier::purge(rt::Worker& worker, KeyScope scope, IsOver is_over) {
  DiskPurged purged;
  if (scope.is_object()) {
    purged = count(scope.kind(), scope.text());
    remove(worker, scope.kind(), scope.text());
  }
  const bool has_index = co_await wait_for_index(worker, is_over);
  if (is_over()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  if (!has_index) co_return not_durable("the disk's index is not read yet");
  if (!scope.is_object()) purged = co_await walk(worker, scope, is_over);
  Result<void> durable = co_await wait_durable(worker, is_over);
  index_.charge();
  if (!durable) co_return std::unexpected(std::move(durable.error()));
  co_return purged;
}

/// False: the index was not read in time.
rt::Task<bool> DiskTier::wait_for_index(rt::Worker& worker, const IsOver& is_over) {
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  while (!recovered()) {
    if (clock_.mono() >= deadline || is_over()) co_return false;
    co_await worker.timers().sleep(kPurgePoll);
  }
  co_return true;
}

/// Waits until that record is written. False: it was not in time, or nothing can be written.
rt::Task<bool> DiskTier::wait_written(rt::Worker& worker, uint64_t record, const IsOver& is_over) {
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  while (true) {
    {
      const MutexLock lock(index_.mutex);
      if (index_.journal->flushed() >= record) co_return true;
    }
    const bool hopeless = !io_->online() || !io_->writable() || is_over();
    if (hopeless || clock_.mono() >= deadline) co_return false;
    journal_->start(worker, JournalTask::Delay::kNone);
    co_await worker.timers().sleep(kPurgePoll);
  }
}

rt::Task<Result<void>> DiskTier::wait_durable(rt::Worker& worker, const IsOver& is_over) {
  uint64_t last = 0;
  {
    const MutexLock lock(index_.mutex);
    last = index_.journal->appended();
  }
  const MonoTime deadline = clock_.mono() + config_.purge_wait;
  bool written = co_await wait_written(worker, last, is_over);
  while (written) {  // what could not be read at the opening is cut off by now, or must be
    {
      const MutexLock lock(index_.mutex);
      if (!index_.journal->has_bad_segment()) break;
    }
    written = clock_.mono() < deadline && io_->online() && io_->writable() && !is_over();
    journal_->start(worker, JournalTask::Delay::kNone);
    if (written) co_await worker.timers().sleep(kPurgePoll);
  }
  if (is_over()) co_return fail(ErrorKind::kCancelled, "the server is shutting down");
  if (!written) co_return not_durable("the disk cannot be written");
  const IoStatus synced = co_await log_io_->sync(worker);
  if (!synced.ok()) co_return not_durable("the disk cannot be synced");
  co_return Result<void>();
}

rt::Task<DiskPurged> DiskTier::walk(rt::Worker& worker, const KeyScope& scope,
                                    const IsOver& is_over) {
  Purging purging(index_, scope);
  UnknownBlocks unknown;
  if (scope.what() == KeyScope::What::kAll) {
    unknown.add(0, kAllBlocks);
  } else {
    const VisitRecord visit = [this](const PageRecord& record, uint64_t /*block*/)
                                  REQUIRES(index_.mutex) { index_.catalog->purge(record); };
    co_await read_records(worker, visit, unknown, is_over);
    if (!unknown.empty())
      log::warn("purge: the disk's journal cannot be read; pages without a known name go, too");
    const uint64_t oldest = oldest_block();
    if (oldest > 0) unknown.add(0, oldest);
  }
  size_t bucket = 0;
  bool more = !is_over();
  while (more) {
    size_t pending = 0;
    uint64_t last = 0;
    {
      const MutexLock lock(index_.mutex);
      more = index_.catalog->purge_unnamed(bucket, unknown);
      pending = index_.journal->memory_bytes();
      last = index_.journal->appended();
    }
    if (pending > kPendingOfWalkMax) (void)co_await wait_written(worker, last, is_over);
    co_await rt::asio::post(worker.executor(), rt::kAwait);
    more = more && !is_over();
  }
  co_return purging.end();
}

}  // namespace cachey::store
