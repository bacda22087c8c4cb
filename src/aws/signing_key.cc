#include "aws/signing_key.h"

#include <fmt/format.h>

#include <span>
#include <utility>

namespace cachey::aws {
namespace {

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

}  // namespace

std::string scope_text(std::string_view day, const SigningScope& scope) {
  return fmt::format("{}/{}/{}/{}", day, scope.region, scope.service, kScopeEnd);
}

std::string string_to_sign(std::string_view date, std::string_view scope_text,
                           std::string_view canonical_request) {
  return fmt::format("{}\n{}\n{}\n{}", kSigningAlgorithm, date, scope_text,
                     hex(sha256(canonical_request)));
}

const Sha256Digest& SigningKeys::find(std::string_view day, const SigningScope& scope,
                                      const std::string& secret) {
  KeyName name(day, scope.region, scope.service, sha256(secret));
  const auto found = keys_.find(name);
  if (found != keys_.end()) return found->second;
  if (keys_.size() >= kKeysMax) keys_.clear();
  const Sha256Digest day_key = hmac(bytes_of("AWS4" + secret), day);
  const Sha256Digest region_key = hmac(day_key, scope.region);
  const Sha256Digest service_key = hmac(region_key, scope.service);
  return keys_.emplace(std::move(name), hmac(service_key, kScopeEnd)).first->second;
}

}  // namespace cachey::aws
