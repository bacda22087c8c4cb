#include "cache/disk_reads.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/check.h"
#include "cache/disk_memory.h"

namespace cachey::cache {

void PieceLoad::end(Piece::State state) {
  const PagePtr page = std::exchange(page_, nullptr);
  if (page == nullptr) return;
  // Before the readers are woken, so that they do not find the page again.
  if (state == Piece::State::kNotGiven) table_->remove(*page);
  const bool kept = page->end_load(*piece_, state);
  if (state == Piece::State::kLoaded) {
    if (!kept) memory_->discard(*piece_);  // the page was discarded meanwhile
  } else if (state == Piece::State::kNotGiven) {
    page->discard();
  } else {
    table_->remove_if_idle(*page);
  }
}

DiskReads::DiskReads(store::DiskTier* disk, store::MemoryTier& memory, PageTable& table,
                     const MayHave& may_have, const Bypass& bypass)
    : disk_(disk),
      memory_(memory),
      table_(table),
      may_have_(may_have),
      origin_(bypass.origin),
      ingress_(bypass.ingress),
      clock_(bypass.clock),
      bypass_(bypass.is_on && disk != nullptr, bypass.clock, [disk] { return disk->name(); }) {}

DiskReads::Found DiskReads::find(rt::Worker& worker, const Page& page, store::DiskUse use) {
  const KeyView key = page.key();
  std::optional<store::DiskPageRef> found =
      disk_->find(worker, key.kind, key.object, page.at(), use);
  if (!found) return nullptr;
  return std::make_shared<const store::DiskPageRef>(std::move(*found));
}

/// The bucket of what the disk has is one that the kind may have. Else the object's pages from
/// there leave the disk.
bool DiskReads::is_allowed(rt::Worker& worker, KeyView key, const store::DiskPageRef& found) {
  if (may_have_(key.kind, found.bucket())) return true;
  disk_->remove(worker, key.kind, key.object, found.bucket());
  return false;
}

DiskReads::Found DiskReads::adopt_from_disk(rt::Worker& worker, Page& page, store::DiskUse use) {
  if (disk_ == nullptr) return nullptr;
  const uint64_t purges = table_.purges();
  Found found = find(worker, page, use);
  if (found == nullptr || !is_allowed(worker, page.key(), *found)) {
    learn_version(worker, page);
    return nullptr;
  }
  return adopt(page, *found, purges) ? found : nullptr;
}

bool DiskReads::adopt(Page& page, const store::DiskPageRef& found, uint64_t purges) {
  const uint64_t bytes = page.bytes_of(found.info().size);
  if (bytes == 0 || found.bytes() != bytes) return false;
  ObjectSourcePtr source = table_.adopt(page, found.source());
  if (source == nullptr || table_.purges() != purges) return false;
  page.set_on_disk(std::move(source), found.bytes(), found.cached_at());
  return true;
}

bool DiskReads::has(rt::Worker& worker, const FetchSpec& spec, uint32_t index) {
  return object_size_if_here(worker, spec, index).has_value();
}

std::optional<uint64_t> DiskReads::object_size_if_here(rt::Worker& worker, const FetchSpec& spec,
                                                       uint32_t index) {
  if (disk_ == nullptr) return std::nullopt;
  const KeyView key = spec.key.view();
  const std::optional<store::DiskPageRef> found =
      disk_->find(worker, key.kind, key.object,
                  store::PageAt::page(index, spec.page_size.exponent()), store::DiskUse::kNone);
  if (!found || !may_have_(key.kind, found->bucket())) return std::nullopt;
  if (!spec.takes(*found->source())) return std::nullopt;
  if (found->bytes() != spec.page_size.bytes_of(index, found->info().size)) return std::nullopt;
  const ObjectSourcePtr ruling = table_.ruling(key);
  if (ruling != nullptr && ruling->info.size != found->info().size) return std::nullopt;
  return found->info().size;
}

DiskReads::FoundPart DiskReads::find_part(rt::Worker& worker, const FetchSpec& spec,
                                          ByteRange wanted) {
  FoundPart found{nullptr, wanted.end, table_.purges()};
  if (disk_ == nullptr) return found;
  std::vector<store::DiskPageRef> parts =
      disk_->find_parts(worker, spec.key.kind, spec.key.object, spec.page_size.exponent(), wanted,
                        store::DiskUse::kNone, PageTable::kIslandBytesMax);
  if (parts.empty() || !is_allowed(worker, spec.key.view(), parts.front())) return found;
  const uint64_t begin = parts.front().range().begin;
  if (begin <= wanted.begin) {
    found.part = std::make_shared<const store::DiskPageRef>(std::move(parts.front()));
  } else {
    found.missing_end = begin;
  }
  return found;
}

void DiskReads::learn_version(rt::Worker& worker, const Page& page) {
  if (disk_ == nullptr) return;
  const KeyView key = page.key();
  if (table_.ruling(key) != nullptr) return;
  const uint64_t purges = table_.purges();
  ObjectSourcePtr version = version_of(worker, key);
  if (version != nullptr) table_.learn(key, std::move(version), purges);
}

ObjectSourcePtr DiskReads::version_of(rt::Worker& worker, KeyView key) {
  if (disk_ == nullptr) return nullptr;
  while (ObjectSourcePtr version = disk_->version_of(key.kind, key.object)) {
    if (may_have_(key.kind, version->bucket)) return version;
    disk_->remove(worker, key.kind, key.object, version->bucket);
  }
  return nullptr;
}

std::vector<ObjectSourcePtr> DiskReads::versions_of(rt::Worker& worker, KeyView key) {
  if (disk_ == nullptr) return {};
  (void)version_of(worker, key);  // what the kind may not have leaves the disk
  std::vector<ObjectSourcePtr> versions = disk_->versions_of(key.kind, key.object);
  std::erase_if(versions, [&](const ObjectSourcePtr& version) {
    return !may_have_(key.kind, version->bucket);
  });
  return versions;
}

DiskReads::Load DiskReads::start(rt::Worker& worker, const PagePtr& page, ByteRange wanted,
                                 LoadAhead ahead, const FetchSpecPtr& spec, Found found) {
  Page::Missing missing = page->add_missing(wanted, ahead);
  Load started{std::move(missing.first), !missing.first_is_added};
  if (missing.added.empty()) return started;
  std::vector<PieceLoad> loads;
  loads.reserve(missing.added.size());
  for (PiecePtr& piece : missing.added) loads.emplace_back(table_, memory_, page, std::move(piece));
  if (found == nullptr) found = find(worker, *page, store::DiskUse::kNone);
  // The page may have been written again from another bucket.
  const bool same = found != nullptr && found->bucket() == page->source()->bucket &&
                    found->info().same_version(page->source()->info) &&
                    found->bytes() == page->bytes_of(page->source()->info.size);
  if (!same) return started;
  for (PieceLoad& one : loads) worker.tasks().spawn(load(worker, std::move(one), found, spec));
  return started;
}

void DiskReads::note_use(Page& page, MonoTime now) {
  if (disk_ == nullptr || !page.due_to_touch_disk(now)) return;
  disk_->touch(page.key().kind, page.key().object, page.at());
}

rt::Task<void> DiskReads::load(rt::Worker& worker, PieceLoad one, Found found, FetchSpecPtr spec) {
  const Piece::State state = co_await read_piece(worker, one, std::move(found), std::move(spec));
  one.end(state);
}

/// Reads the piece into memory of its own.
rt::Task<Piece::State> DiskReads::read_piece(rt::Worker& worker, PieceLoad& one, Found found,
                                             FetchSpecPtr spec) {
  const PiecePtr piece = one.piece();
  const uint64_t bytes = piece->range().size();
  if (!disk_->may_read(bytes)) co_return Piece::State::kNotGiven;
  Result<store::Admission> admitted =
      co_await memory_.pieces().admit(worker, found->bucket(), bytes);
  // Only loads that wait for the disk have this memory.
  if (!admitted) co_return Piece::State::kNotGiven;
  const Result<void> allocated = co_await memory_.allocate(worker, *piece, bytes);
  if (!allocated) co_return Piece::State::kNoMemory;
  const store::DiskTier::Keep pin = pin_for_disk(piece, std::move(*admitted));
  if (pin == nullptr) co_return Piece::State::kNotGiven;
  store::DiskPageMemory into{units_of(*piece, bytes), pin};
  const bool has_bytes =
      co_await bypass_disk(worker, one.page(), piece->range(), into.parts, found, *spec);
  if (!has_bytes) {
    const store::DiskRead read =
        co_await read_disk(worker, std::move(found), piece->range(), std::move(into));
    if (read != store::DiskRead::kOk) co_return Piece::State::kNotGiven;
  }
  memory_.publish(*piece);
  co_return Piece::State::kLoaded;
}

}  // namespace cachey::cache
