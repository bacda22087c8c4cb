#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "base/byte_range.h"

namespace cachey::store {

/// Names an object on disk: 128 bits of SHA-256 over kind and key, so that the keys themselves need
/// not be in memory and nobody can make up two that meet.
struct ObjectId {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const ObjectId&, const ObjectId&) = default;
};

[[nodiscard]] ObjectId object_id(std::string_view kind, std::string_view object);

/// Whose bytes a block holds. It is part of the block's checksum, so that a block that was left
/// from another page, another version or another store is never taken for this one.
struct BlockIdentity {
  uint64_t store_id = 0;
  ObjectId object;
  uint64_t page = 0;
  uint64_t generation = 0;
  uint64_t block = 0;
};

/// XXH3-64 of the bytes, sealed with the identity.
[[nodiscard]] uint64_t block_checksum(const BlockIdentity& identity, std::span<const iovec> bytes);

/// XXH3-64 for the structures of the disk format.
[[nodiscard]] uint64_t checksum(std::span<const std::byte> bytes, uint64_t seed);

}  // namespace cachey::store
