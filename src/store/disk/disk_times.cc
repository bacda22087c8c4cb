#include "store/disk/disk_times.h"

namespace cachey::store {

DiskTimes::DiskTimes(Metrics& metrics)
    : read(metrics.fine_histogram(
          "cachey_disk_read_seconds",
          "Time of a read of the disk, of at most 2 MiB, as the device takes it",
          latency_bounds())),
      write(metrics.fine_histogram(
          "cachey_disk_write_seconds",
          "Time of the write of a page to the disk, without its wait for a turn",
          latency_bounds())) {}

}  // namespace cachey::store
