#pragma once

#include <array>
#include <string_view>

#include "base/random.h"
#include "net/http/http.h"

namespace cachey::api {

/// The id of a request in log lines and in the response's `X-Request-Id`.
class RequestId {
 public:
  static constexpr size_t kClientBytesMax = 128;

  /// `id`, a client's `X-Request-Id`, if it has 1 to kClientBytesMax visible ASCII characters, else
  /// empty.
  [[nodiscard]] static std::string_view checked(std::string_view id);

  /// A new id: 16 random hexadecimal digits.
  explicit RequestId(Random& random);
  [[nodiscard]] std::string_view text() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 16> digits_;
};

}  // namespace cachey::api
