#include "store/disk/disk_metrics.h"

#include <string>

#include "store/ghost_metrics.h"

namespace cachey::store {
namespace {

class Registration {
 public:
  Registration(Metrics& metrics, const DiskTier& disk) : metrics_(metrics), disk_(disk) {}

  template <typename T>
  void gauge(const char* name, const char* help, T DiskUsage::* field) {
    metrics_.read_gauge(
        name, help, [&disk = disk_, field] { return static_cast<double>(disk.usage().*field); });
  }

  void counter(const char* name, const char* help, const DiskStats::Count& count,
               const Metrics::Labels& labels = {}) {
    metrics_.read_counter(name, help, reader_of(count), labels);
  }

 private:
  Metrics& metrics_;
  const DiskTier& disk_;
};

void add_counters(Registration& add, const DiskStats& stats) {
  add.counter("cachey_disk_reads_total", "Reads of the disk that delivered", stats.reads);
  add.counter("cachey_disk_read_bytes_total", "Bytes of pages read from the disk",
              stats.read_bytes);
  const char* const failures = "Reads of the disk that were misses in the end, by cause";
  add.counter("cachey_disk_read_failures_total", failures, stats.read_errors, {{"cause", "error"}});
  add.counter("cachey_disk_read_failures_total", failures, stats.read_timeouts,
              {{"cause", "timeout"}});
  add.counter("cachey_disk_read_failures_total", failures, stats.reads_refused,
              {{"cause", "refused"}});
  add.counter("cachey_disk_read_failures_total", failures, stats.corrupt_reads,
              {{"cause", "corrupt"}});
  add.counter("cachey_disk_corrupt_blocks_total", "Blocks whose checksum did not match",
              stats.corrupt_blocks);
  add.counter("cachey_disk_insertions_total", "Pages and parts written to the disk",
              stats.insertions);
  add.counter("cachey_disk_written_bytes_total", "Bytes of pages written to the disk",
              stats.written_bytes);
  add.counter("cachey_disk_journal_bytes_total", "Bytes of the disk's index written",
              stats.journal_bytes);
  add.counter("cachey_disk_write_errors_total", "Writes to the disk that failed",
              stats.write_errors);
  add.counter("cachey_disk_offline_total", "Times that the disk was taken out of use",
              stats.times_offline);
  add.counter("cachey_disk_region_outs_total",
              "Times that a region of the disk was taken out of use", stats.regions_went_out);
  add.counter("cachey_disk_recovered_pages_total",
              "Pages and parts that the disk held at the start", stats.recovered_pages);
  add.counter("cachey_disk_journal_moves_total",
              "Times that the index on disk went on at another place", stats.journal_moves);
  const char* const damaged = "Blocks of the index on disk that could not be read";
  add.counter("cachey_disk_index_damage_total", damaged, stats.recovered_damaged,
              {{"found", "opening"}});
  add.counter("cachey_disk_index_damage_total", damaged, stats.recovered_unreadable,
              {{"found", "opening_unreadable"}});
  add.counter("cachey_disk_index_damage_total", damaged, stats.journal_lost_blocks,
              {{"found", "cleaning"}});
  for (size_t cause = 0; cause < kDiskDrops; ++cause) {
    add.counter("cachey_disk_drops_total",
                "Pages and parts that were not written to the disk, by cause", stats.drops[cause],
                {{"cause", std::string(to_string(static_cast<DiskDrop>(cause)))}});
  }
}

}  // namespace

void add_disk_metrics(Metrics& metrics, const DiskTier& disk) {
  Registration add(metrics, disk);
  add.gauge("cachey_disk_capacity_bytes", "Bytes of the disk that the cache may use",
            &DiskUsage::capacity);
  add.gauge("cachey_disk_used_bytes", "Bytes of them taken, with metadata and rounding",
            &DiskUsage::used_bytes);
  add.gauge("cachey_disk_payload_bytes", "Bytes of pages on the disk", &DiskUsage::payload_bytes);
  add.gauge("cachey_disk_pages", "Pages on the disk", &DiskUsage::pages);
  add.gauge("cachey_disk_parts", "Parts of pages on the disk", &DiskUsage::parts);
  add.gauge("cachey_disk_queued_bytes", "Bytes that wait to be written, or are being written",
            &DiskUsage::queued_bytes);
  add.gauge("cachey_disk_late_bytes",
            "Bytes of memory that the device has past the deadline of the read or write",
            &DiskUsage::late_bytes);
  add.gauge("cachey_disk_pending_records",
            "Pages that came or went, and the index on disk does not say so yet",
            &DiskUsage::pending_records);
  add.gauge("cachey_disk_index_memory_bytes", "Memory of the disk's index",
            &DiskUsage::memory_bytes);
  add.gauge("cachey_disk_online", "1 while the disk is in use", &DiskUsage::online);
  add.gauge("cachey_disk_read_only", "1 while the disk is only read, because writes find no room",
            &DiskUsage::read_only);
  add.gauge("cachey_disk_regions_out", "Of the disk's at most 64 regions, those out of use",
            &DiskUsage::regions_out);
  metrics.read_counter("cachey_disk_evictions_total", "Pages that left the disk for others",
                       [&disk] { return static_cast<double>(disk.usage().evictions); });
  add_counters(add, disk.stats());
  add_ghost_metrics(metrics, "disk", [&disk] { return disk.usage().ghosts; });
}

}  // namespace cachey::store
