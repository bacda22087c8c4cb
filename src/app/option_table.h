#pragma once

#include <vector>

#include "app/option.h"
#include "app/options.h"

namespace cachey::app {

/// The smallest --memory: four pages.
inline constexpr uint64_t kMemoryMin = 4 * kPageBytes;

/// Every option, each once, those of a group together. What they are given is kept in `options`,
/// which outlives the table and stays where it is.
[[nodiscard]] std::vector<Option> option_table(Options& options);

}  // namespace cachey::app
