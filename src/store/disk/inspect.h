#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "store/disk/device.h"
#include "store/disk/format.h"

namespace cachey::store {

/// Called with how much is done, of how much.
using DiskProgress = std::function<void(uint64_t done, uint64_t total)>;

/// What is in a store, as its journal tells.
struct DiskContents {
  struct Share {
    uint64_t pages = 0;
    uint64_t bytes = 0;
  };
  static constexpr size_t kKindsMax = 100;  ///< kinds told apart; the rest is under `(others)`

  Superblock superblock;
  uint64_t journal_bytes = 0;
  uint64_t damaged_blocks = 0;
  uint64_t overlapping_pages = 0;
  uint64_t objects = 0;
  uint64_t used_bytes = 0;  ///< of the device, with metadata and rounding
  uint64_t extents = 0;
  int64_t oldest = 0;  ///< Unix seconds; 0: no pages
  int64_t newest = 0;
  Share all;
  std::map<std::string, Share> kinds;
};

/// Reads the journal of the store on `device`, blocking. Fails where there is no store that can be
/// read, with a line that says why.
[[nodiscard]] Result<DiskContents> inspect_disk(BlockDevice& device);

struct DiskVerification {
  uint64_t pages = 0;
  uint64_t bytes = 0;
  uint64_t corrupt_pages = 0;
  uint64_t corrupt_blocks = 0;    ///< with another checksum than was written
  uint64_t unreadable_pages = 0;  ///< the device failed
};

/// Reads all pages of the store and compares checksums, blocking.
[[nodiscard]] Result<DiskVerification> verify_disk(BlockDevice& device,
                                                   const DiskProgress& progress);

}  // namespace cachey::store
