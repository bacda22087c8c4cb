#pragma once

#include <cstddef>
#include <functional>
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

/// The key to sign with: four HMACs.
[[nodiscard]] Sha256Digest signing_key(std::string_view day, const SigningScope& scope,
                                       std::string_view secret);

/// A cache of signing keys. A key is valid for one day. One thread.
class SigningKeys {
 public:
  /// When full, all keys are dropped. An entry takes some 200 bytes.
  static constexpr size_t kKeysMax = 1024;

  /// Names a key. Day, region and service outlive the name.
  struct Name {
    Name(std::string_view of_day, const SigningScope& scope, std::string_view secret)
        : secret_digest(sha256(secret)),
          day(of_day),
          region(scope.region),
          service(scope.service) {}

    Sha256Digest secret_digest;
    std::string_view day;
    std::string_view region;
    std::string_view service;
  };

  /// Null: not cached. The pointer is valid until the next add().
  [[nodiscard]] const Sha256Digest* find(const Name& name) const;
  void add(const Name& name, const Sha256Digest& key);
  [[nodiscard]] size_t size() const { return keys_.size(); }

 private:
  // SHA-256 of the secret, day, region, service.
  using OwnedName = std::tuple<Sha256Digest, std::string, std::string, std::string>;
  using NameView =
      std::tuple<const Sha256Digest&, std::string_view, std::string_view, std::string_view>;

  std::map<OwnedName, Sha256Digest, std::less<>> keys_;
};

}  // namespace cachey::aws
