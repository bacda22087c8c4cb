#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "aws/credentials.h"
#include "aws/digest.h"

/// AWS Signature Version 4, header form, as S3 wants it: paths are encoded once and not normalized.
namespace cachey::aws {

/// A clock that is less wrong than this, in seconds, is right enough to sign by: AWS allows 5
/// minutes at least, S3 15.
inline constexpr int64_t kClockErrorMax = 4 * 60;

/// SHA-256 of no bytes, in hex: the payload hash of every GET.
inline constexpr std::string_view kEmptyPayloadHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A header or a query parameter, before any encoding.
struct NamedValue {
  std::string name;
  std::string value;
};

/// What is signed of a request.
struct RequestToSign {
  std::string_view method = "GET";
  std::string_view path;                ///< encoded: exactly the path on the wire
  std::span<const NamedValue> query;    ///< any order, not encoded
  std::span<const NamedValue> headers;  ///< all that are signed; names in lower case, any order
  std::string_view payload_hash = kEmptyPayloadHash;
};

struct CanonicalRequest {
  std::string text;
  std::string signed_headers;  ///< `host;range;x-amz-date`
};

[[nodiscard]] CanonicalRequest canonicalize(const RequestToSign& request);

/// Encoded and sorted: `a=1&b=`. What the request-target carries, too.
[[nodiscard]] std::string canonical_query(std::span<const NamedValue> query);

/// Whose signature counts where.
struct SigningScope {
  std::string_view region;
  std::string_view service = "s3";
};

/// Signs, and keeps the keys that are derived anew each day. One worker's thread.
class Signer {
 public:
  /// The value of the `Authorization` header. REQUIRES: `request` has the header x-amz-date with
  /// amz_date(unix_seconds), and x-amz-security-token where the credentials have a token.
  [[nodiscard]] std::string authorization(const RequestToSign& request, const SigningScope& scope,
                                          const Credentials& credentials, int64_t unix_seconds);

 private:
  // Day, region, service, SHA-256 of the secret.
  using KeyName = std::tuple<std::string, std::string, std::string, Sha256Digest>;

  // A day's keys of the few regions and credentials in use; all are dropped when there are more.
  static constexpr size_t kKeysMax = 64;

  const Sha256Digest& signing_key(std::string_view day, const SigningScope& scope,
                                  const std::string& secret);

  std::map<KeyName, Sha256Digest> keys_;
};

}  // namespace cachey::aws
