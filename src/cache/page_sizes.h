#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/page_size.h"

namespace cachey::cache {

/// The page size of one kind.
struct KindPageSize {
  std::string kind;
  PageSize size;
};

/// The page size of each kind, given at the start: kinds that are not named have the usual size. So
/// all pages of an object that are in memory have one size; the disk may have pages of sizes that
/// an earlier process gave the kind. Immutable; any thread.
class PageSizes {
 public:
  PageSizes() = default;
  explicit PageSizes(const std::vector<KindPageSize>& sizes) {
    for (const KindPageSize& one : sizes) sizes_.emplace(one.kind, one.size);
  }

  [[nodiscard]] PageSize of(std::string_view kind) const {
    if (sizes_.empty()) return {};
    const auto found = sizes_.find(kind);
    return found == sizes_.end() ? PageSize() : found->second;
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  boost::unordered_flat_map<std::string, PageSize, Hash, std::equal_to<>> sizes_;
};

}  // namespace cachey::cache
