#include "store/disk/opening_notes.h"

#include <utility>

namespace cachey::store {

bool OpeningNotes::note(const ObjectId& object, const ObjectInfo* keep) {
  const MutexLock lock(mutex_);
  if (applied_) return false;
  if (versions_.size() >= kObjectsMax && !versions_.contains(object)) {
    shares_.resize(kShares);
    shares_[object.low % kShares] = true;
    return true;
  }
  std::optional<ObjectInfo> version;
  if (keep != nullptr) version = *keep;
  versions_.insert_or_assign(object, std::move(version));
  return true;
}

void OpeningNotes::apply(DiskIndex& index) {
  decltype(versions_) versions;
  std::vector<bool> shares;
  {
    const MutexLock lock(mutex_);
    applied_ = true;
    versions.swap(versions_);
    shares.swap(shares_);
  }
  for (const auto& [object, keep] : versions) index.supersede(object, keep ? &*keep : nullptr);
  if (shares.empty()) return;
  std::vector<ObjectId> gone;
  index.catalog->for_each([&](const DiskEntry& entry) {
    const DiskObject& object = *entry.object;
    if (object.pages == &entry && shares[object.id.low % kShares]) gone.push_back(object.id);
  });
  for (const ObjectId& object : gone) index.supersede(object, nullptr);
}

}  // namespace cachey::store
