#include "aws/signing_key.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <span>

namespace cachey::aws {
namespace {

std::span<const unsigned char> key_bytes(std::string_view text) {
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

Sha256Digest signing_key(std::string_view day, const SigningScope& scope, std::string_view secret) {
  std::string first("AWS4");
  first += secret;
  const Sha256Digest day_key = hmac(key_bytes(first), day);
  ::OPENSSL_cleanse(first.data(), first.size());
  const Sha256Digest region_key = hmac(day_key, scope.region);
  const Sha256Digest service_key = hmac(region_key, scope.service);
  return hmac(service_key, kScopeEnd);
}

const Sha256Digest* SigningKeys::find(const Name& name) const {
  const auto found = keys_.find(NameView(name.secret_digest, name.day, name.region, name.service));
  return found == keys_.end() ? nullptr : &found->second;
}

void SigningKeys::add(const Name& name, const Sha256Digest& key) {
  if (keys_.size() >= kKeysMax) keys_.clear();
  keys_.emplace(OwnedName(name.secret_digest, name.day, name.region, name.service), key);
}

}  // namespace cachey::aws
