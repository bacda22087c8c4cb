#pragma once

#include <array>
#include <string_view>

#include "base/random.h"
#include "net/http/http.h"

namespace cachey::api {

/// What a request is called in log lines and in its answer's `X-Request-Id`.
class RequestId {
 public:
  static constexpr size_t kClientBytesMax = 128;

  /// The client's own name for it: 1 to kClientBytesMax visible ASCII characters. Else nothing.
  [[nodiscard]] static std::string_view of_client(const net::Request& request);

  /// One of ours: 16 random hexadecimal digits.
  explicit RequestId(Random& random);
  [[nodiscard]] std::string_view text() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 16> digits_;
};

}  // namespace cachey::api
