#pragma once

#include <string_view>

namespace cachey::aws {

/// A group of AWS regions with common domains.
struct Partition {
  std::string_view region_prefix;
  std::string_view dns_suffix;
  std::string_view dual_stack_suffix;  ///< of services other than S3
};
[[nodiscard]] const Partition& partition_of(std::string_view region);

/// Whether this can be a region's name: a label of a host name.
[[nodiscard]] bool is_region(std::string_view region);

}  // namespace cachey::aws
