#pragma once

#include "base/fine_histogram.h"
#include "base/metrics.h"
#include "store/disk/region_health.h"

namespace cachey::store {

/// How long the device takes, in nanoseconds: from the hand-over of an operation to its end, or to
/// its deadline. The wait of a page for its turn to be written is not in these times; the wait for
/// one of the device's threads is. Any thread.
struct DiskTimes {
  explicit DiskTimes(Metrics& metrics);

  [[nodiscard]] const FineHistogram& of(DiskDirection direction) const {
    return direction == DiskDirection::kRead ? read : write;
  }

  FineHistogram read;   ///< of a piece of a page
  FineHistogram write;  ///< of a page
};

}  // namespace cachey::store
