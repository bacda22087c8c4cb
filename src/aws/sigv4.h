#pragma once

#include <cstdint>
#include <string>

#include "aws/canonical_request.h"
#include "aws/credentials.h"
#include "aws/signing_key.h"

/// AWS Signature Version 4 for a client, header form. For a server: signature_check.h.
namespace cachey::aws {

/// Seconds. A clock with a smaller error is good enough to sign with: AWS services allow at least
/// 5 minutes, S3 allows 15.
inline constexpr int64_t kClockErrorMax = 4 * 60;

/// Signs requests; caches the signing keys. One worker's thread.
class Signer {
 public:
  /// The value of the `Authorization` header. REQUIRES: `request` has the header x-amz-date with
  /// amz_date(unix_seconds), and x-amz-security-token if the credentials have a token.
  [[nodiscard]] std::string authorization(const RequestToSign& request, const SigningScope& scope,
                                          const Credentials& credentials, int64_t unix_seconds);

 private:
  SigningKeys keys_;
};

}  // namespace cachey::aws
