#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/watched_mutex.h"
#include "store/disk/catalog.h"
#include "store/disk/journal.h"

namespace cachey::store {

/// A page that is being written, as the versions of its object see the page. In the frame of the
/// write.
struct DiskWriting {
  DiskWriting(const ObjectId& id, PageAt place, uint64_t size, ObjectSource version)
      : object(id), at(place), bytes(size), source(std::move(version)) {}
  const ObjectId object;
  const PageAt at;
  const uint64_t bytes;
  // Guarded by the index's mutex.
  ObjectSource source;  // its version stays; the rest is that of the newest answer
  bool placed = false;  // has space
  bool stale = false;   // another version was observed meanwhile
};

/// The index of the disk tier in memory, with its mutex: the pages on disk, their journal, and the
/// pages that are being written. Shared by the tier's parts; owned by the tier.
///
/// Lock order: the mutex is the last. Any thread.
class DiskIndex {
 public:
  /// `charge`: called with the change of the index's memory, on any thread, without the mutex.
  explicit DiskIndex(std::function<void(int64_t bytes)> charge) : charge_(std::move(charge)) {}
  ~DiskIndex();
  DiskIndex(const DiskIndex&) = delete;
  DiskIndex& operator=(const DiskIndex&) = delete;

  /// Makes an empty journal and catalog; pages and new segments get space below `capacity`. Once,
  /// before all other calls.
  void open(const Superblock& superblock, uint64_t capacity, uint64_t life, size_t memory_bytes_max,
            size_t pending_bytes_max) EXCLUDES(mutex);

  /// Removes the object's pages that are old by `change`, and marks such writes stale. The others
  /// get the answer that the change brings.
  void supersede(const ObjectId& object, const VersionChange& change) REQUIRES(mutex);

  /// The versions of the object's buckets: of its pages, and of writes that run.
  [[nodiscard]] std::vector<ObjectSourcePtr> versions_of(const ObjectId& object) const
      REQUIRES(mutex);

  /// Marks all writes that run stale.
  void end_all_writes() REQUIRES(mutex) {
    for (const auto& [object, writing] : writing_) writing->stale = true;
  }

  /// From begin() to end(), supersede() can mark the write stale.
  void begin(DiskWriting& writing) EXCLUDES(mutex);
  void end(DiskWriting& writing) EXCLUDES(mutex);
  /// The index has the page, in a version that can stand beside this one, in a region that is in
  /// use, or another write of the page is placed. Of a part: all its bytes are there or placed so.
  [[nodiscard]] bool has(const DiskWriting& writing) REQUIRES(mutex);

  void release(DiskEntry& entry) EXCLUDES(mutex);
  /// Keeps `memory`, and the space of the page, until the result is destroyed. REQUIRES: the page
  /// is held.
  [[nodiscard]] std::shared_ptr<void> keep(DiskEntry& entry, std::shared_ptr<void> memory)
      EXCLUDES(mutex);
  /// Removes the page, if it is in the index. Its space is freed once no holder is left.
  void forget(DiskEntry& entry) EXCLUDES(mutex);

  /// Passes the change of the index's memory since the last call on.
  void charge() EXCLUDES(mutex);

  mutable WatchedMutex mutex;
  std::optional<Journal> journal GUARDED_BY(mutex);  // this and the catalog: made by open()
  std::optional<Catalog> catalog GUARDED_BY(mutex);

 private:
  [[nodiscard]] bool is_listed(const DiskWriting& writing) REQUIRES(mutex);

  struct ObjectHash {
    size_t operator()(const ObjectId& object) const { return object.low; }
  };

  const std::function<void(int64_t bytes)> charge_;
  std::atomic<int64_t> charged_{0};
  std::unordered_multimap<ObjectId, DiskWriting*, ObjectHash> writing_ GUARDED_BY(mutex);
};

/// Holds the space of a page, or of a part of one: the space is not given to another page while the
/// hold exists, even if the page leaves the tier. Any thread. The tier outlives the hold.
class DiskHold {
 public:
  /// REQUIRES: the caller has held `entry` for the hold.
  DiskHold(DiskIndex& index, DiskEntry& entry) : index_(&index), entry_(&entry) {}
  DiskHold(DiskHold&& other) noexcept
      : index_(std::exchange(other.index_, nullptr)), entry_(other.entry_) {}
  DiskHold& operator=(DiskHold&& other) noexcept {
    std::swap(index_, other.index_);
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~DiskHold() {
    if (index_ != nullptr) index_->release(*entry_);
  }

  [[nodiscard]] DiskEntry& entry() const { return *entry_; }

 private:
  DiskIndex* index_;
  DiskEntry* entry_;
};

/// A page, or a part of one, that was found: its properties, as they were then, and the right to
/// read it. Holds the page's space. Any thread. The tier outlives the ref.
class DiskPageRef {
 public:
  /// REQUIRES: the caller has held `entry` for the ref, and has the index's mutex.
  DiskPageRef(DiskIndex& index, DiskEntry& entry)
      : hold_(index, entry), source_(entry.object->source) {}

  [[nodiscard]] const ObjectSourcePtr& source() const { return source_; }
  [[nodiscard]] const ObjectInfo& info() const { return source()->info; }
  [[nodiscard]] const std::string& bucket() const { return source()->bucket; }
  [[nodiscard]] int64_t cached_at() const { return hold_.entry().cached_at; }
  [[nodiscard]] uint64_t bytes() const { return hold_.entry().bytes; }
  /// The bytes of the object that the page or part has.
  [[nodiscard]] ByteRange range() const { return hold_.entry().at.range(bytes()); }

 private:
  friend class DiskTier;
  DiskHold hold_;
  ObjectSourcePtr source_;
};

}  // namespace cachey::store
