#include "store/disk/page_writer.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/io_vector.h"
#include "store/disk/block_sums.h"

namespace cachey::store {
namespace {

constexpr size_t kYieldEvery = 64;  // pages of a task; a page that has left memory does not suspend

PageRecord record_of(const ObjectId& object, const DiskPage& page) {
  PageRecord record;
  record.object = object;
  record.at = page.at;
  record.object_size = page.info.size;
  record.last_modified = page.info.last_modified;
  record.cached_at = page.cached_at;
  record.bytes = static_cast<uint32_t>(page.bytes);
  record.kind = page.kind;
  record.key = page.object;
  record.bucket = page.bucket;
  record.etag = page.info.etag;
  return record;
}

/// Makes the index know of a write, from construction to destruction.
class Registered {
 public:
  Registered(DiskIndex& index, DiskWriting& writing) : index_(index), writing_(writing) {
    index_.begin(writing_);
  }
  ~Registered() { index_.end(writing_); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  DiskIndex& index_;
  DiskWriting& writing_;
};

}  // namespace

void PageWriter::offer(rt::Worker& worker, WriteQueue::Source source) {
  const std::vector<WriteQueue::Source> left = queue_.push(std::move(source));
  for (size_t i = 0; i < left.size(); ++i) stats_.drop(DiskDrop::kQueueFull);
  if (queue_.may_begin()) worker.tasks().spawn(run(worker));
}

/// Writes pages of the queue until no write may begin.
rt::Task<void> PageWriter::run(rt::Worker& worker) {
  for (size_t written = 1;; ++written) {
    std::optional<WriteQueue::Turn> turn = queue_.begin();
    if (!turn) co_return;
    if (queue_.may_begin()) worker.tasks().spawn(run(worker));
    if (written % kYieldEvery == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
    (void)co_await write(worker, turn->source());
    turn.reset();
    if (!io_.online()) drop_queue(DiskDrop::kOffline);
    if (!io_.writable()) drop_queue(DiskDrop::kReadOnly);
  }
}

void PageWriter::drop_queue(DiskDrop cause) {
  const std::deque<WriteQueue::Source> left = queue_.clear();
  for (size_t i = 0; i < left.size(); ++i) stats_.drop(cause);
}

rt::Task<DiskWrite> PageWriter::write(rt::Worker& worker, DiskWriteSource& source) {
  if (!io_.usable(worker)) co_return dropped(DiskDrop::kOffline);
  if (!io_.writable()) co_return dropped(DiskDrop::kReadOnly);
  if (!io_.has_room(DiskDirection::kWrite, source.bytes())) co_return dropped(DiskDrop::kStuck);
  const DiskPage page = source.page();
  DiskWriting writing(object_id(page.kind, page.object), page.at, page.bytes,
                      ObjectSource{page.info, page.bucket});
  const Registered registered(index_, writing);
  // Only now, so that a version that comes later than this check finds the write registered.
  std::optional<DiskPageMemory> memory = source.take();
  if (!memory) co_return dropped(DiskDrop::kEvicted);
  CHECK(page.bytes > 0 && page.bytes <= page.at.bytes_max() &&
        total_bytes(memory->parts) >= units_for(page.bytes) * kUnitBytes);
  const PageRecord made = record_of(writing.object, page);
  if (!fits_journal(made)) co_return dropped(DiskDrop::kTooLong);
  const PlaceRequest request{made.object, made.at, made.bytes, writing.source, keeps(page)};
  SpaceSearch search;
  Placed placed = place(request, writing, search);
  while (!placed) {
    co_await rt::asio::post(worker.executor(), rt::kAwait);
    placed = place(request, writing, search);
  }
  if (placed->entry == nullptr) co_return placed->result;
  DiskEntry* const entry = placed->entry;
  entry->cached_at = page.cached_at;
  const DiskHold held(index_, *entry);
  const std::vector<uint64_t> sums =
      co_await block_sums(worker, store_id_, *entry, ByteRange{0, page.bytes}, memory->parts);
  std::ranges::copy(sums, entry->sums().begin());
  const ByteRange units{0, units_for(page.bytes) * kUnitBytes};
  std::vector<DeviceIo::Run> runs = cut_into_runs(entry->extents(), units, memory->parts);
  std::shared_ptr<void> keep = index_.keep(*entry, std::move(memory->keep));
  const IoStatus status = co_await io_.move(worker, DiskDirection::kWrite, std::move(runs),
                                            config_.deadline, std::move(keep));
  PageRecord record = made;
  record.generation = entry->generation;
  std::string encoded = encode_page_record(record, entry->extents(), entry->sums());
  const Listed listed = list(*entry, writing, page, std::move(encoded), status);
  const DiskWrite result = finish(*entry, status, listed);
  PartSweep sweep;
  while (remove_parts_under(*entry, sweep)) {
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  on_records_(worker);  // also for records of evicted pages
  index_.charge();
  co_return result;
}

/// One step of placing a page.
PageWriter::Placed PageWriter::place(const PlaceRequest& request, DiskWriting& writing,
                                     SpaceSearch& search) {
  const MutexLock lock(index_.mutex);
  if (writing.stale) return PlaceResult{nullptr, dropped(DiskDrop::kStale)};
  if (index_.has(writing)) return PlaceResult{nullptr, DiskWrite::kAlreadyThere};
  const bool one_too_many = request.at.is_part() && index_.catalog->has_many_parts(
                                                        request.object, request.at, request.bytes);
  if (one_too_many) return PlaceResult{nullptr, dropped(DiskDrop::kManyParts)};
  if (!index_.journal->accepts_pages()) {
    return PlaceResult{nullptr, dropped(DiskDrop::kJournalFull)};
  }
  const std::expected<DiskEntry*, NotPlaced> placed = index_.catalog->place(request, search);
  if (placed) {
    writing.placed = true;
    return PlaceResult{*placed, DiskWrite::kStored};
  }
  if (placed.error() == NotPlaced::kAgain) return std::nullopt;
  return PlaceResult{nullptr, dropped(DiskDrop::kNoSpace)};
}

Listed PageWriter::list(DiskEntry& entry, DiskWriting& writing, const DiskPage& page,
                        std::string record, IoStatus status) {
  while (true) {
    const uint64_t version = config_.pins == nullptr ? 0 : config_.pins->version();
    const bool keep = keeps(page);
    const MutexLock lock(index_.mutex);
    // Else a walk with newer rules may have begun, which does not meet this page's record.
    if (config_.pins != nullptr && config_.pins->version() != version) continue;
    writing.placed = false;
    if (writing.stale || !status.ok()) return Listed::kSuperseded;
    index_.catalog->set_keep(entry, keep);
    return index_.catalog->list(entry, std::move(record));
  }
}

DiskWrite PageWriter::finish(const DiskEntry& entry, IoStatus status, Listed listed) {
  if (!status.ok()) {
    DiskStats::add(stats_.write_errors, 1);
    return dropped(status.no_room() ? DiskDrop::kReadOnly : DiskDrop::kWriteError);
  }
  DiskStats::add(stats_.written_bytes, units_for(entry.bytes) * kUnitBytes);
  switch (listed) {
    case Listed::kSuperseded:
      return dropped(DiskDrop::kStale);
    case Listed::kManyParts:
      return dropped(DiskDrop::kManyParts);
    case Listed::kCovered:
      return DiskWrite::kAlreadyThere;
    case Listed::kYes:
      break;
  }
  DiskStats::add(stats_.insertions, 1);
  return DiskWrite::kStored;
}

bool PageWriter::remove_parts_under(const DiskEntry& entry, PartSweep& sweep) {
  const MutexLock lock(index_.mutex);
  return index_.catalog->remove_parts_under(entry, sweep);
}

}  // namespace cachey::store
