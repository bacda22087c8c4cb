#pragma once

#include <vector>

#include "api/bucket_glob.h"
#include "base/metrics.h"
#include "cache/cache.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"
#include "store/pin_rules.h"

namespace cachey::app {

/// True for the objects with a name `KIND/KEY` that one of the patterns matches. Null: no patterns.
[[nodiscard]] store::PinRules::Matches matches_of(std::vector<api::BucketGlob> patterns);

/// `disk`: null if there is no disk tier. What is passed in outlives the metrics.
void add_pin_metrics(Metrics& metrics, const store::MemoryTier& memory,
                     const store::DiskTier* disk);

}  // namespace cachey::app
