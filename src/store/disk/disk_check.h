#pragma once

#include "base/error.h"
#include "store/disk/disk_file.h"

namespace cachey::store {

/// Fails as DiskFile::open() would, as far as this can be seen without taking, making or changing
/// anything: locks and mounts are not seen, and the content behind the first bytes is not read.
/// Blocks as long as the device does.
[[nodiscard]] Result<void> check_disk_path(const DiskPath& path);

}  // namespace cachey::store
