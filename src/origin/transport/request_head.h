#pragma once

#include <string>
#include <string_view>

namespace cachey::origin {

/// The `User-Agent` of our requests: `cachey/VERSION`, and ` app/APP_ID` if `app_id` is not empty.
[[nodiscard]] std::string user_agent(std::string_view app_id = {});

/// Writes the head of an HTTP/1.1 request. REQUIRES: no text holds control characters.
class RequestHead {
 public:
  /// `target` is percent-encoded.
  RequestHead(std::string_view method, std::string_view target);

  void add(std::string_view name, std::string_view value);

  /// The head with its last empty line. Call once, after the last add().
  [[nodiscard]] std::string finish();

 private:
  std::string text_;
};

}  // namespace cachey::origin
