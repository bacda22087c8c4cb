#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "net/http/ip_address.h"

namespace cachey::api {

/// Names a client among others, for fair shares, limits and counts: bytes that are cheap to make
/// for each request, not a text. An access key, a token and an address never meet: the first byte
/// tells which the name is.
///
/// `address`: of IPv6 the /64.
[[nodiscard]] std::string client_of_address(const net::IpAddress& address);
[[nodiscard]] std::string client_of_key(std::string_view access_key_id);
/// `token`: a number of TokenNames, not 0.
[[nodiscard]] std::string client_of_token(uint32_t token);

/// The names of all tokens that were accepted since the start, so that a client stays the same
/// client when the file of tokens changes. Any thread.
class TokenNames {
 public:
  /// Past as many names, new ones share a number.
  static constexpr size_t kNamesMax = 4096;

  /// The number of a name, from 1 on; the same for the same name.
  [[nodiscard]] uint32_t number_of(std::string_view name) EXCLUDES(mutex_);
  /// Empty for 0.
  [[nodiscard]] std::string name_of(uint32_t number) const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, uint32_t, std::less<>> numbers_ GUARDED_BY(mutex_);
  std::vector<std::string> names_ GUARDED_BY(mutex_);
};

/// A client's name for a person: `reports`, `AKIAEXAMPLE`, `10.0.0.1`, `2001:db8::/64`.
[[nodiscard]] std::string client_text(std::string_view client, const TokenNames& tokens);

}  // namespace cachey::api
