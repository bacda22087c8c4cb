#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "store/disk/device.h"
#include "store/disk/format.h"

namespace cachey::store {

/// Called with the bytes done, of `total`.
using DiskProgress = std::function<void(uint64_t done, uint64_t total)>;

/// The content of a store, from its journal.
struct DiskContents {
  struct Share {
    uint64_t pages = 0;
    uint64_t parts = 0;  ///< of pages
    uint64_t bytes = 0;  ///< of both
  };
  static constexpr size_t kKindsMax = 100;  ///< more kinds are counted as `(others)`

  uint32_t version = 0;  ///< of the format
  Superblock superblock;
  uint64_t journal_bytes = 0;
  uint64_t damaged_blocks = 0;
  uint64_t unreadable_blocks = 0;
  uint64_t overlapping_pages = 0;
  uint64_t objects = 0;
  uint64_t objects_with_attributes = 0;  ///< those with known attributes
  uint64_t texts = 0;                    ///< of attributes; objects share them
  uint64_t text_bytes = 0;
  uint64_t used_bytes = 0;  ///< of the device, with metadata and rounding
  uint64_t extents = 0;
  int64_t oldest = 0;  ///< Unix seconds; 0: no pages
  int64_t newest = 0;
  Share all;
  std::map<std::string, Share> kinds;
};

/// Reads the journal of the store on `device`, blocking. Fails, with one line for the operator, if
/// there is no readable store.
[[nodiscard]] Result<DiskContents> inspect_disk(BlockDevice& device);

struct DiskVerification {
  uint64_t pages = 0;  ///< and parts
  uint64_t bytes = 0;
  uint64_t corrupt_pages = 0;
  uint64_t corrupt_blocks = 0;    ///< with a checksum mismatch
  uint64_t unreadable_pages = 0;  ///< the device failed
};

/// Reads all pages and parts of the store and compares checksums, blocking.
[[nodiscard]] Result<DiskVerification> verify_disk(BlockDevice& device,
                                                   const DiskProgress& progress);

}  // namespace cachey::store
