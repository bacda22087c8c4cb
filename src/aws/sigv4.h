#pragma once

#include <cstdint>
#include <string>

#include "aws/canonical_request.h"
#include "aws/credentials.h"
#include "aws/signing_key.h"

/// AWS Signature Version 4, header form: the client's side. signature_check.h is the server's.
namespace cachey::aws {

/// A clock that is less wrong than this, in seconds, is right enough to sign by: AWS allows 5
/// minutes at least, S3 15.
inline constexpr int64_t kClockErrorMax = 4 * 60;

/// Signs, and keeps the keys that are derived anew each day. One worker's thread.
class Signer {
 public:
  /// The value of the `Authorization` header. REQUIRES: `request` has the header x-amz-date with
  /// amz_date(unix_seconds), and x-amz-security-token where the credentials have a token.
  [[nodiscard]] std::string authorization(const RequestToSign& request, const SigningScope& scope,
                                          const Credentials& credentials, int64_t unix_seconds);

 private:
  SigningKeys keys_;
};

}  // namespace cachey::aws
