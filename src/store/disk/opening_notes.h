#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/units.h"
#include "store/disk/disk_index.h"
#include "store/disk/version_change.h"

namespace cachey::store {

/// The news of versions that came while the index was being read: the last of each bucket of an
/// object. An object with news of more than kBucketsMax buckets loses all its pages. Past
/// kObjectsMax objects or kBytesMax bytes only the object's
/// share (a hash bucket) is marked: apply() removes all pages in it. A device that hangs may keep
/// the notes for long, so their memory is charged, in steps of kChargeStep. Owned by the tier. Any
/// thread.
class OpeningNotes {
 public:
  static constexpr size_t kObjectsMax = 100'000;
  static constexpr size_t kBucketsMax = 4;
  static constexpr size_t kBytesMax = 16 * kMiB;
  static constexpr size_t kChargeStep = 64 * kKiB;

  /// `charge`: called with the change of the notes' memory, on any thread, without a mutex.
  explicit OpeningNotes(std::function<void(int64_t bytes)> charge) : charge_(std::move(charge)) {}
  ~OpeningNotes() { uncharge(); }
  OpeningNotes(const OpeningNotes&) = delete;
  OpeningNotes& operator=(const OpeningNotes&) = delete;

  /// False: apply() was called, and nothing is noted any more.
  [[nodiscard]] bool note(const ObjectId& object, const VersionChange& change) EXCLUDES(mutex_);

  /// Removes the pages of superseded versions from the index, and ends the notes. Observations go
  /// on meanwhile: only the last kLastNotes of them find the notes ended and wait for the index.
  void apply(DiskIndex& index) REQUIRES(index.mutex) EXCLUDES(mutex_);
  /// Gives the charged bytes back. After apply().
  void uncharge() EXCLUDES(mutex_);

 private:
  static constexpr size_t kShares = size_t{1} << 20;
  static constexpr size_t kLastNotes = 64;
  static constexpr size_t kNoteBytes = 128;  // a node of the map, about, without the changes
  struct ObjectHash {
    size_t operator()(const ObjectId& object) const { return object.low; }
  };

  /// False: no notes are left, and none are taken any more.
  [[nodiscard]] bool apply_some(DiskIndex& index) REQUIRES(index.mutex) EXCLUDES(mutex_);
  void write(const ObjectId& object, VersionChange change) REQUIRES(mutex_);
  [[nodiscard]] static size_t bytes_of(const std::vector<VersionChange>& changes);
  /// The bytes to be charged beside those that are.
  [[nodiscard]] int64_t take_charge() REQUIRES(mutex_);

  const std::function<void(int64_t bytes)> charge_;
  Mutex mutex_;
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  size_t charged_ GUARDED_BY(mutex_) = 0;
  bool applied_ GUARDED_BY(mutex_) = false;
  /// In the order of the last news of each bucket.
  std::unordered_map<ObjectId, std::vector<VersionChange>, ObjectHash> changes_ GUARDED_BY(mutex_);
  std::vector<bool> shares_ GUARDED_BY(mutex_);  // kShares entries, or empty
};

}  // namespace cachey::store
