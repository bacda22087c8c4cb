#pragma once

#include "base/error.h"
#include "store/disk/disk_file.h"

namespace cachey::store {

/// What can be seen of a path's faults without taking, making or changing anything: its type, this
/// user's permissions, and the space for a new file. kBadRequest, with one line for the operator.
/// The content is not read. Blocks.
[[nodiscard]] Result<void> check_disk_path(const DiskPath& path);

}  // namespace cachey::store
