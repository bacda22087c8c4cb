#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/metrics.h"
#include "store/disk/disk_tier.h"

namespace cachey::app {

/// Registers what the disk tier counts and holds. The tier outlives `metrics`' last text.
void add_disk_metrics(Metrics& metrics, const store::DiskTier& disk);

/// The member `disk` of /stats.
[[nodiscard]] nlohmann::ordered_json disk_json(const store::DiskTier& disk);

}  // namespace cachey::app
