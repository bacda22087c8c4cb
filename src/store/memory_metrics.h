#pragma once

#include "base/metrics.h"
#include "store/memory_tier.h"

namespace cachey::store {

/// The same with the histograms `cachey_memory_wait_seconds`.
[[nodiscard]] MemoryTierConfig with_metrics(MemoryTierConfig config, Metrics& metrics);

/// Registers the counts and sizes of the memory tier: `cachey_memory_*`, and dropped pages,
/// `cachey_page_drops_total`. The tier outlives the last text of `metrics`.
void add_memory_metrics(Metrics& metrics, const MemoryTier& memory);

}  // namespace cachey::store
