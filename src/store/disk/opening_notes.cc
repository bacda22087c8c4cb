#include "store/disk/opening_notes.h"

#include <utility>

namespace cachey::store {

bool OpeningNotes::note(const ObjectId& object, const VersionChange& change) {
  int64_t charge = 0;
  {
    const MutexLock lock(mutex_);
    if (applied_) return false;
    write(object, change);
    charge = take_charge();
  }
  if (charge > 0) charge_(charge);
  return true;
}

size_t OpeningNotes::bytes_of(const std::vector<VersionChange>& changes) {
  size_t bytes = kNoteBytes;
  for (const VersionChange& change : changes) bytes += change.memory_bytes();
  return bytes;
}

void OpeningNotes::write(const ObjectId& object, VersionChange change) {
  std::vector<VersionChange> changes;
  const auto known = changes_.find(object);
  if (known != changes_.end()) {
    bytes_ -= bytes_of(known->second);
    changes = std::move(known->second);
    changes_.erase(known);
  }
  std::erase_if(changes, [&change](const VersionChange& before) {
    return change.bucket().empty() || before.bucket() == change.bucket();
  });
  changes.push_back(std::move(change));
  if (changes.size() > kBucketsMax) changes = {VersionChange::removed({})};
  const size_t bytes = bytes_of(changes);
  if (changes_.size() >= kObjectsMax || bytes_ + bytes > kBytesMax) {
    if (shares_.empty()) bytes_ += kShares / 8;
    shares_.resize(kShares);
    shares_[object.low % kShares] = true;
    return;
  }
  bytes_ += bytes;
  changes_.emplace(object, std::move(changes));
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
  decltype(changes_) noted;
  std::vector<bool> shares;
  bool last = false;
  {
    const MutexLock lock(mutex_);
    last = changes_.size() <= kLastNotes && shares_.empty();
    applied_ = last;
    noted.swap(changes_);
    shares.swap(shares_);
    bytes_ = 0;
  }
  for (const auto& [object, changes] : noted) {
    for (const VersionChange& change : changes) index.supersede(object, change);
  }
  if (shares.empty()) return !last;
  std::vector<ObjectId> gone;
  index.catalog->for_each([&](const DiskEntry& entry) {
    const DiskObject& object = *entry.object;
    if (object.pages == &entry && shares[object.id.low % kShares]) gone.push_back(object.id);
  });
  for (const ObjectId& object : gone) index.supersede(object, VersionChange::removed({}));
  return !last;
}

}  // namespace cachey::store
