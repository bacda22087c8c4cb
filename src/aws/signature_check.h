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

/// AWS Signature Version 4, the server's side: the header form and the presigned query form, as S3
/// checks them.
namespace cachey::aws {

/// Null: no such key.
using CredentialsLookUp = std::function<CredentialsPtr(std::string_view access_key_id)>;

/// A signature that is right.
struct CheckedSignature {
  CredentialsPtr credentials;
  SignatureForm form = SignatureForm::kHeader;
  /// In hex, or `UNSIGNED-PAYLOAD`, or `STREAMING-...`. The caller compares it with the body.
  std::string payload_hash;
};

/// Checks signatures; keeps the day's signing keys. A check costs two SHA-256 and one HMAC once the
/// key is kept. Time and secrets come from the caller. One thread.
class SignatureChecker {
 public:
  static constexpr int64_t kSkewMax = 15 * 60;           ///< seconds, either way
  static constexpr int64_t kExpiresMax = 7 * 24 * 3600;  ///< seconds

  /// `scope.region`: empty: whichever the client signed for.
  explicit SignatureChecker(const SigningScope& scope)
      : region_(scope.region), service_(scope.service) {}

  /// Compares in constant time. An unknown key takes as long as a wrong signature. Credentials with
  /// a session token ask for that token; others take any that is signed.
  [[nodiscard]] std::expected<CheckedSignature, SignatureFailure> check(
      const ReceivedRequest& request, const CredentialsLookUp& look_up, int64_t unix_seconds);

 private:
  const std::string region_;
  const std::string service_;
  SigningKeys keys_;
};

}  // namespace cachey::aws
