#pragma once

#include <vector>

#include "app/options/option.h"
#include "app/options/options.h"

namespace cachey::app {

/// The smallest --memory: four pages.
inline constexpr uint64_t kMemoryMin = 4 * kPageBytes;

/// Every option once, the options of a group together. The values are kept in `options`, which
/// outlives the table and is not moved.
[[nodiscard]] std::vector<Option> option_table(Options& options);

}  // namespace cachey::app
