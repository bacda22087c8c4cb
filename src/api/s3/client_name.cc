#include "api/s3/client_name.h"

#include <algorithm>
#include <iterator>

namespace cachey::api::s3 {

std::string client_name(const net::IpAddress& address, std::string_view key) {
  if (!key.empty()) return std::string(key);
  std::string bytes;
  if (address.is_v4()) {
    std::ranges::copy(address.to_v4().to_bytes(), std::back_inserter(bytes));
    return bytes;
  }
  const auto all = address.to_v6().to_bytes();
  constexpr size_t kNetworkBytes = 8;  // of IPv6: the /64
  std::ranges::copy_n(all.begin(), kNetworkBytes, std::back_inserter(bytes));
  return bytes;
}

}  // namespace cachey::api::s3
