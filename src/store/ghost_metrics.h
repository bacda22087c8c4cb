#pragma once

#include <functional>
#include <string>

#include "base/metrics.h"
#include "store/ghost_hits.h"

namespace cachey::store {

/// Registers the `cachey_ghost_*` of a tier. `read`: on any thread.
void add_ghost_metrics(Metrics& metrics, const std::string& tier,
                       const std::function<GhostHits::View()>& read);

}  // namespace cachey::store
