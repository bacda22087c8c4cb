#include "store/disk/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "store/disk/catalog.h"
#include "store/disk/io_parts.h"
#include "store/disk/journal.h"
#include "store/disk/recovery.h"
#include "store/disk/superblock.h"

namespace cachey::store {
namespace {

/// A store, opened without a tier.
struct Opened {
  explicit Opened(ParsedSuperblock found)
      : version(found.version),
        superblock(std::move(found.superblock)),
        journal(StoreLife{superblock.store_id, 0}, superblock.segment_units),
        catalog(CatalogLimits{units_for(kDataOffset),
                              static_cast<uint32_t>(superblock.capacity / kUnitBytes)},
                journal) {}

  const uint32_t version;
  const Superblock superblock;
  Journal journal;
  Catalog catalog;
  ReplayReport report;
};

Result<std::unique_ptr<Opened>> open_store(BlockDevice& device) {
  Result<ParsedSuperblock> parsed = read_superblock(device);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  switch (parsed->state) {
    case SuperblockState::kBlank:
      return fail(ErrorKind::kBadRequest, "there is nothing in it yet");
    case SuperblockState::kForeign:
      return fail(ErrorKind::kBadRequest, "it is no store of Cachey");
    case SuperblockState::kOtherVersion:
      return fail(ErrorKind::kBadRequest,
                  fmt::format("its format is version {}, this program's is {}", parsed->version,
                              kDiskFormatVersion));
    case SuperblockState::kDamaged:
      return fail(ErrorKind::kBadRequest, "its superblock is damaged");
    case SuperblockState::kValid:
      break;
  }
  if (parsed->superblock.capacity > device.size()) {
    return fail(ErrorKind::kBadRequest, "it is cut short");
  }
  auto opened = std::make_unique<Opened>(std::move(*parsed));
  opened->report =
      restore_catalog(device, opened->superblock, opened->catalog, unshared_attributes);
  return opened;
}

void count_kind(DiskContents& contents, const PageRecord& record) {
  std::string name(record.kind);
  if (!contents.kinds.contains(name) && contents.kinds.size() >= DiskContents::kKindsMax) {
    name = "(others)";
  }
  DiskContents::Share& share = contents.kinds[name];
  ++(record.at.is_part() ? share.parts : share.pages);
  share.bytes += record.bytes;
}

}  // namespace

Result<DiskContents> inspect_disk(BlockDevice& device) {
  Result<std::unique_ptr<Opened>> opened = open_store(device);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const Opened& store = **opened;
  DiskContents contents;
  contents.version = store.version;
  contents.superblock = store.superblock;
  contents.journal_bytes =
      store.superblock.segments.size() * (store.superblock.segment_units * kUnitBytes);
  contents.damaged_blocks = store.report.damaged_blocks;
  contents.unreadable_blocks = store.report.unreadable_blocks;
  contents.overlapping_pages = store.report.overlapping_pages;
  contents.used_bytes = store.superblock.capacity - store.catalog.space().free_units() * kUnitBytes;
  contents.texts = store.catalog.attributes().size();
  contents.text_bytes = store.catalog.attributes().text_bytes();
  contents.all = {store.catalog.pages(), store.catalog.parts(), store.catalog.payload_bytes()};
  store.catalog.for_each([&contents](const DiskEntry& entry) {
    if (entry.object->pages == &entry) {
      ++contents.objects;
      if (entry.object->attributes != nullptr) ++contents.objects_with_attributes;
    }
    contents.extents += entry.extent_count;
    contents.newest = std::max(contents.newest, entry.cached_at);
    contents.oldest =
        contents.oldest == 0 ? entry.cached_at : std::min(contents.oldest, entry.cached_at);
  });
  // Only the records have the kinds, so read the journal again and count the valid page records.
  (void)replay_journal(device, store.superblock, [&](const JournalRecord& record, uint64_t block) {
    const auto* page = std::get_if<PageRecord>(&record);
    if (page == nullptr) return;
    const DiskEntry* entry = store.catalog.find(page->object, page->at);
    const bool counts =
        entry != nullptr && entry->journal_block == block && entry->generation == page->generation;
    if (counts) count_kind(contents, *page);
  });
  return contents;
}

Result<DiskVerification> verify_disk(BlockDevice& device, const DiskProgress& progress) {
  Result<std::unique_ptr<Opened>> opened = open_store(device);
  if (!opened) return std::unexpected(std::move(opened.error()));
  const Opened& store = **opened;
  std::vector<const DiskEntry*> entries;
  store.catalog.for_each([&entries](const DiskEntry& entry) { entries.push_back(&entry); });
  std::ranges::sort(entries, {},
                    [](const DiskEntry* e) { return e->page_extents().front().first; });
  DiskVerification found;
  AlignedBuffer buffer(kPageBytes);
  for (const DiskEntry* entry : entries) {
    progress(found.bytes, store.catalog.payload_bytes());
    ++found.pages;
    found.bytes += entry->bytes;
    uint64_t at = 0;
    bool readable = true;
    for (const DiskExtent& extent : entry->extents()) {
      const uint64_t bytes = extent.units * kUnitBytes;
      const IoStatus status =
          device.read_now(extent.first * kUnitBytes, buffer.bytes().subspan(at, bytes));
      readable = readable && status.ok();
      at += bytes;
    }
    if (!readable) {
      ++found.unreadable_pages;
      continue;
    }
    uint64_t corrupt = 0;
    for (uint64_t block = 0; block < entry->sums().size(); ++block) {
      const uint64_t begin = block * kDiskBlockBytes;
      const iovec bytes{buffer.bytes().data() + begin,
                        std::min(kDiskBlockBytes, entry->bytes - begin)};
      const uint64_t sum =
          block_checksum(entry->identity(store.superblock.store_id, block), {&bytes, 1});
      if (sum != entry->sums()[block]) ++corrupt;
    }
    found.corrupt_blocks += corrupt;
    found.corrupt_pages += corrupt > 0 ? 1 : 0;
  }
  progress(found.bytes, store.catalog.payload_bytes());
  return found;
}

}  // namespace cachey::store
