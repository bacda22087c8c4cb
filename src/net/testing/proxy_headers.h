#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "net/http/ip_address.h"

namespace cachey::net {

/// A header of the PROXY protocol, version 2. `rest`: addresses and TLVs.
inline std::string proxy_v2_of(char command, char family, std::string_view rest) {
  using namespace std::string_literals;
  std::string header = "\r\n\r\n\0\r\nQUIT\n"s;
  header += command;
  header += family;
  header += static_cast<char>(rest.size() >> 8U);
  header += static_cast<char>(rest.size() & 0xffU);
  return header.append(rest);
}

/// The same for a TCP connection of a client at `source`.
inline std::string proxy_v2(const char* source, std::string_view tlvs = "") {
  const IpAddress address = rt::asio::ip::make_address(source);
  std::string rest;
  const auto add = [&rest](const auto& bytes) {
    std::ranges::copy(bytes, std::back_inserter(rest));
    rest.append(bytes.size(), '\1');  // the destination
  };
  if (address.is_v4()) {
    add(address.to_v4().to_bytes());
  } else {
    add(address.to_v6().to_bytes());
  }
  rest.append(4, '\2').append(tlvs);  // the ports come first
  return proxy_v2_of(0x21, address.is_v4() ? 0x11 : 0x21, rest);
}

}  // namespace cachey::net
