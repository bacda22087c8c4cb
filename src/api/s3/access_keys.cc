#include "api/s3/access_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"
#include "base/ascii.h"
#include "base/escape.h"

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kBlanksOfALine = " \t\r";
constexpr std::string_view kBucketsWord = "buckets=";
constexpr std::string_view kPrefix = "prefix=";
constexpr size_t kPrefixBytesMax = 1024;  // of a key

/// Takes the next word off the line; empty: none is left.
std::string_view take_word(std::string_view& line) {
  line = trimmed(line, kBlanksOfALine);
  const std::string_view word = line.substr(0, line.find_first_of(kBlanksOfALine));
  line.remove_prefix(word.size());
  return word;
}

/// Why the names of buckets cannot be taken; empty: they are added.
std::string add_globs(std::string_view list, std::vector<BucketGlob>& globs) {
  while (true) {
    const std::string_view text = list.substr(0, list.find(','));
    Result<BucketGlob> glob = BucketGlob::parse(text);
    if (!glob) return fmt::format("buckets= takes patterns like data-*, with commas between");
    globs.push_back(std::move(*glob));
    if (text.size() == list.size()) return {};
    list.remove_prefix(text.size() + 1);
  }
}

/// The words behind the secret.
struct Limits {
  std::vector<BucketGlob> buckets;
  std::string prefix;
  bool write = false;
};

/// Why a word cannot be taken; empty: `limits` has it.
std::string add_limit(std::string_view word, Limits& limits) {
  if (word == "write") {
    limits.write = true;
    return {};
  }
  if (word.starts_with(kBucketsWord)) {
    if (!limits.buckets.empty()) return "buckets= is there twice";
    return add_globs(word.substr(kBucketsWord.size()), limits.buckets);
  }
  if (!word.starts_with(kPrefix))
    return "behind the secret come buckets=GLOB,..., prefix=TEXT and write, and nothing else";
  if (!limits.prefix.empty()) return "prefix= is there twice";
  std::optional<std::string> prefix = percent_decode(word.substr(kPrefix.size()));
  if (!prefix || prefix->empty() || prefix->size() > kPrefixBytesMax || !is_utf8(*prefix) ||
      prefix->contains('\0')) {
    return fmt::format("prefix= takes 1 to {} bytes of UTF-8, percent-encoded", kPrefixBytesMax);
  }
  limits.prefix = std::move(*prefix);
  return {};
}

bool is_id(std::string_view text) {
  return text.size() >= AccessKeys::kIdBytesMin && text.size() <= AccessKeys::kIdBytesMax &&
         std::ranges::all_of(text, is_visible) && !text.contains(',');
}

bool is_secret(std::string_view text) {
  return text.size() >= AccessKeys::kSecretBytesMin && std::ranges::all_of(text, is_visible);
}

}  // namespace

Result<AccessKeys> AccessKeys::parse(std::string_view text) {
  const auto refuse = [](std::string why) { return fail(ErrorKind::kBadRequest, std::move(why)); };
  if (text.size() > kTextBytesMax)
    return refuse(fmt::format("longer than {} bytes", kTextBytesMax));
  AccessKeys keys;
  size_t globs = 0;
  text = without_byte_order_mark(text);
  for (size_t number = 1; !text.empty(); ++number) {
    if (number > kLinesMax) return refuse(fmt::format("more than {} lines", kLinesMax));
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view id = take_word(line);
    if (id.empty() || id.starts_with('#')) continue;
    const auto faulty = [number, &refuse](std::string_view why) {
      return refuse(fmt::format("line {}: {}", number, why));
    };
    if (!is_id(id)) {
      return faulty(fmt::format("an access key has {} to {} visible ASCII characters, no comma",
                                kIdBytesMin, kIdBytesMax));
    }
    const std::string_view secret = take_word(line);
    if (!is_secret(secret)) {
      return faulty(
          fmt::format("a secret has at least {} visible ASCII characters", kSecretBytesMin));
    }
    Limits limits;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      if (const std::string why = add_limit(word, limits); !why.empty()) return faulty(why);
    }
    globs += limits.buckets.size();
    if (globs > kGlobsMax)
      return faulty(fmt::format("more than {} patterns of buckets in the file", kGlobsMax));
    keys.writers_ += limits.write ? 1 : 0;
    auto key = std::make_shared<const AccessKey>(
        std::string(id), std::string(secret),
        Grant(std::move(limits.buckets), std::move(limits.prefix), std::string(id)));
    if (!keys.keys_.emplace(id, std::move(key)).second)
      return faulty("the access key is there twice");
  }
  if (keys.keys_.empty()) return refuse("no key in it");
  return keys;
}

std::shared_ptr<const AccessKey> AccessKeys::find(std::string_view access_key_id) const {
  const auto found = keys_.find(access_key_id);
  return found == keys_.end() ? nullptr : found->second;
}

}  // namespace cachey::api::s3
