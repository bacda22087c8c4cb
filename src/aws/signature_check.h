#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/signature_claim.h"
#include "aws/signature_fault.h"
#include "aws/signing_key.h"

/// Signatures for a server, with S3's rules: Version 4 in the header and in presigned URLs, Version
/// 2 in presigned URLs.
namespace cachey::aws {

/// Null: unknown id. What is found outlives the check.
using CredentialsLookUp = std::function<const Credentials*(std::string_view access_key_id)>;

/// The result of a successful check.
struct CheckedSignature {
  const Credentials* credentials;  ///< of the look-up
  SignatureForm form = SignatureForm::kHeader;
  /// SHA-256 in hex, `UNSIGNED-PAYLOAD` or `STREAMING-...`, of the request's text. The caller
  /// compares it with the body. Empty: Version 2 says nothing.
  std::string_view payload_hash;
};

/// Checks signatures; caches the signing keys. With a cached key a check costs three SHA-256 and
/// one HMAC. Only keys of valid signatures enter the cache, so that nobody without a secret can
/// fill it. The caller provides time and secrets. One thread.
class SignatureChecker {
 public:
  static constexpr int64_t kSkewMax = 15 * 60;           ///< seconds, either way
  static constexpr int64_t kExpiresMax = 7 * 24 * 3600;  ///< seconds, of Version 4

  /// `scope.region`: empty: any region.
  explicit SignatureChecker(const SigningScope& scope)
      : region_(scope.region), service_(scope.service) {}

  /// Compares in constant time. An unknown key, a wrong secret and a wrong signature cost the same,
  /// whether the key is cached or not. If the credentials have a session token, the request must
  /// have the same token; otherwise any signed token is accepted.
  [[nodiscard]] std::expected<CheckedSignature, SignatureFailure> check(
      const ReceivedRequest& request, const CredentialsLookUp& look_up, int64_t unix_seconds);

  [[nodiscard]] size_t cached_keys() const { return keys_.size(); }

 private:
  [[nodiscard]] std::expected<CheckedSignature, SignatureFailure> check_v4(
      const ReceivedRequest& request, SignatureForm form, const CredentialsLookUp& look_up,
      int64_t unix_seconds);

  const std::string region_;
  const std::string service_;
  SigningKeys keys_;
};

}  // namespace cachey::aws
