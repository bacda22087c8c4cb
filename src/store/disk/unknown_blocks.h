#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cachey::store {

/// Blocks of the journal with records that could not be read: the names of the pages that were
/// recorded there are not known. Past kRunsMax runs the runs become one. One thread.
class UnknownBlocks {
 public:
  static constexpr size_t kRunsMax = 1'000;

  /// REQUIRES: first < end. The calls come in ascending order, but for one that begins at 0.
  void add(uint64_t first, uint64_t end) {
    if (!runs_.empty() && runs_.back().second == first) {
      runs_.back().second = end;
    } else {
      runs_.emplace_back(first, end);
    }
    if (runs_.size() <= kRunsMax) return;
    std::pair<uint64_t, uint64_t> hull = runs_.front();
    for (const auto& [begin, last] : runs_) {
      hull.first = std::min(hull.first, begin);
      hull.second = std::max(hull.second, last);
    }
    runs_.assign(1, hull);
  }

  [[nodiscard]] bool has(uint64_t block) const {
    return std::ranges::any_of(
        runs_, [block](const auto& run) { return run.first <= block && block < run.second; });
  }
  [[nodiscard]] bool empty() const { return runs_.empty(); }

 private:
  std::vector<std::pair<uint64_t, uint64_t>> runs_;
};

}  // namespace cachey::store
