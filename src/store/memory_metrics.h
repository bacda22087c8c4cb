#pragma once

#include "base/metrics.h"
#include "store/memory_tier.h"

namespace cachey::store {

/// Registers what the memory tier counts and holds: `cachey_memory_*`, and the pages that left,
/// `cachey_page_drops_total`. The tier outlives the last text of `metrics`.
void add_memory_metrics(Metrics& metrics, const MemoryTier& memory);

}  // namespace cachey::store
