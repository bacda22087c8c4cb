#include "aws/credentials.h"

#include <openssl/crypto.h>

#include "base/ascii.h"
#include "base/escape.h"

namespace cachey::aws {
namespace {

// Characters of an id that logs show at each end. Ids shorter than four times this stay hidden.
constexpr size_t kShownOfId = 4;

/// True: there was white space at the ends of `key`.
bool trim(std::string& key) {
  const std::string_view kept = trimmed(key, kWhiteSpace);
  if (kept.size() == key.size()) return false;
  std::string copy(kept);
  OPENSSL_cleanse(key.data(), key.size());
  key = std::move(copy);
  return true;
}

}  // namespace

Credentials::~Credentials() {
  OPENSSL_cleanse(secret_access_key_.data(), secret_access_key_.size());
  OPENSSL_cleanse(session_token_.data(), session_token_.size());
}

std::string Credentials::masked_id() const {
  if (access_key_id_.size() < 4 * kShownOfId) return "...";
  return access_key_id_.substr(0, kShownOfId) + "..." +
         access_key_id_.substr(access_key_id_.size() - kShownOfId);
}

bool Credentials::same_keys(const Credentials& other) const {
  return access_key_id_ == other.access_key_id_ && secret_access_key_ == other.secret_access_key_ &&
         session_token_ == other.session_token_;
}

Result<CredentialsPtr> make_credentials(Keys keys, std::string source) {
  bool trimmed = trim(keys.access_key_id);
  trimmed = trim(keys.secret_access_key) || trimmed;
  trimmed = trim(keys.session_token) || trimmed;
  const char* fault = nullptr;
  if (keys.access_key_id.empty()) {
    fault = "there is no access key id";
  } else if (keys.secret_access_key.empty()) {
    fault = "there is no secret access key";
  } else if (has_control(keys.access_key_id)) {
    fault = "the access key id has control characters";
  } else if (has_control(keys.secret_access_key)) {
    fault = "the secret access key has control characters";
  } else if (has_control(keys.session_token)) {
    fault = "the session token has control characters";
  }
  if (fault != nullptr) return fail(ErrorKind::kDenied, fault);
  return std::make_shared<const Credentials>(
      std::move(keys.access_key_id), std::move(keys.secret_access_key),
      std::move(keys.session_token), std::move(source), keys.expires_at, trimmed);
}

}  // namespace cachey::aws
