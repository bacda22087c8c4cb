#include "api/tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/ascii.h"

namespace cachey::api {
namespace {

constexpr std::string_view kBlanksOfALine = " \t\r";

}  // namespace

Result<Tokens> Tokens::parse(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return fail(ErrorKind::kBadRequest, fmt::format("longer than {} bytes", kTextBytesMax));
  }
  Tokens tokens;
  for (size_t number = 1; !text.empty(); ++number) {
    if (number > kLinesMax) {
      return fail(ErrorKind::kBadRequest, fmt::format("more than {} lines", kLinesMax));
    }
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view token = trimmed(line, kBlanksOfALine);
    if (token.empty() || token.starts_with('#')) continue;
    if (token.size() < kTokenBytesMin || !std::ranges::all_of(token, is_visible)) {
      return fail(ErrorKind::kBadRequest,
                  fmt::format("line {}: a token is at least {} visible ASCII characters", number,
                              kTokenBytesMin));
    }
    tokens.digests_.push_back(digest_of(token));
  }
  if (tokens.digests_.empty()) return fail(ErrorKind::kBadRequest, "no token in it");
  return tokens;
}

size_t Tokens::find(std::string_view token) const {
  const Digest digest = digest_of(token);
  size_t found = 0;
  for (size_t i = 0; i < digests_.size(); ++i) {
    const bool same = ::CRYPTO_memcmp(digests_[i].data(), digest.data(), digest.size()) == 0;
    found |= (i + 1) & -static_cast<size_t>(same && found == 0);
  }
  return found;
}

Tokens::Digest Tokens::digest_of(std::string_view token) {
  Digest digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

}  // namespace cachey::api
