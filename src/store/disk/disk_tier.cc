#include "store/disk/disk_tier.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "store/disk/block_sums.h"

namespace cachey::store {
namespace {

constexpr std::chrono::milliseconds kFlushPoll{10};
constexpr std::chrono::seconds kProgressEvery{1};

}  // namespace

DiskTier::DiskTier(DiskTierConfig config, const Clock& clock)
    : config_(std::move(config)), clock_(clock), notes_(config_.charge), index_(config_.charge) {}

DiskTier::~DiskTier() = default;

std::optional<DiskPageRef> DiskTier::find(rt::Worker& worker, std::string_view kind,
                                          std::string_view object, PageAt at, DiskUse use) {
  if (!usable(worker)) return std::nullopt;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  DiskEntry* entry = index_.catalog->find(id, at);
  if (entry == nullptr || index_.catalog->is_avoided(*entry)) return std::nullopt;
  if (use == DiskUse::kUse) Catalog::touch(*entry);
  index_.catalog->hold(*entry);
  return DiskPageRef(index_, *entry);
}

std::vector<DiskPageRef> DiskTier::find_parts(rt::Worker& worker, std::string_view kind,
                                              std::string_view object, unsigned exponent,
                                              ByteRange range, DiskUse use, uint64_t least) {
  std::vector<DiskPageRef> found;
  if (!usable(worker)) return found;
  const ObjectId id = object_id(kind, object);
  const uint64_t border = PageAt::part_border(exponent);
  std::vector<DiskEntry*> parts;
  for (uint64_t begin = range.begin; begin < range.end;) {
    const uint64_t end = std::min(range.end, (begin / border + 1) * border);
    const auto before = static_cast<ptrdiff_t>(found.size());
    parts.clear();
    {
      const MutexLock lock(index_.mutex);
      index_.catalog->find_parts(id, exponent, ByteRange{begin, end}, parts);
      for (DiskEntry* part : parts) {
        const ByteRange has = part->at.range(part->bytes);
        const bool is_island = range.begin < has.begin && has.end < range.end;
        if ((part->bytes < least && is_island) || index_.catalog->is_avoided(*part)) continue;
        if (use == DiskUse::kUse) Catalog::touch(*part);
        index_.catalog->hold(*part);
        found.emplace_back(index_, *part);
      }
    }
    std::sort(found.begin() + before, found.end(), [](const DiskPageRef& a, const DiskPageRef& b) {
      return a.range().begin < b.range().begin;
    });
    begin = end;
  }
  return found;
}

void DiskTier::touch(std::string_view kind, std::string_view object, PageAt at) {
  if (!recovered()) return;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  if (DiskEntry* entry = index_.catalog->find(id, at)) Catalog::touch(*entry);
}

rt::Task<DiskRead> DiskTier::read(rt::Worker& worker, const DiskPageRef& page, ByteRange range,
                                  std::vector<iovec> into, Keep keep) {
  DiskEntry& entry = page.hold_.entry();
  CHECK(!range.empty() && range.begin % kDiskBlockBytes == 0 && range.end <= entry.bytes);
  CHECK(range.end % kDiskBlockBytes == 0 || range.end == entry.bytes);
  const ByteRange units{range.begin, range.begin + units_for(range.size()) * kUnitBytes};
  std::vector<DeviceIo::Run> runs = cut_into_runs(entry.extents(), units, into);
  if (!io_->has_room(DiskDirection::kRead, units.size()) || io_->any_out(runs)) {
    DiskStats::add(stats_.reads_refused, 1);
    co_return DiskRead::kRefused;
  }
  Keep kept = index_.keep(entry, std::move(keep));
  const IoStatus status = co_await io_->move(worker, DiskDirection::kRead, std::move(runs),
                                             config_.read_deadline, std::move(kept));
  if (status.error == ETIMEDOUT) {
    DiskStats::add(stats_.read_timeouts, 1);
    lose(worker, entry);  // its space is not given out before the device answers
    co_return DiskRead::kLate;
  }
  if (!status.ok()) {
    DiskStats::add(stats_.read_errors, 1);
    lose(worker, entry);
    co_return DiskRead::kFailed;
  }
  DiskStats::add(stats_.read_bytes, units.size());
  const std::vector<uint64_t> sums = co_await block_sums(worker, store_id_, entry, range, into);
  const auto expected = entry.sums().subspan(range.begin / kDiskBlockBytes, sums.size());
  uint64_t corrupt = 0;
  for (size_t block = 0; block < sums.size(); ++block) {
    if (sums[block] != expected[block]) ++corrupt;
  }
  if (corrupt > 0) {
    DiskStats::add(stats_.corrupt_reads, 1);
    DiskStats::add(stats_.corrupt_blocks, corrupt);
    log::warn("disk gave other bytes than were written",
              {{"path", io_->device().name()},
               {"position", entry.at.begin()},
               {"blocks", corrupt},
               {"corrupt_reads", stats_.corrupt_reads.load(std::memory_order_relaxed)}});
    lose(worker, entry);
    co_return DiskRead::kCorrupt;
  }
  DiskStats::add(stats_.reads, 1);
  co_return DiskRead::kOk;
}

/// The page cannot be read: removes it from the index.
void DiskTier::lose(rt::Worker& worker, DiskEntry& entry) {
  index_.forget(entry);
  journal_->start(worker, JournalTask::Delay::kGather);
}

void DiskTier::offer(rt::Worker& worker, WriteQueue::Source page) {
  if (!recovered()) {
    stats_.drop(DiskDrop::kOpening);
  } else if (!io_->usable(worker)) {
    stats_.drop(DiskDrop::kOffline);
  } else if (!io_->writable()) {
    stats_.drop(DiskDrop::kReadOnly);
  } else {
    writer_->offer(worker, std::move(page));
  }
}

std::optional<uint32_t> DiskTier::region_of(const DiskPageRef& page, ByteRange range) const {
  uint64_t begin = 0;  // of the extent in the page
  for (const DiskExtent& extent : page.hold_.entry().extents()) {
    const uint64_t end = begin + extent.units * kUnitBytes;
    if (range.begin < end) {
      return io_->regions().region_of(extent.first + (range.begin - begin) / kUnitBytes);
    }
    begin = end;
  }
  return std::nullopt;
}

bool DiskTier::may_read(uint64_t bytes) {
  if (!recovered()) return false;
  if (io_->has_room(DiskDirection::kRead, bytes)) return true;
  DiskStats::add(stats_.reads_refused, 1);
  return false;
}

bool DiskTier::has_room(uint64_t bytes) const {
  return recovered() && writer_->queue().has_room(bytes);
}

rt::Task<DiskWrite> DiskTier::write(rt::Worker& worker, DiskWriteSource& page) {
  if (recovered()) co_return co_await writer_->write(worker, page);
  stats_.drop(DiskDrop::kOpening);
  co_return DiskWrite::kDropped;
}

void DiskTier::supersede(rt::Worker& worker, std::string_view kind, std::string_view object,
                         const VersionChange& change) {
  const ObjectId id = object_id(kind, object);
  if (!recovered() && notes_.note(id, change)) return;
  bool any = false;
  bool answers = false;  // wait, and no task records them
  {
    const MutexLock lock(index_.mutex);
    const uint64_t appended = index_.journal->appended();
    index_.supersede(id, change);
    any = index_.journal->appended() != appended;
    answers = index_.catalog->has_newer_answers() && !std::exchange(recording_answers_, true);
  }
  if (answers) worker.tasks().spawn(record_answers(worker));
  if (!any) return;
  journal_->start(worker, JournalTask::Delay::kNone);
  index_.charge();
}

/// Adds the records of newer answers to the journal: now, and every answers_every while there are
/// more. Ends if the journal takes no more; the next answer begins another task. One such task
/// runs.
rt::Task<void> DiskTier::record_answers(rt::Worker& worker) {
  while (true) {
    const bool recorded = record_answers_now();
    journal_->start(worker, JournalTask::Delay::kGather);
    if (recorded) co_await worker.timers().sleep(config_.answers_every);
    const MutexLock lock(index_.mutex);
    if (recorded && index_.catalog->has_newer_answers()) continue;
    recording_answers_ = false;
    co_return;
  }
}

/// False: the journal takes no more at present.
bool DiskTier::record_answers_now() {
  while (true) {
    const MutexLock lock(index_.mutex);
    if (!index_.catalog->record_answers()) return !index_.catalog->has_newer_answers();
  }
}

void DiskTier::observe(rt::Worker& worker, std::string_view kind, std::string_view object,
                       const ObjectSource& version) {
  supersede(worker, kind, object, VersionChange::observed(version));
}

void DiskTier::remove(rt::Worker& worker, std::string_view kind, std::string_view object,
                      std::string_view bucket) {
  supersede(worker, kind, object, VersionChange::removed(std::string(bucket)));
}

ObjectSourcePtr DiskTier::version_of(std::string_view kind, std::string_view object) {
  if (!recovered()) return nullptr;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  return index_.catalog->version_of(id);
}

std::vector<ObjectSourcePtr> DiskTier::versions_of(std::string_view kind, std::string_view object) {
  if (!recovered()) return {};
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(index_.mutex);
  return index_.versions_of(id);
}

rt::Task<bool> DiskTier::flush(rt::Worker& worker, MonoTime deadline,
                               std::function<void(uint64_t bytes_left)> progress) {
  while (!recovered()) {
    if (clock_.mono() >= deadline) co_return false;
    co_await worker.timers().sleep(kFlushPoll);
  }
  MonoTime reported = clock_.mono();
  while (true) {
    const uint64_t left = writer_->queue().bytes();
    const bool recorded = record_answers_now();
    if (left == 0 && recorded && journal_->all_written()) break;
    const MonoTime now = clock_.mono();
    if (now >= deadline || !io_->online() || !io_->writable()) co_return false;
    if (now - reported >= kProgressEvery) {
      progress(left);
      reported = now;
    }
    journal_->start(worker, JournalTask::Delay::kNone);
    co_await worker.timers().sleep(kFlushPoll);
  }
  const IoStatus synced = co_await io_->device().sync(worker);
  co_return synced.ok();
}

DiskUsage DiskTier::usage() const {
  DiskUsage usage;
  usage.capacity = capacity_;
  if (!recovered()) return usage;
  usage.queued_bytes = writer_->queue().bytes();
  usage.late_bytes = io_->late_bytes();
  usage.online = io_->online();
  usage.read_only = !io_->writable();
  usage.regions_out = io_->regions().count_out();
  const MutexLock lock(index_.mutex);
  const ExtentAllocator& space = index_.catalog->space();
  usage.used_bytes =
      capacity_ - (uint64_t{space.free_units()} + space.avoided_free_units()) * kUnitBytes;
  usage.payload_bytes = index_.catalog->payload_bytes();
  usage.pages = index_.catalog->pages();
  usage.kept = index_.catalog->kept();
  usage.parts = index_.catalog->parts();
  usage.evictions = index_.catalog->evictions();
  usage.ghosts = index_.catalog->ghost_hits().view();
  usage.pending_records = index_.journal->appended() - index_.journal->flushed();
  usage.pending_bytes = index_.journal->memory_bytes();
  usage.space_memory_bytes = index_.catalog->space().memory_bytes();
  usage.memory_bytes = index_.catalog->memory_bytes() + usage.pending_bytes;
  return usage;
}

}  // namespace cachey::store
