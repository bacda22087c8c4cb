#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/object_info.h"
#include "store/disk/disk_index.h"

namespace cachey::store {

/// The versions that were observed while the index was being read: the last version of each object,
/// or that the object was removed. Past kObjectsMax objects only the object's share (a hash bucket)
/// is marked: apply() removes all pages in it. Owned by the tier. Any thread.
class OpeningNotes {
 public:
  static constexpr size_t kObjectsMax = 100'000;

  /// `keep`: the object's version; null: the object was removed. False: apply() was called, and
  /// nothing is noted any more.
  [[nodiscard]] bool note(const ObjectId& object, const ObjectInfo* keep) EXCLUDES(mutex_);

  /// Removes the pages of superseded versions from the index, and ends the notes.
  void apply(DiskIndex& index) REQUIRES(index.mutex) EXCLUDES(mutex_);

 private:
  static constexpr size_t kShares = size_t{1} << 20;
  struct ObjectHash {
    size_t operator()(const ObjectId& object) const { return object.low; }
  };

  Mutex mutex_;
  bool applied_ GUARDED_BY(mutex_) = false;
  std::unordered_map<ObjectId, std::optional<ObjectInfo>, ObjectHash> versions_ GUARDED_BY(mutex_);
  std::vector<bool> shares_ GUARDED_BY(mutex_);  // kShares entries, or empty
};

}  // namespace cachey::store
