#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey::aws {

/// What a request is signed with. Immutable and shared; formats as `** redacted **`, and wipes the
/// secret's memory when it ends. Any thread.
class Credentials {
 public:
  /// `session_token`: empty for long-lived keys. `source`: where they come from, for people.
  /// `expires_at`: Unix seconds; none: they do not say.
  Credentials(std::string access_key_id, std::string secret_access_key, std::string session_token,
              std::string source = {}, std::optional<int64_t> expires_at = std::nullopt)
      : access_key_id_(std::move(access_key_id)),
        secret_access_key_(std::move(secret_access_key)),
        session_token_(std::move(session_token)),
        source_(std::move(source)),
        expires_at_(expires_at) {}
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  [[nodiscard]] const std::string& access_key_id() const { return access_key_id_; }
  [[nodiscard]] const std::string& secret_access_key() const { return secret_access_key_; }
  [[nodiscard]] const std::string& session_token() const { return session_token_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::optional<int64_t> expires_at() const { return expires_at_; }

  /// The access key's id as far as logs may know it: `AKIA...WXYZ`.
  [[nodiscard]] std::string masked_id() const;
  /// Signs as `other` does.
  [[nodiscard]] bool same_keys(const Credentials& other) const;

 private:
  std::string access_key_id_;
  std::string secret_access_key_;
  std::string session_token_;
  std::string source_;
  std::optional<int64_t> expires_at_;
};

/// Null: none are set there.
using CredentialsPtr = std::shared_ptr<const Credentials>;

/// Keys as somebody gave them.
struct Keys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;          ///< may be empty
  std::optional<int64_t> expires_at;  ///< Unix seconds
};

/// Fails (kDenied) where id or secret is empty, or id or token could not stand in a header line.
[[nodiscard]] Result<CredentialsPtr> make_credentials(Keys keys, std::string source);

}  // namespace cachey::aws

template <>
struct fmt::formatter<cachey::aws::Credentials> : fmt::formatter<std::string_view> {
  auto format(const cachey::aws::Credentials&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format("** redacted **", context);
  }
};
