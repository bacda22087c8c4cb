#pragma once

#include <string>
#include <vector>

#include "app/options/options.h"

namespace cachey::app {

/// Appends a warning for each thing that is open to more clients than an operator may expect. Each
/// warning names the options that help. REQUIRES: valid options.
void warn_of_exposure(const Options& options, std::vector<std::string>& warnings);

/// The same, of what --allow-bucket alone decides with the other options as they are.
void warn_of_open_buckets(const Options& options, std::vector<std::string>& warnings);

}  // namespace cachey::app
