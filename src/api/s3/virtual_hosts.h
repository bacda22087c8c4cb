#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cachey::api::s3 {

/// The domains of virtual-host style: under the domain `s3.example.com`, the host
/// `bucket.s3.example.com` names a bucket. Immutable; any thread.
class VirtualHosts {
 public:
  static constexpr size_t kDomainsMax = 100;
  static constexpr size_t kDomainBytesMax = 253;  ///< of a host name (RFC 1035 2.3.4)

  /// Each host names no bucket: path style.
  VirtualHosts() = default;
  /// Names of hosts in any case, without a port: labels of letters, digits, `-` and `_`, 1 to 63
  /// bytes each. kBadRequest if a name breaks this, or if there are more than kDomainsMax.
  [[nodiscard]] static Result<VirtualHosts> parse(std::span<const std::string> domains);

  /// The bucket that a Host field names, in lower case; dots belong to the bucket. Case, port and a
  /// dot at the end do not matter. The longest domain counts. Nothing: path style, as with the
  /// domain itself, an IP address or any other name.
  [[nodiscard]] std::optional<std::string> bucket_of(std::string_view host) const;

  [[nodiscard]] bool empty() const { return domains_.empty(); }

 private:
  std::vector<std::string> domains_;  // in lower case, the longest first
};

}  // namespace cachey::api::s3
