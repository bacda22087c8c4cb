#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "aws/digest.h"

/// AWS Signature Version 4: the string to sign and the key to sign with.
namespace cachey::aws {

inline constexpr std::string_view kSigningAlgorithm = "AWS4-HMAC-SHA256";

/// Each scope ends with this.
inline constexpr std::string_view kScopeEnd = "aws4_request";

/// Length of the day at the begin of an amz_date(): `20130524`.
inline constexpr size_t kDayBytes = 8;

/// A signature is valid for one day, region and service.
struct SigningScope {
  std::string_view region;
  std::string_view service = "s3";
};

/// `20130524/us-east-1/s3/aws4_request`. `day`: `20130524`.
[[nodiscard]] std::string scope_text(std::string_view day, const SigningScope& scope);

/// `date`: an amz_date().
[[nodiscard]] std::string string_to_sign(std::string_view date, std::string_view scope_text,
                                         std::string_view canonical_request);

/// Derives signing keys and caches them. A key is valid for one day. One thread.
class SigningKeys {
 public:
  /// When full, all keys are dropped.
  static constexpr size_t kKeysMax = 64;

  /// The reference is valid until the next call.
  [[nodiscard]] const Sha256Digest& find(std::string_view day, const SigningScope& scope,
                                         const std::string& secret);

 private:
  // Day, region, service, SHA-256 of the secret.
  using KeyName = std::tuple<std::string, std::string, std::string, Sha256Digest>;

  std::map<KeyName, Sha256Digest> keys_;
};

}  // namespace cachey::aws
