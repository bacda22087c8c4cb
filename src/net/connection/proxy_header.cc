#include "net/connection/proxy_header.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace cachey::net {
namespace {

using namespace std::string_view_literals;

using ProxyState = ProxyHeader::State;

constexpr std::string_view kTextBegin = "PROXY ";
constexpr size_t kTextBytesMax = 107;  // of version 1, with the end of the line

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr size_t kVersionAt = 12;
constexpr size_t kFamilyAt = 13;
constexpr size_t kLengthAt = 14;
constexpr size_t kFixedBytes = 16;

constexpr ProxyHeader kRefusal{.state = ProxyState::kRefused};

ProxyHeader more(size_t bytes) { return {.state = ProxyState::kMore, .bytes = bytes}; }

unsigned byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

/// Takes the text up to the next space, or to the end, from `rest`.
std::string_view take_word(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  return word;
}

bool is_port(std::string_view text) {
  const bool has_zero = text.size() > 1 && text.front() == '0';
  return !has_zero && !text.empty() && is_digit(text.front()) &&
         parse_number<uint16_t>(text).has_value();
}

/// `line` without `PROXY ` and the end of the line.
ProxyHeader read_line(std::string_view line, size_t bytes) {
  ProxyHeader header{.state = ProxyState::kWhole, .bytes = bytes};
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return header;
  if (std::ranges::count(line, ' ') != 4) return kRefusal;
  const std::string_view family = take_word(line);
  const bool is_v4 = family == "TCP4";
  if (!is_v4 && family != "TCP6") return kRefusal;
  const std::string_view source = take_word(line);
  const std::string_view destination = take_word(line);
  const std::string_view source_port = take_word(line);
  if (!is_port(source_port) || !is_port(line)) return kRefusal;
  for (const std::string_view address : {source, destination}) {
    const bool looks_v4 = address.find(':') == std::string_view::npos;
    if (looks_v4 != is_v4 || !parse_ip_address(address)) return kRefusal;
  }
  header.client = parse_ip_address(source);
  return header;
}

ProxyHeader read_text(std::string_view received) {
  const std::string_view line = received.substr(0, kTextBytesMax);
  const size_t end = line.find('\n');
  if (end == std::string_view::npos)
    return line.size() < kTextBytesMax ? more(line.size()) : kRefusal;
  if (line[end - 1] != '\r') return kRefusal;
  return read_line(line.substr(kTextBegin.size(), end - 1 - kTextBegin.size()), end + 1);
}

template <typename Address>
IpAddress address_at(std::string_view addresses) {
  typename Address::bytes_type bytes{};
  std::ranges::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  return Address(bytes);
}

/// `rest`: addresses and TLVs.
ProxyHeader read_addresses(unsigned family, std::string_view rest, ProxyHeader header) {
  constexpr unsigned kUnspecified = 0x00;
  constexpr unsigned kStream4 = 0x11;
  constexpr unsigned kStream6 = 0x21;
  constexpr unsigned kStreamUnix = 0x31;
  constexpr size_t kBytes4 = 12;  // two addresses and two ports
  constexpr size_t kBytes6 = 36;
  constexpr size_t kBytesUnix = 216;
  size_t least = 0;
  if (family == kStream4) least = kBytes4;
  if (family == kStream6) least = kBytes6;
  if (family == kStreamUnix) least = kBytesUnix;
  if ((least == 0 && family != kUnspecified) || rest.size() < least) return kRefusal;
  if (family == kStream4) header.client = address_at<rt::asio::ip::address_v4>(rest);
  if (family == kStream6) header.client = unmapped(address_at<rt::asio::ip::address_v6>(rest));
  return header;
}

ProxyHeader read_binary(std::string_view received) {
  constexpr unsigned kLocal = 0x20;  // version 2
  constexpr unsigned kProxied = 0x21;
  if (received.size() < kFixedBytes) return more(received.size());
  const size_t bytes =
      kFixedBytes + (byte_at(received, kLengthAt) << 8U) + byte_at(received, kLengthAt + 1);
  const unsigned command = byte_at(received, kVersionAt);
  if ((command != kLocal && command != kProxied) || bytes > ProxyHeader::kBytesMax) return kRefusal;
  if (received.size() < bytes) return more(received.size());
  const ProxyHeader header{.state = ProxyState::kWhole, .bytes = bytes};
  if (command == kLocal) return header;  // the receiver must ignore the family
  return read_addresses(byte_at(received, kFamilyAt),
                        received.substr(kFixedBytes, bytes - kFixedBytes), header);
}

/// Whether the bytes, as far as they go, are the begin of `begin`.
bool may_begin(std::string_view received, std::string_view begin) {
  return begin.starts_with(received.substr(0, begin.size()));
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view received) {
  if (may_begin(received, kSignature)) return read_binary(received);
  if (!may_begin(received, kTextBegin)) return kRefusal;
  return received.size() < kTextBegin.size() ? more(received.size()) : read_text(received);
}

}  // namespace cachey::net
