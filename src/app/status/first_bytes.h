#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "app/status/columns.h"
#include "app/status/facts.h"
#include "base/fine_histogram.h"

namespace cachey::app {

/// Times to the first byte by tier: of each second, for the rows of the history, and of the windows
/// of /stats. Keeps the totals of the last kSeconds seconds, and of each tenth second of the last
/// ten minutes. Not synchronized.
class FirstBytes {
 public:
  static constexpr size_t kSeconds = 10;
  static constexpr size_t kTens = 60;
  /// About its memory.
  static constexpr size_t kBytes = (kSeconds + kTens + 2) * kFirstByteTiers * 256 * 8;

  /// Once a second: sets the columns of the second in `row`.
  void add(const FirstByteTotals& totals, Row& row);

  /// What was counted in about the last `seconds` seconds, as far as the process is that old.
  [[nodiscard]] FineHistogram::Snapshot window(size_t tier, size_t seconds) const;

 private:
  std::array<FirstByteTotals, kSeconds + 1> newest_;  // ring
  std::array<FirstByteTotals, kTens + 1> tens_;       // ring
  uint64_t added_ = 0;
};

}  // namespace cachey::app
