#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "base/byte_range.h"

namespace cachey::store {

/// Identifies an object on disk: 128 bits of SHA-256 over kind and key. So memory needs no keys,
/// and clients cannot construct a collision.
struct ObjectId {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const ObjectId&, const ObjectId&) = default;
};

[[nodiscard]] ObjectId object_id(std::string_view kind, std::string_view object);

/// The owner of a block's bytes. Part of the block's checksum, so that old bytes of another page,
/// version or store never pass as this block.
struct BlockIdentity {
  uint64_t store_id = 0;
  ObjectId object;
  uint64_t page = 0;  ///< PageAt::code()
  uint64_t generation = 0;
  uint64_t block = 0;
};

/// XXH3-64 of the bytes, with a seed made from the identity.
[[nodiscard]] uint64_t block_checksum(const BlockIdentity& identity, std::span<const iovec> bytes);

/// XXH3-64 for the structures of the disk format.
[[nodiscard]] uint64_t checksum(std::span<const std::byte> bytes, uint64_t seed);

}  // namespace cachey::store
