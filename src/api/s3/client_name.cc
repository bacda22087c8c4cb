#include "api/s3/client_name.h"

#include <algorithm>
#include <iterator>

namespace cachey::api::s3 {

std::string client_name(const rt::Tcp::endpoint& client, std::string_view key) {
  if (!key.empty()) return std::string(key);
  const rt::asio::ip::address& address = client.address();
  std::string bytes;
  if (address.is_v4()) {
    std::ranges::copy(address.to_v4().to_bytes(), std::back_inserter(bytes));
    return bytes;
  }
  const auto all = address.to_v6().to_bytes();
  constexpr size_t kNetworkBytes = 8;  // of IPv6: the /64
  constexpr size_t kMappedBegin = 12;  // IPv4 at a socket for both: the last four bytes
  if (address.to_v6().is_v4_mapped()) {
    std::ranges::copy(all.begin() + kMappedBegin, all.end(), std::back_inserter(bytes));
  } else {
    std::ranges::copy_n(all.begin(), kNetworkBytes, std::back_inserter(bytes));
  }
  return bytes;
}

}  // namespace cachey::api::s3
