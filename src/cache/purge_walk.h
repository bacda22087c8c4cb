#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/object_key.h"

namespace cachey::cache {

/// How far a walk over the page table is, see PageTable::take_some(). One thread.
struct TableWalk {
  size_t shard = 0;
  size_t homes = 0;  ///< of the shard's smallest table when the walk came to the shard; 0: not yet
  size_t next = 0;   ///< the home that comes next
};

/// The same for PageTable::look_at_some().
struct LookWalk {
  TableWalk at;
  std::vector<SharedKey::Ptr> large;  ///< objects with many pages, which come next
  uint32_t next = 0;                  ///< of the last one of them: the page that comes next
};

/// How far a walk over a table of chains, in shards, is. One thread.
struct ChainWalk {
  size_t shard = 0;
  size_t bucket = 0;
};

}  // namespace cachey::cache
