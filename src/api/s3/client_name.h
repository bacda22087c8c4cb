#pragma once

#include <string>
#include <string_view>

#include "net/http/ip_address.h"

namespace cachey::api::s3 {

/// Names a client among others, for fair shares: the key that signed, or, if `key` is empty, the
/// bytes of the address, of IPv6 its /64. No text is formatted: each hit needs a name. A server's
/// clients all have keys or none has, so a key does not meet an address.
[[nodiscard]] std::string client_name(const net::IpAddress& address, std::string_view key);

}  // namespace cachey::api::s3
