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

/// AWS Signature Version 4 for a server: the header form and presigned URLs, with S3's rules.
namespace cachey::aws {

/// Null: unknown id.
using CredentialsLookUp = std::function<CredentialsPtr(std::string_view access_key_id)>;

/// The result of a successful check.
struct CheckedSignature {
  CredentialsPtr credentials;
  SignatureForm form = SignatureForm::kHeader;
  /// SHA-256 in hex, `UNSIGNED-PAYLOAD` or `STREAMING-...`. The caller compares it with the body.
  std::string payload_hash;
};

/// Checks signatures; caches the signing keys. With a cached key a check costs two SHA-256 and one
/// HMAC. The caller provides time and secrets. One thread.
class SignatureChecker {
 public:
  static constexpr int64_t kSkewMax = 15 * 60;           ///< seconds, either way
  static constexpr int64_t kExpiresMax = 7 * 24 * 3600;  ///< seconds

  /// `scope.region`: empty: any region.
  explicit SignatureChecker(const SigningScope& scope)
      : region_(scope.region), service_(scope.service) {}

  /// Compares in constant time. An unknown key takes as long as a wrong signature. If the
  /// credentials have a session token, the request must have the same token; otherwise any signed
  /// token is accepted.
  [[nodiscard]] std::expected<CheckedSignature, SignatureFailure> check(
      const ReceivedRequest& request, const CredentialsLookUp& look_up, int64_t unix_seconds);

 private:
  const std::string region_;
  const std::string service_;
  SigningKeys keys_;
};

}  // namespace cachey::aws
