#include "store/disk/opening_notes.h"

#include <utility>

namespace cachey::store {

bool OpeningNotes::note(const ObjectId& object, const ObjectInfo* keep) {
  int64_t charge = 0;
  {
    const MutexLock lock(mutex_);
    if (applied_) return false;
    write(object, keep);
    charge = take_charge();
  }
  if (charge > 0) charge_(charge);
  return true;
}

void OpeningNotes::write(const ObjectId& object, const ObjectInfo* keep) {
  const size_t bytes = kNoteBytes + (keep == nullptr ? 0 : keep->etag.size());
  const auto known = versions_.find(object);
  if (known != versions_.end()) {
    const std::optional<ObjectInfo>& before = known->second;
    bytes_ -= kNoteBytes + (before ? before->etag.size() : 0);
    versions_.erase(known);
  }
  if (versions_.size() >= kObjectsMax || bytes_ + bytes > kBytesMax) {
    if (shares_.empty()) bytes_ += kShares / 8;
    shares_.resize(kShares);
    shares_[object.low % kShares] = true;
    return;
  }
  bytes_ += bytes;
  std::optional<ObjectInfo> version;
  if (keep != nullptr) version = *keep;
  versions_.emplace(object, std::move(version));
}

int64_t OpeningNotes::take_charge() {
  if (bytes_ <= charged_) return 0;
  const size_t wanted = (bytes_ + kChargeStep - 1) / kChargeStep * kChargeStep;
  return static_cast<int64_t>(wanted - std::exchange(charged_, wanted));
}

void OpeningNotes::uncharge() {
  size_t charged = 0;
  {
    const MutexLock lock(mutex_);
    charged = std::exchange(charged_, 0);
  }
  if (charged > 0) charge_(-static_cast<int64_t>(charged));
}

void OpeningNotes::apply(DiskIndex& index) {
  while (apply_some(index)) continue;
}

bool OpeningNotes::apply_some(DiskIndex& index) {
  decltype(versions_) versions;
  std::vector<bool> shares;
  bool last = false;
  {
    const MutexLock lock(mutex_);
    last = versions_.size() <= kLastNotes && shares_.empty();
    applied_ = last;
    versions.swap(versions_);
    shares.swap(shares_);
    bytes_ = 0;
  }
  for (const auto& [object, keep] : versions) index.supersede(object, keep ? &*keep : nullptr);
  if (shares.empty()) return !last;
  std::vector<ObjectId> gone;
  index.catalog->for_each([&](const DiskEntry& entry) {
    const DiskObject& object = *entry.object;
    if (object.pages == &entry && shares[object.id.low % kShares]) gone.push_back(object.id);
  });
  for (const ObjectId& object : gone) index.supersede(object, nullptr);
  return !last;
}

}  // namespace cachey::store
