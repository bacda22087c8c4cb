#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::aws {

/// The keys that sign a request. Immutable and shared. Formats as `** redacted **`; the destructor
/// wipes secret and token from memory. Any thread.
class Credentials {
 public:
  /// `session_token`: empty for long-lived keys. `source`: the origin of the keys, for people.
  /// `expires_at`: Unix seconds; nothing: unknown. `trimmed`: make_credentials() dropped white
  /// space.
  Credentials(std::string access_key_id, std::string secret_access_key, std::string session_token,
              std::string source = {}, std::optional<int64_t> expires_at = std::nullopt,
              bool trimmed = false)
      : access_key_id_(std::move(access_key_id)),
        secret_access_key_(std::move(secret_access_key)),
        session_token_(std::move(session_token)),
        source_(std::move(source)),
        expires_at_(expires_at),
        trimmed_(trimmed) {}
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  [[nodiscard]] const std::string& access_key_id() const { return access_key_id_; }
  [[nodiscard]] const std::string& secret_access_key() const { return secret_access_key_; }
  [[nodiscard]] const std::string& session_token() const { return session_token_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::optional<int64_t> expires_at() const { return expires_at_; }

  [[nodiscard]] bool trimmed() const { return trimmed_; }

  /// The access key id as logs may show it: `AKIA...WXYZ`.
  [[nodiscard]] std::string masked_id() const;
  /// Whether id, secret and token are equal.
  [[nodiscard]] bool same_keys(const Credentials& other) const;

 private:
  std::string access_key_id_;
  std::string secret_access_key_;
  std::string session_token_;
  std::string source_;
  std::optional<int64_t> expires_at_;
  bool trimmed_;
};

/// Null: no credentials.
using CredentialsPtr = std::shared_ptr<const Credentials>;

/// Unchecked keys, from a file, a variable or a service.
struct Keys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;          ///< may be empty
  std::optional<int64_t> expires_at;  ///< Unix seconds
};

/// Drops white space at the ends of id, secret and token: no store issues keys with any, but files
/// and Kubernetes secrets often end with a line end. Fails (kDenied) if id or secret is empty, or
/// if one of the three has control characters.
[[nodiscard]] Result<CredentialsPtr> make_credentials(Keys keys, std::string source);

}  // namespace cachey::aws

template <>
struct fmt::formatter<cachey::aws::Credentials> : fmt::formatter<std::string_view> {
  auto format(const cachey::aws::Credentials&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format("** redacted **", context);
  }
};
