#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_range.h"
#include "base/units.h"

namespace cachey::cache {

/// In which pieces a page is fetched. Pure arithmetic on offsets in the page.
///
/// `parts` is into how many ranges a whole page is cut, to be fetched side by side. A page in one
/// part is fetched from `first` to the end and then what is before `first`, in two requests (one
/// where `first` is 0). In several, the first request is from `first` to the end of the part it
/// falls into, and the others follow from there to the page's end and then from its begin on.
struct FillPlan {
  /// No part is smaller, or requests would cost more than they bring.
  static constexpr uint64_t kPartBytesMin = kMiB;

  uint32_t parts = 1;
  uint64_t first = 0;

  /// What is asked for before the page's size is known.
  [[nodiscard]] ByteRange first_range() const;
  /// The rest of a page of `bytes`, in order. Empty where the first range was all.
  [[nodiscard]] std::vector<ByteRange> rest(uint64_t bytes) const;

 private:
  [[nodiscard]] uint64_t part_bytes() const;
};

}  // namespace cachey::cache
