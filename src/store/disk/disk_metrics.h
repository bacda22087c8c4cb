#pragma once

#include "base/metrics.h"
#include "store/disk/disk_tier.h"

namespace cachey::store {

/// Registers the counts and sizes of the disk tier: `cachey_disk_*`. The tier outlives the last
/// text of `metrics`.
void add_disk_metrics(Metrics& metrics, const DiskTier& disk);

}  // namespace cachey::store
