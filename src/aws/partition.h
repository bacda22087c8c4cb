#pragma once

#include <string_view>

namespace cachey::aws {

/// AWS's regions by the domains of their services.
struct Partition {
  std::string_view region_prefix;
  std::string_view dns_suffix;
  std::string_view dual_stack_suffix;  ///< of services other than S3
};
[[nodiscard]] const Partition& partition_of(std::string_view region);

/// Can be a region's name: a host name's label.
[[nodiscard]] bool is_region(std::string_view region);

}  // namespace cachey::aws
