#pragma once

#include "base/metrics.h"
#include "store/disk/disk_tier.h"

namespace cachey::store {

/// Registers what the disk tier counts and holds: `cachey_disk_*`. The tier outlives the last text
/// of `metrics`.
void add_disk_metrics(Metrics& metrics, const DiskTier& disk);

}  // namespace cachey::store
