#include "aws/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace cachey::aws {

Sha256Digest hmac(std::span<const unsigned char> key, std::string_view text) {
  Sha256Digest digest;
  unsigned size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  CHECK(::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), data, text.size(),
               digest.data(), &size) != nullptr);
  CHECK(size == digest.size());
  return digest;
}

Sha256Digest sha256(std::string_view text) {
  Sha256Digest digest;
  unsigned size = 0;
  CHECK(::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha256(), nullptr) == 1);
  CHECK(size == digest.size());
  return digest;
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * bytes.size(), '0');
  auto at = text.begin();
  for (const unsigned char byte : bytes) {
    *at++ = kDigits[byte >> 4];
    *at++ = kDigits[byte & 15];
  }
  return text;
}

}  // namespace cachey::aws
