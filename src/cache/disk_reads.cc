#include "cache/disk_reads.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/check.h"
#include "cache/disk_memory.h"

namespace cachey::cache {

bool DiskReads::adopt_from_disk(rt::Worker& worker, Page& page) {
  if (disk_ == nullptr) return false;
  const std::optional<store::DiskPageRef> found =
      disk_->find(worker, page.key().kind, page.key().object, page.index(), store::DiskUse::kUse);
  if (!found) return false;
  const ObjectInfo& info = found->info();
  const bool fits = info.size > page.object_offset() &&
                    found->bytes() == std::min(kPageBytes, info.size - page.object_offset());
  if (!fits) return false;
  ObjectSourcePtr source = table_.adopt(page, found->source());
  if (source == nullptr) return false;
  page.set_on_disk(std::move(source), found->bytes(), found->cached_at());
  return true;
}

void DiskReads::start(rt::Worker& worker, const PagePtr& page, ByteRange wanted, LoadAhead ahead) {
  for (PiecePtr& piece : page->add_missing(wanted, ahead)) {
    worker.tasks().spawn(load(worker, page, std::move(piece)));
  }
}

void DiskReads::note_use(Page& page, MonoTime now) {
  if (disk_ == nullptr || !page.due_to_touch_disk(now)) return;
  disk_->touch(page.key().kind, page.key().object, page.index());
}

rt::Task<void> DiskReads::load(rt::Worker& worker, PagePtr page, PiecePtr piece) {
  Result<bool> brought = co_await read_piece(worker, *page, piece);
  if (brought && *brought) {
    if (page->add(*piece)) co_return;
    memory_.discard(*piece);
    co_return;
  }
  table_.remove(*page);  // before lose(), so that a retry does not find the page
  page->lose(brought ? std::nullopt : std::optional(std::move(brought.error())));
  page->remove_piece(*piece);
  page->discard();
}

/// Reads the piece into memory of its own. False: the disk does not give the bytes.
rt::Task<Result<bool>> DiskReads::read_piece(rt::Worker& worker, const Page& page, PiecePtr piece) {
  const uint64_t bytes = piece->range().size();
  Result<store::Admission> admitted =
      co_await memory_.pieces().admit(worker, page.source()->bucket, bytes);
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  Result<void> allocated = co_await memory_.allocate(worker, *piece, bytes);
  if (!allocated) co_return std::unexpected(std::move(allocated.error()));
  const std::optional<store::DiskPageRef> found =
      disk_->find(worker, page.key().kind, page.key().object, page.index(), store::DiskUse::kNone);
  if (!found || !found->info().same_version(page.source()->info)) co_return false;
  const store::DiskTier::Keep pin = pin_for_disk(piece, std::move(*admitted));
  if (pin == nullptr) co_return false;
  std::vector<iovec> into = units_of(*piece);
  const store::DiskRead read =
      co_await disk_->read(worker, *found, piece->range(), std::move(into), pin);
  if (read != store::DiskRead::kOk) co_return false;
  memory_.publish(*piece);
  co_return true;
}

}  // namespace cachey::cache
