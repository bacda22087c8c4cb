#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rt/worker.h"
#include "store/disk/device_io.h"
#include "store/disk/disk_index.h"
#include "store/disk/disk_stats.h"
#include "store/disk/write_queue.h"
#include "store/pin_rules.h"

namespace cachey::store {

enum class DiskWrite : uint8_t { kStored, kAlreadyThere, kDropped };

struct PageWriterConfig {
  WriteQueueLimits queue;
  std::chrono::milliseconds deadline{30'000};  ///< of a write
  const PinRules* pins = nullptr;              ///< null: no page is kept
};

/// Writes pages to the device: the queue, and tasks that write its pages one after the other. A
/// write that misses its deadline gives its turn back; the page's memory and space stay taken until
/// the device is done. Owned by the tier; index and I/O outlive it. Any thread; a worker that is
/// passed in is the calling thread's own.
class PageWriter {
 public:
  PageWriter(uint64_t store_id, PageWriterConfig config, DiskIndex& index, DeviceIo& io,
             DiskStats& stats)
      : store_id_(store_id),
        config_(config),
        index_(index),
        io_(io),
        stats_(stats),
        queue_(config.queue) {}

  /// Called on the worker when records were added to the journal. To be set before the first use.
  void on_records(std::function<void(rt::Worker&)> call) { on_records_ = std::move(call); }

  /// Queues a page. The page is written by a task of this or of another worker.
  void offer(rt::Worker& worker, WriteQueue::Source source);

  /// Writes the page now, beside the queue.
  [[nodiscard]] rt::Task<DiskWrite> write(rt::Worker& worker, DiskWriteSource& source);

  [[nodiscard]] WriteQueue& queue() { return queue_; }
  [[nodiscard]] const WriteQueue& queue() const { return queue_; }

 private:
  [[nodiscard]] rt::Task<void> run(rt::Worker& worker);
  void drop_queue(DiskDrop cause);
  struct PlaceResult {
    DiskEntry* entry;  // null: the page is not written
    DiskWrite result;  // then
  };
  using Placed = std::optional<PlaceResult>;  // nothing: another step is needed
  [[nodiscard]] Placed place(const PlaceRequest& request, DiskWriting& writing, SpaceSearch& search)
      EXCLUDES(index_.mutex);
  [[nodiscard]] bool keeps(const DiskPage& page) const {
    return config_.pins != nullptr && config_.pins->matches(page.kind, page.object);
  }
  /// If the write went well: adds the page to the index, and compares it with the newest rules.
  [[nodiscard]] Listed list(DiskEntry& entry, DiskWriting& writing, const DiskPage& page,
                            std::string record, IoStatus status) EXCLUDES(index_.mutex);
  [[nodiscard]] DiskWrite finish(const DiskEntry& entry, IoStatus status, Listed listed);
  [[nodiscard]] bool remove_parts_under(const DiskEntry& entry, PartSweep& sweep)
      EXCLUDES(index_.mutex);
  [[nodiscard]] DiskWrite dropped(DiskDrop cause) {
    stats_.drop(cause);
    return DiskWrite::kDropped;
  }

  const uint64_t store_id_;
  const PageWriterConfig config_;
  DiskIndex& index_;
  DeviceIo& io_;
  DiskStats& stats_;
  std::function<void(rt::Worker&)> on_records_;
  WriteQueue queue_;
};

}  // namespace cachey::store
