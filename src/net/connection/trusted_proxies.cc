#include "net/connection/trusted_proxies.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace cachey::net {
namespace {

constexpr unsigned kByteBits = 8;

/// In network order; of IPv4, 4 bytes.
struct AddressBytes {
  explicit AddressBytes(const IpAddress& address) : size(address.is_v4() ? 4 : 16) {
    if (address.is_v4()) {
      std::ranges::copy(address.to_v4().to_bytes(), all.begin());
    } else {
      all = address.to_v6().to_bytes();
    }
  }
  [[nodiscard]] bool bit(unsigned at) const {
    return ((all[at / kByteBits] >> (kByteBits - 1 - at % kByteBits)) & 1U) != 0;
  }

  std::array<unsigned char, 16> all{};
  size_t size;
};

/// Whether the first `bits` are equal.
bool agree(const AddressBytes& one, const AddressBytes& other, unsigned bits) {
  const auto whole = static_cast<std::ptrdiff_t>(bits / kByteBits);
  if (!std::equal(one.all.begin(), one.all.begin() + whole, other.all.begin())) return false;
  for (unsigned at = bits / kByteBits * kByteBits; at < bits; ++at) {
    if (one.bit(at) != other.bit(at)) return false;
  }
  return true;
}

}  // namespace

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_ip_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const AddressBytes bytes(*address);
  const auto most = static_cast<unsigned>(bytes.size) * kByteBits;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* const end = digits.data() + digits.size();
    const auto [parsed, error] = std::from_chars(digits.data(), end, bits);
    const bool has_zero = digits.size() > 1 && digits.front() == '0';
    if (error != std::errc() || parsed != end || bits > most || has_zero) return std::nullopt;
  }
  for (unsigned at = bits; at < most; ++at) {
    if (bytes.bit(at)) return std::nullopt;
  }
  return IpPrefix(*address, bits);
}

bool IpPrefix::contains(const IpAddress& address) const {
  return address.is_v4() == address_.is_v4() &&
         agree(AddressBytes(address), AddressBytes(address_), bits_);
}

std::string IpPrefix::text() const { return address_.to_string() + "/" + std::to_string(bits_); }

bool TrustedProxies::contains(const IpAddress& address) const {
  return std::ranges::any_of(
      prefixes_, [&address](const IpPrefix& prefix) { return prefix.contains(address); });
}

}  // namespace cachey::net
