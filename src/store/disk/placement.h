#pragma once

#include <cstdint>

#include "base/object_info.h"
#include "store/disk/format.h"
#include "store/disk/page_at.h"

namespace cachey::store {

/// A page or a part to be placed. The source outlives the request.
struct PlaceRequest {
  ObjectId object;
  PageAt at;
  uint32_t bytes = 0;
  const ObjectSource& source;
  bool keep = false;  ///< PinRules name the object
};

/// What a purge has removed.
struct DiskPurged {
  uint64_t pages = 0;  ///< and parts of pages
  uint64_t bytes = 0;
};

/// The units that were evicted so far for one placement, over its steps.
struct SpaceSearch {
  uint64_t evicted_units = 0;
};

/// The reason why a step has placed nothing.
enum class NotPlaced : uint8_t {
  kAgain,  ///< the step's share of work is done; the caller calls again, without the mutex between
  kNoSpace,  ///< no space can be freed
};

/// What became of an entry that was written.
enum class Listed : uint8_t {
  kYes,
  kSuperseded,  ///< another version of the object was seen meanwhile
  kCovered,     ///< a part whose bytes came by another entry meanwhile
  kManyParts,   ///< kPartsMax other parts begin in the block
};

/// How far the parts under a new entry are removed.
struct PartSweep {
  uint64_t next = 0;  ///< of the blocks that the entry has
};

}  // namespace cachey::store
