#include "aws/sigv4.h"

#include <fmt/format.h>

#include "aws/date.h"

namespace cachey::aws {

std::string Signer::authorization(const RequestToSign& request, const SigningScope& scope,
                                  const Credentials& credentials, int64_t unix_seconds) {
  const std::string date = amz_date(unix_seconds);
  const std::string_view day = std::string_view(date).substr(0, kDayBytes);
  const CanonicalRequest canonical = canonicalize(request);
  const std::string scope_name = scope_text(day, scope);
  const std::string to_sign = string_to_sign(date, scope_name, canonical.text);
  const SigningKeys::Name name(day, scope, credentials.secret_access_key());
  const Sha256Digest* key = keys_.find(name);
  if (key == nullptr) {
    keys_.add(name, signing_key(day, scope, credentials.secret_access_key()));
    key = keys_.find(name);
  }
  const Sha256Digest signature = hmac(*key, to_sign);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kSigningAlgorithm,
                     credentials.access_key_id(), scope_name, canonical.signed_headers,
                     hex(signature));
}

}  // namespace cachey::aws
