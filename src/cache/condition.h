#pragma once

#include <cstdint>

#include "base/object_info.h"

namespace cachey::cache {

/// What a version of the object means for a request with preconditions.
enum class Verdict : uint8_t {
  kHolds,        ///< the request goes on
  kFails,        ///< the request is refused
  kNotModified,  ///< the client has this version
};

/// The preconditions of a request. Immutable; outlives the request's reader.
class Condition {
 public:
  virtual ~Condition() = default;
  [[nodiscard]] virtual Verdict judge(const ObjectInfo& version) const = 0;
};

}  // namespace cachey::cache
