// How the catalog removes the pages of a set of objects. It knows no names: a page's name is in the
// page's record in the journal.

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "store/disk/catalog.h"

namespace cachey::store {

DiskPurged Catalog::count(const ObjectId& id) const {
  DiskPurged counted;
  (void)find_if(id, [&counted](const DiskObject& object) {
    uint64_t pages = 0;
    uint64_t bytes = 0;
    for (const DiskEntry* entry = object.pages; entry != nullptr; entry = entry->next_page) {
      if (pages == kCountedMax) {  // the rest is taken to be alike
        bytes = bytes / pages * object.entries;
        pages = object.entries;
        break;
      }
      ++pages;
      bytes += entry->bytes;
    }
    counted.pages += pages;
    counted.bytes += bytes;
    return false;
  });
  return counted;
}

void Catalog::begin_purge(const KeyScope& scope) {
  CHECK(!purging_);
  purging_.emplace(scope, generation_);
}

DiskPurged Catalog::end_purge() {
  CHECK(purging_);
  const DiskPurged done = purging_->done;
  purging_.reset();
  return done;
}

/// REQUIRES: begin_purge() was called.
void Catalog::purge(DiskEntry& entry) {
  ++purging_->done.pages;
  purging_->done.bytes += entry.bytes;
  remove(entry);
}

bool Catalog::purge(const PageRecord& record) {
  if (!purging_ || !purging_->scope.has(record.kind, record.key)) return false;
  DiskEntry* const entry = find(record.object, record.at);
  const bool is_meant = entry != nullptr && entry->generation == record.generation &&
                        entry->generation <= purging_->generation;
  if (is_meant) purge(*entry);
  return is_meant;
}

bool Catalog::purge_unnamed(size_t& bucket, const UnknownBlocks& unknown) {
  std::vector<DiskEntry*> leaving;
  const size_t end = std::min(pages_.buckets(), bucket + kStepBuckets);
  while (bucket < end && leaving.size() < static_cast<size_t>(kStepRemovals)) {
    pages_.for_each_in(bucket++, [&](DiskEntry& entry) {
      const bool is_unnamed =
          entry.journal_block == DiskEntry::kNoJournalBlock || unknown.has(entry.journal_block);
      if (is_unnamed && entry.generation <= purging_->generation &&
          entry.object->state == DiskObject::State::kCurrent)
        leaving.push_back(&entry);
    });
  }
  for (DiskEntry* entry : leaving) purge(*entry);
  return bucket < pages_.buckets();
}

}  // namespace cachey::store
