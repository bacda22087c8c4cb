#include "api/client.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cachey::api {
namespace {

enum ClientType : char { kByToken = 1, kByKey = 2, kByIpv4 = 4, kByIpv6 = 6 };

constexpr size_t kNetworkBytes = 8;  // of IPv6: the /64
constexpr std::string_view kFurtherTokens = "further tokens";

/// Inline, because each request has a name: a few instructions, without an allocation.
template <size_t kBytes>
std::string typed(ClientType type, const void* bytes) {
  char name[1 + kBytes] = {static_cast<char>(type)};
  std::memcpy(name + 1, bytes, kBytes);
  return {name, sizeof(name)};
}

}  // namespace

std::string client_of_address(const net::IpAddress& address) {
  if (address.is_v4()) {
    const auto all = address.to_v4().to_bytes();
    return typed<sizeof(all)>(kByIpv4, all.data());
  }
  const auto all = address.to_v6().to_bytes();
  return typed<kNetworkBytes>(kByIpv6, all.data());
}

std::string client_of_key(std::string_view access_key_id) {
  std::string client;
  client.reserve(1 + access_key_id.size());
  client += static_cast<char>(kByKey);
  client += access_key_id;
  return client;
}

std::string client_of_token(uint32_t token) { return typed<sizeof(token)>(kByToken, &token); }

uint32_t TokenNames::number_of(std::string_view name) {
  const MutexLock lock(mutex_);
  const auto found = numbers_.find(name);
  if (found != numbers_.end()) return found->second;
  const bool is_full = names_.size() >= kNamesMax;
  if (!is_full) names_.emplace_back(name);
  const auto number = static_cast<uint32_t>(names_.size());
  if (is_full) {
    names_.back() = kFurtherTokens;
  } else {
    numbers_.emplace(name, number);
  }
  return number;
}

std::string TokenNames::name_of(uint32_t number) const {
  const MutexLock lock(mutex_);
  return number == 0 || number > names_.size() ? std::string() : names_[number - 1];
}

std::string client_text(std::string_view client, const TokenNames& tokens) {
  if (client.empty()) return {};
  const std::string_view rest = client.substr(1);
  switch (client.front()) {
    case kByToken: {
      uint32_t number = 0;
      if (rest.size() == sizeof(number)) std::memcpy(&number, rest.data(), sizeof(number));
      return tokens.name_of(number);
    }
    case kByIpv4: {
      rt::asio::ip::address_v4::bytes_type bytes{};
      std::ranges::copy(rest.substr(0, bytes.size()), bytes.begin());
      return rt::asio::ip::make_address_v4(bytes).to_string();
    }
    case kByIpv6: {
      rt::asio::ip::address_v6::bytes_type bytes{};
      std::ranges::copy(rest.substr(0, kNetworkBytes), bytes.begin());
      return rt::asio::ip::make_address_v6(bytes).to_string() + "/64";
    }
    default:
      return std::string(rest);
  }
}

}  // namespace cachey::api
