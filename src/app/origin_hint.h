#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace cachey::app {

/// How a store is addressed.
enum class Addressing : uint8_t {
  kUsual,
  kOwnHostNames,  ///< a store of one's own, with the bucket in the host name
};

/// What to do about a failure of the store, in a sentence or two; empty if neither the cause nor
/// the kind says enough. Most stores of one's own want the bucket in the path: with kOwnHostNames
/// that comes first, unless the cause is another one for certain. Decides by kind and cause only.
[[nodiscard]] std::string hint_for(const Error& error, Addressing addressing);

}  // namespace cachey::app
