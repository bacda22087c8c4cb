#include "net/connection/connection_shares.h"

#include <algorithm>

#include "base/check.h"

namespace cachey::net {

IpAddress ConnectionShares::client_of(const IpAddress& address) {
  constexpr size_t kNetworkBytes = 8;  // of IPv6: a client has a /64
  if (!address.is_v6()) return address;
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + kNetworkBytes, bytes.end(), static_cast<unsigned char>(0));
  return rt::asio::ip::make_address_v6(bytes);
}

ConnectionShares::Place ConnectionShares::enter(const IpAddress& address, size_t open) {
  const size_t free = places_ - std::min(places_, open);
  const size_t reserved = places_ / kReservedPart;
  const MutexLock lock(mutex_);
  const size_t before = connections_[client_of(address)]++;
  if (reserved != 0 && free <= reserved && before >= reserved && !proxies_.contains(address)) {
    return Place::kOfLarger;
  }
  return free == 0 ? Place::kOfAny : Place::kFree;
}

bool ConnectionShares::stands_back(const IpAddress& there, const IpAddress& here) const {
  const IpAddress large = client_of(there);
  const IpAddress small = client_of(here);
  if (large == small) return true;
  const MutexLock lock(mutex_);
  return connections_.at(large) > connections_.at(small);
}

void ConnectionShares::leave(const IpAddress& address) {
  const MutexLock lock(mutex_);
  const auto found = connections_.find(client_of(address));
  CHECK(found != connections_.end());
  if (--found->second == 0) connections_.erase(found);
}

}  // namespace cachey::net
