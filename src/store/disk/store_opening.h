#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "store/disk/device.h"
#include "store/disk/superblock.h"

/// What DiskTier::attach() does with the superblock.
namespace cachey::store {

/// The superblock of a new store of this capacity.
[[nodiscard]] Superblock fresh_superblock(uint64_t capacity, const Clock& clock, Random& random);

/// An error: the store on a device of this size cannot be used, and why.
[[nodiscard]] Result<void> check_usable(const ParsedSuperblock& parsed, uint64_t device_bytes);

/// Writes the copy that is not whole anew, with the next sequence. If that fails, the store works
/// with one copy, and each later superblock is written to the other copy first. Blocks.
void heal_superblock(BlockDevice& device, Superblock& superblock, uint32_t whole);

}  // namespace cachey::store
