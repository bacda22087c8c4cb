#include "aws/partition.h"

#include <algorithm>
#include <span>

#include "base/ascii.h"

namespace cachey::aws {
namespace {

// The first is for regions that match no other prefix.
constexpr Partition kPartitions[] = {
    {"", "amazonaws.com", "api.aws"},
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-gov-", "amazonaws.com", "api.aws"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
};

}  // namespace

const Partition& partition_of(std::string_view region) {
  for (const Partition& partition : std::span(kPartitions).subspan(1)) {
    if (region.starts_with(partition.region_prefix)) return partition;
  }
  return kPartitions[0];
}

bool is_region(std::string_view region) {
  if (region.empty() || region.size() > 63 || region.front() == '-' || region.back() == '-')
    return false;
  return std::ranges::all_of(region, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

}  // namespace cachey::aws
