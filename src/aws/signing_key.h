#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "aws/digest.h"

/// The second half of AWS Signature Version 4: from a canonical request to its signature.
namespace cachey::aws {

inline constexpr std::string_view kSigningAlgorithm = "AWS4-HMAC-SHA256";

/// The last part of each scope.
inline constexpr std::string_view kScopeEnd = "aws4_request";

/// An amz_date() begins with its day: `20130524`.
inline constexpr size_t kDayBytes = 8;

/// Where a signature counts.
struct SigningScope {
  std::string_view region;
  std::string_view service = "s3";
};

/// `20130524/us-east-1/s3/aws4_request`. `day`: `20130524`.
[[nodiscard]] std::string scope_text(std::string_view day, const SigningScope& scope);

/// `date`: an amz_date().
[[nodiscard]] std::string string_to_sign(std::string_view date, std::string_view scope_text,
                                         std::string_view canonical_request);

/// Derives signing keys and keeps them: a key is good for a day. One thread.
class SigningKeys {
 public:
  /// A day's keys of the few regions and secrets in use; past it all are dropped.
  static constexpr size_t kKeysMax = 64;

  /// The reference is good until the next call.
  [[nodiscard]] const Sha256Digest& find(std::string_view day, const SigningScope& scope,
                                         const std::string& secret);

 private:
  // Day, region, service, SHA-256 of the secret.
  using KeyName = std::tuple<std::string, std::string, std::string, Sha256Digest>;

  std::map<KeyName, Sha256Digest> keys_;
};

}  // namespace cachey::aws
