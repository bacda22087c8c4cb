#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/object_info.h"
#include "base/units.h"
#include "store/disk/page_at.h"

namespace cachey::store {

/// The name and the properties of a page to be written.
struct DiskPage {
  std::string kind;
  std::string object;
  PageAt at;
  uint64_t bytes = 0;
  ObjectInfo info;
  std::string bucket;
  int64_t cached_at = 0;
};

/// The memory of a page to be written: whole units, at unit addresses.
struct DiskPageMemory {
  std::vector<iovec> parts;
  std::shared_ptr<void> keep;  ///< keeps the memory until the device is done with it
};

/// A page that waits to be written: a reference, which does not keep the page in memory.
class DiskWriteSource {
 public:
  virtual ~DiskWriteSource() = default;
  [[nodiscard]] virtual uint64_t bytes() const = 0;
  [[nodiscard]] virtual DiskPage page() const = 0;
  /// Called once, when the page's turn has come. Nothing: the page has left memory, or another
  /// version is the object's current one.
  [[nodiscard]] virtual std::optional<DiskPageMemory> take() = 0;
};

struct WriteQueueLimits {
  size_t pages = 65'536;                ///< that wait
  uint64_t bytes = 4 * kGiB;            ///< of the pages that wait
  unsigned at_once = 128;               ///< writes
  uint64_t bytes_at_once = 128 * kMiB;  ///< of the writes; one write may have more
};

/// The pages that wait to be written, first in, first out, and the number of writes that run. If
/// the queue is full, the page that waits longest leaves, because its memory is the first to be
/// evicted. Owned by the PageWriter. Any thread; a source is destroyed without the mutex.
class WriteQueue {
 public:
  using Source = std::unique_ptr<DiskWriteSource>;

  /// A page that may be written now. The destructor tells the queue that the write has ended, or
  /// has missed its deadline.
  class Turn {
   public:
    Turn(WriteQueue& queue, Source source) : queue_(&queue), source_(std::move(source)) {}
    Turn(Turn&&) = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (source_ != nullptr) queue_->end(source_->bytes());
    }

    [[nodiscard]] DiskWriteSource& source() const { return *source_; }

   private:
    WriteQueue* queue_;
    Source source_;  // null: moved from
  };

  explicit WriteQueue(WriteQueueLimits limits) : limits_(limits) {}

  /// Returns the pages that leave the queue because it is full.
  [[nodiscard]] std::vector<Source> push(Source source) EXCLUDES(mutex_);

  /// The next page, if one more write may run.
  [[nodiscard]] std::optional<Turn> begin() EXCLUDES(mutex_);

  /// Whether begin() would return a page.
  [[nodiscard]] bool may_begin() const EXCLUDES(mutex_);
  /// Whether push() would drop no page of this size.
  [[nodiscard]] bool has_room(uint64_t bytes) const EXCLUDES(mutex_);

  /// Takes all waiting pages out.
  [[nodiscard]] std::deque<Source> clear() EXCLUDES(mutex_);

  /// Bytes of the pages that wait or are written.
  [[nodiscard]] uint64_t bytes() const EXCLUDES(mutex_);
  /// The memory of the waiting references, about.
  [[nodiscard]] size_t memory_bytes() const EXCLUDES(mutex_);

 private:
  [[nodiscard]] bool next_may_begin() const REQUIRES(mutex_);
  [[nodiscard]] Source take_first() REQUIRES(mutex_);
  void end(uint64_t bytes) EXCLUDES(mutex_);

  const WriteQueueLimits limits_;

  mutable Mutex mutex_;
  std::deque<Source> waiting_ GUARDED_BY(mutex_);
  uint64_t waiting_bytes_ GUARDED_BY(mutex_) = 0;
  unsigned active_ GUARDED_BY(mutex_) = 0;
  uint64_t active_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace cachey::store
