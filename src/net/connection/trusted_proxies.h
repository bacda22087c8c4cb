#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http/ip_address.h"

namespace cachey::net {

/// A network of IPv4 or of IPv6, in the notation of CIDR. A value.
class IpPrefix {
 public:
  /// Takes `10.0.0.0/8`, `2001:db8::/32`, and an address alone. Nothing if the address has bits
  /// behind the prefix, because that is a slip: which network is meant is not known.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);

  /// REQUIRES: `address` is not IPv4-mapped.
  [[nodiscard]] bool contains(const IpAddress& address) const;
  /// Of its family, every address.
  [[nodiscard]] bool has_all() const { return bits_ == 0; }
  /// The text that parse() takes.
  [[nodiscard]] std::string text() const;

 private:
  IpPrefix(const IpAddress& address, unsigned bits) : address_(address), bits_(bits) {}

  IpAddress address_;
  unsigned bits_;
};

/// The proxies that are believed what they say about their clients. Immutable; any thread.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  explicit TrustedProxies(std::vector<IpPrefix> prefixes) : prefixes_(std::move(prefixes)) {}

  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool empty() const { return prefixes_.empty(); }

 private:
  std::vector<IpPrefix> prefixes_;
};

}  // namespace cachey::net
