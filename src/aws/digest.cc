#include "aws/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <memory>

#include "base/check.h"

namespace cachey::aws {
namespace {

constexpr size_t kBlockBytes = 64;  // of SHA-1 and of SHA-256

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

EVP_MD_CTX& context_of_thread() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(::EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return *context;
}

/// Looked up once; lives as long as the process.
const EVP_MD* algorithm_of(const Sha1Digest&) {
  static const EVP_MD* const sha1 = ::EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return sha1;
}
const EVP_MD* algorithm_of(const Sha256Digest&) {
  static const EVP_MD* const sha256 = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return sha256;
}

/// The digest of `first` and `second`, one behind the other.
template <typename Digest>
Digest digest_of(std::span<const unsigned char> first, std::span<const unsigned char> second) {
  Digest digest;
  EVP_MD_CTX& context = context_of_thread();
  CHECK(::EVP_DigestInit_ex(&context, algorithm_of(digest), nullptr) == 1 &&
        ::EVP_DigestUpdate(&context, first.data(), first.size()) == 1 &&
        ::EVP_DigestUpdate(&context, second.data(), second.size()) == 1 &&
        ::EVP_DigestFinal_ex(&context, digest.data(), nullptr) == 1);
  return digest;
}

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// RFC 2104, section 2.
template <typename Digest>
Digest hmac_of(std::span<const unsigned char> key, std::string_view text) {
  Digest short_key;
  if (key.size() > kBlockBytes) {
    short_key = digest_of<Digest>(key, {});
    key = short_key;
  }
  std::array<unsigned char, kBlockBytes> inner;
  std::array<unsigned char, kBlockBytes> outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  return digest_of<Digest>(outer, digest_of<Digest>(inner, bytes_of(text)));
}

}  // namespace

Sha256Digest sha256(std::string_view text) { return digest_of<Sha256Digest>(bytes_of(text), {}); }

Sha256Digest hmac(std::span<const unsigned char> key, std::string_view text) {
  return hmac_of<Sha256Digest>(key, text);
}

Sha1Digest hmac_sha1(std::span<const unsigned char> key, std::string_view text) {
  return hmac_of<Sha1Digest>(key, text);
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
