#pragma once

#include "base/error.h"
#include "cache/wishes.h"

namespace cachey::cache {

// How readers fail for reasons of their own.

[[nodiscard]] inline std::unexpected<Error> changed_between_pages() {
  return fail(ErrorKind::kChanged, "the object changed between two of its pages; ask again");
}

[[nodiscard]] inline std::unexpected<Error> not_cached(const Wishes& wishes) {
  return std::unexpected(
      wishes.not_cached("only-if-cached: not all bytes of the range are in the cache"));
}

}  // namespace cachey::cache
