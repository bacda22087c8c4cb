#include "api/tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/size_text.h"

namespace cachey::api {
namespace {

constexpr std::string_view kBlanksOfALine = " \t\r";

/// Takes the next word off the line; empty: none is left.
std::string_view next_word(std::string_view& line) {
  line = trimmed(line, kBlanksOfALine);
  const std::string_view word = line.substr(0, line.find_first_of(kBlanksOfALine));
  line.remove_prefix(word.size());
  return word;
}

/// The value of `NAME=VALUE`. Nothing: the word has another name.
std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
  if (!word.starts_with(name)) return std::nullopt;
  return word.substr(name.size());
}

/// Why a word behind the token cannot be taken; empty: `holder` has it.
std::string take_attribute(std::string_view word, Tokens::Holder& holder) {
  if (const auto name = value_of(word, "name=")) {
    if (!holder.name.empty()) return "name= is there twice";
    const bool visible = std::ranges::all_of(*name, is_visible);
    if (name->empty() || name->size() > Tokens::kNameBytesMax || !visible) {
      return fmt::format("name= takes 1 to {} visible ASCII characters", Tokens::kNameBytesMax);
    }
    holder.name = *name;
    return {};
  }
  if (const auto misses = value_of(word, "misses=")) {
    if (holder.limits.misses) return "misses= is there twice";
    holder.limits.misses = parse_number<uint32_t>(*misses);
    return holder.limits.misses ? "" : "misses= takes a whole number";
  }
  if (const auto bandwidth = value_of(word, "bandwidth=")) {
    if (holder.limits.bandwidth) return "bandwidth= is there twice";
    holder.limits.bandwidth = parse_size(*bandwidth);
    return holder.limits.bandwidth ? "" : "bandwidth= takes a size, such as 100MB";
  }
  return "behind a token come name=NAME, misses=N and bandwidth=SIZE, and nothing else";
}

/// Why the names cannot be taken; empty: each holder has a name of its own.
std::string complete_names(std::vector<Tokens::Holder>& holders) {
  std::set<std::string_view> names;
  for (const Tokens::Holder& holder : holders) {
    if (!holder.name.empty() && !names.insert(holder.name).second) return "a name is there twice";
  }
  for (size_t i = 0; i < holders.size(); ++i) {
    if (!holders[i].name.empty()) continue;
    holders[i].name = fmt::format("token-{}", i + 1);
    if (names.contains(holders[i].name)) {
      return fmt::format("token {} has no name, and another one has the name token-{}", i + 1,
                         i + 1);
    }
  }
  return {};
}

}  // namespace

Result<Tokens> Tokens::parse(std::string_view text) {
  const auto refuse = [](std::string why) { return fail(ErrorKind::kBadRequest, std::move(why)); };
  if (text.size() > kTextBytesMax)
    return refuse(fmt::format("longer than {} bytes", kTextBytesMax));
  Tokens tokens;
  for (size_t number = 1; !text.empty(); ++number) {
    if (number > kLinesMax) return refuse(fmt::format("more than {} lines", kLinesMax));
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view token = next_word(line);
    if (token.empty() || token.starts_with('#')) continue;
    if (token.size() < kTokenBytesMin || !std::ranges::all_of(token, is_visible)) {
      return refuse(fmt::format("line {}: a token is at least {} visible ASCII characters", number,
                                kTokenBytesMin));
    }
    Holder holder;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      const std::string why = take_attribute(word, holder);
      if (!why.empty()) return refuse(fmt::format("line {}: {}", number, why));
    }
    tokens.digests_.push_back(digest_of(token));
    tokens.holders_.push_back(std::move(holder));
  }
  if (tokens.digests_.empty()) return refuse("no token in it");
  if (std::string why = complete_names(tokens.holders_); !why.empty())
    return refuse(std::move(why));
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
